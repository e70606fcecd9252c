"""A server with a source and a warehouse, and the commands that Sluice is measured against."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn

from include.local.postgres import EmbeddedPostgres
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource
from include.warehouse.prepare import prepare

# A share of every size, for a small trial run; figures count only at 1.
SCALE = float(os.environ.get("SLUICE_BENCH_SCALE", "1"))
AT = datetime(2026, 1, 1, tzinfo=UTC)

COLUMNS = """id bigint NOT NULL, customer integer NOT NULL, amount numeric(12,2) NOT NULL,
    currency char(3) NOT NULL, status text NOT NULL, paid boolean NOT NULL, score double precision NOT NULL,
    created timestamptz NOT NULL, note text"""
NAMES = "id, customer, amount, currency, status, paid, score, created, note"
# Row number n of any payments table.
ROW = """n, n % 50000, (n % 100000) / 100.0, 'EUR', (ARRAY['new', 'paid', 'sent', 'returned'])[1 + n % 4],
    n % 3 = 0, n * 0.37, '2026-01-01'::timestamptz + n * interval '1 second',
    CASE WHEN n % 4 > 0 THEN 'note number ' || n END"""

# In transactions of 1,000 each: 700 updates and 100 deletes of rows in no order, 200 inserts.
MIX = f"""
DO $$ DECLARE
    part int;
    last bigint := (SELECT max(id) FROM payments);
BEGIN
    PERFORM setseed(0.5);
    CREATE TEMPORARY TABLE plan AS
        SELECT id, row_number() OVER (ORDER BY random()) AS place FROM payments;
    CREATE INDEX ON plan (place);
    COMMIT;
    FOR part IN 0 .. %(parts)s - 1 LOOP
        UPDATE payments SET status = 'x' || part, score = score + 1 WHERE id IN
            (SELECT id FROM plan WHERE place > part * 800 AND place <= part * 800 + 700);
        DELETE FROM payments WHERE id IN
            (SELECT id FROM plan WHERE place > part * 800 + 700 AND place <= part * 800 + 800);
        INSERT INTO payments SELECT {ROW.replace("%", "%%")}
            FROM generate_series(last + part * 200 + 1, last + part * 200 + 200) AS n;
        COMMIT;
    END LOOP;
END $$
"""


def scaled(count: int) -> int:
    """The size of a run, in whole thousands."""
    return max(1, round(count * SCALE / 1000)) * 1000


class Databases:
    """`source` and `warehouse` are URLs; each database begins empty when it is made."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self.source, self.warehouse, self.admin = (server.url(name) for name in ("source", "", "warehouse"))

    def make_source(self, rows: int) -> None:
        """The source's table of payments, with a primary key."""
        self._make("source")
        execute(self.source, f"CREATE TABLE payments ({COLUMNS}, PRIMARY KEY (id))")
        execute(self.source, f"INSERT INTO payments SELECT {ROW} FROM generate_series(1, {rows}) AS n")
        execute(self.source, "VACUUM (ANALYZE) payments", "CHECKPOINT")

    def make_warehouse(self) -> None:
        self._make("warehouse")
        password = secrets.token_urlsafe()
        prepare(self.admin, login="sluice", password=password)
        self.warehouse = self.server.url("warehouse", user="sluice", password=password)

    def collect(self, **options: Any) -> float:
        """Seconds of one collection of the payments."""
        source = PostgresSource(name="bench", connection="x", tables=("payments",), **options)
        begun = time.perf_counter()
        collect_postgres(source, self.source, self.warehouse, at=AT)
        return time.perf_counter() - begun

    def forget_slots(self) -> None:
        execute(
            self.source, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT temporary"
        )

    def change(self, changes: int) -> None:
        """Mixed changes of rows in no order, 1,000 a transaction."""
        execute(self.source, MIX % {"parts": changes // 1000})

    def copy(self, *, key: bool = False) -> float:
        """Seconds of `COPY … TO STDOUT | COPY … FROM STDIN`, binary, into a new logged table without an index.

        With `key` the table gets its primary key, as the landing table has one.
        """
        execute(self.admin, "DROP TABLE IF EXISTS public.payments", f"CREATE TABLE public.payments ({COLUMNS})")
        psql = [str(self.server.binary("psql")), "--no-psqlrc", "--quiet", "--command"]
        begun = time.perf_counter()
        reading = subprocess.Popen(
            [*psql, f"COPY (SELECT {NAMES} FROM payments) TO STDOUT (FORMAT binary)"],
            stdout=subprocess.PIPE, env=_environment(self.source),
        )  # fmt: skip
        subprocess.run(
            [*psql, "COPY public.payments FROM STDIN (FORMAT binary)"], stdin=reading.stdout, check=True,
            env=_environment(self.admin), timeout=1800,
        )  # fmt: skip
        if reading.wait(60) != 0:
            raise RuntimeError("COPY … TO STDOUT failed")
        if key:
            execute(self.admin, "ALTER TABLE public.payments ADD PRIMARY KEY (id)")
        return time.perf_counter() - begun

    def receive(self) -> float:
        """Seconds of pg_recvlogical for what the slot holds up to now, to /dev/null; the slot itself stays."""
        execute(self.source, "SELECT pg_copy_logical_replication_slot('sluice_bench', 'received')")
        ((end,),) = execute(self.source, "SELECT pg_current_wal_flush_lsn()::text")
        options = ["proto_version=1", "publication_names=sluice_bench", "binary=true"]
        command = [str(self.server.binary("pg_recvlogical")), "--slot", "received", "--start", "-f", "/dev/null"]
        begun = time.perf_counter()
        subprocess.run(
            [*command, "-d", "source", "--endpos", end, *(f"--option={option}" for option in options)],
            env=_environment(self.source), check=True, timeout=1800,
        )  # fmt: skip
        spent = time.perf_counter() - begun
        execute(self.source, "SELECT pg_drop_replication_slot('received')")
        return spent

    def _make(self, name: str) -> None:
        execute(
            self.server.url("postgres"),
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{name}'",
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        )
        self.server.create_database(name)


@contextmanager
def databases() -> Iterator[Databases]:
    """A server in a temporary folder, with the settings of `make up`."""
    home = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    server = EmbeddedPostgres(home)
    try:
        server.start()
        yield Databases(server)
    finally:
        server.destroy()
        shutil.rmtree(home)


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run each statement by itself; the rows of the last one, if it has any."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _environment(url: str) -> dict[str, str]:
    """The connection for PostgreSQL's own programs; a password is no argument that every user could see."""
    known = parse_dsn(url)
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    return {"PATH": os.environ.get("PATH", "")} | {names[key]: known[key] for key in names}
