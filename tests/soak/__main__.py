"""Everything at once, for as long as you like: `python -m tests.soak --seconds 180 --seed 1`.

Prints a line at each pause and a summary; the exit code is 0 if every proof held.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import psycopg2
from psycopg2 import sql

from include.core.errors import RetriableError, SluiceError
from include.local.postgres import EmbeddedPostgres
from include.pipeline.reconcile import reconcile
from include.specs import PostgresSource
from include.warehouse.asof import as_of
from include.warehouse.checksum import Content, checksum
from include.warehouse.connection import transaction
from include.warehouse.prepare import prepare
from tests.collect.postgres.history import wrong_in_history
from tests.soak.alterations import Alterations
from tests.soak.reader import AT
from tests.soak.readers import Readers, crash
from tests.soak.traffic import SCHEMA, TABLES, Writers

# Durability against power cuts is not what is tried here, and would only slow the traffic down.
FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "'64MB'", "autovacuum_naptime": "5"}
# A table that is altered just then makes a proof or a run be tried again.
ATTEMPTS = 20
BEHIND_BYTES = 8 * 1024 * 1024


class Soak:
    """A source server and a warehouse server, and everything that goes on at and between them."""

    def __init__(self, home, seed):
        self.source = PostgresSource(name="soak", connection="x", tables=TABLES, batch_changes=5_000)
        self.servers = {name: EmbeddedPostgres(home / name, FAST) for name in ("source", "warehouse")}
        for name, server in self.servers.items():
            server.start()
            server.create_database(name)
        self.url = self.servers["source"].url("source")
        prepare(self.servers["warehouse"].url("warehouse"), login="sluice", password="soaked")
        self.warehouse = self.servers["warehouse"].url("warehouse", user="sluice", password="soaked")
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(SCHEMA)
        connection.close()
        self.random = Random(f"{seed} soak")  # noqa: S311
        self.alterations = Alterations(self.url, seed, pause=1.5)
        self.writers = Writers(self.url, seed, 2, self.alterations.extras)
        self.readers = Readers(self.source, self.url, self.warehouse, seed)
        self.counts, self.failures = Counter(), []
        self.began = time.monotonic()
        self.proven = {}

    def round(self, seconds):
        """Traffic for a while, with a server's death in every second round, then a pause and its proof."""
        self.readers.resume()
        self.wait(seconds * self.random.random())
        if self.random.random() < 0.5:
            victim = self.random.choice(sorted(self.servers))
            crash(self.servers[victim].url(victim))
            self.counts[f"crashes of the {victim} server"] += 1
        self.wait(seconds / 2)
        self.readers.hold()
        self.alterations.hold()
        self.prove("under traffic")
        self.writers.hold()
        self.prove("at a pause")
        self.failures += wrong_in_history(self.source, self.url, self.warehouse)
        self.writers.go_on(True)
        self.alterations.resume()

    def wait(self, seconds):
        """Let the traffic go on at full speed, but for moments in which the reader is far behind."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.writers.go_on(self.behind() < BEHIND_BYTES)
            time.sleep(0.1)
        self.writers.go_on(True)

    def behind(self):
        """Bytes of the source's log that the slot has not been told to forget; 0 before there is a slot."""
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(max(pg_current_wal_flush_lsn() - confirmed_flush_lsn), 0)"
                " FROM pg_replication_slots"
            )
            (behind,) = cursor.fetchone()
        connection.close()
        return behind

    def prove(self, when):
        for attempt in range(ATTEMPTS):
            try:
                proof = reconcile(self.source, self.url, self.warehouse, at=AT)
            except RetriableError as error:
                if attempt == ATTEMPTS - 1:
                    raise
                self.counts[f"proofs {when} that were tried again"] += 1
                self.say(f"  {error.problem.splitlines()[0]}")
                time.sleep(0.5)
            else:
                break
        self.counts[f"proofs {when}"] += 1
        if not proof.equal:
            self.failures.append(f"{when}: {[table for table in proof.tables if not table.equal]!r}")
        self.proven[proof.batch] = self.landed_as_of(proof.batch)
        sums = {table.table: table.source_rows for table in proof.tables}
        wrong = sum(table.missing + table.extra + table.different for table in proof.tables)
        self.say(f"batch {proof.batch} {when}: {wrong} rows missing, extra or different of {sums}")

    def say(self, line):
        say(f"{time.monotonic() - self.began:6.1f} s  {line}")

    def landed_as_of(self, batch):
        with transaction(self.warehouse) as connection:
            whole = [sql.SQL("t.*")]
            return {
                table: checksum(connection, Content(sql.SQL(as_of(connection, "soak", table, batch)), whole, []))
                for table in TABLES
            }

    def end(self):
        """Stop everything; what was proven as of each batch must still be read so."""
        self.alterations.stop()
        self.writers.stop()
        for batch, sums in self.proven.items():
            if self.landed_as_of(batch) != sums:
                self.failures.append(f"the state as of batch {batch} is not what was proven any more")
        self.failures += [f"a reader gave up: {logged}" for logged in self.readers.gave_up]

    def destroy(self):
        for server in self.servers.values():
            server.destroy()


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--round", type=float, default=6, help="seconds of traffic between two proofs")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        soak = Soak(Path(home), asked.seed)
        ends = time.monotonic() + asked.seconds
        try:
            while time.monotonic() < ends and not soak.failures:
                soak.round(asked.round)
        except SluiceError as error:
            soak.failures.append(f"a proof could not be made: {error}")
        finally:
            soak.end()
            soak.destroy()
    for name, counts in (
        ("source", soak.writers.counts), ("changes of shape", soak.alterations.counts),
        ("readers", soak.readers.counts), ("soak", soak.counts),
    ):  # fmt: skip
        say(f"{name}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    for failure in soak.failures:
        say(f"FAILED: {failure}")
    say(f"{'FAILED' if soak.failures else 'held'} with seed {asked.seed}")
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
