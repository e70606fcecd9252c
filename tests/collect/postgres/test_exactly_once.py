"""A run that fails, is killed or gets no answer loses no change and lands none twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from include.collect.postgres.slot import Position, lsn_number

ROOT = Path(__file__).resolve().parents[3]


def test_a_first_run_that_died_before_its_commit_is_begun_again_cleanly(shop):
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        next(reader.batches(None))
    abandoned = shop.slot()
    shop.execute("DELETE FROM items", "INSERT INTO items VALUES (2, 'b')")
    shop.collect()
    assert shop.landed("items") == [(2, "b", 1, None, 1)]
    assert lsn_number(shop.slot()) > lsn_number(abandoned)


def test_the_slot_advances_only_after_the_acknowledgement_and_to_where_the_batch_ended(shop):
    shop.collect()
    began = shop.slot()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        batches = reader.batches(shop.position(), shop.standings())
        batch = next(batches)
        assert shop.slot() == began
        shop.land(batch)
        assert shop.slot() == began
        reader.acknowledge(batch.end)
        assert list(batches) == []
        shop.wait_until(lambda: shop.slot() != began)
    assert lsn_number(shop.slot()) == Position.parse(shop.position()).lsn


def test_a_write_whose_answer_was_lost_is_neither_repeated_nor_missing(shop):
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        shop.land(next(reader.batches(shop.position(), shop.standings())))
    shop.execute("INSERT INTO items VALUES (2, 'b')")
    shop.collect()
    assert shop.landed("items") == [(1, "a", 2, None, 2), (2, "b", 3, None, 3)]


def test_a_run_that_fails_to_land_reads_the_same_changes_again(shop):
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    for _failure in range(2):
        with shop.reader() as reader:
            assert [batch.changes[0].count for batch in reader.batches(shop.position(), shop.standings())] == [1]
    shop.collect()
    assert shop.landed("items") == [(1, "a", 2, None, 2)]


CHILD = """
import sys, time
from datetime import UTC, datetime
from include.collect.postgres import PostgresReader
from include.specs import PostgresSource
from include.warehouse.connection import transaction
from include.warehouse.landing import land, position
from include.warehouse.shapes import standings

name, url, warehouse, stage = sys.stdin.read().split()
source = PostgresSource(name=name, connection="x", tables=("items",))
with transaction(warehouse) as connection:
    start, known = position(connection, name), standings(connection, name)
with PostgresReader(source, url) as reader:
    for batch in reader.batches(start, known):
        with transaction(warehouse) as connection:
            land(connection, batch, datetime(2026, 1, 1, tzinfo=UTC))
            if stage == "landing":
                print("now", flush=True)
                time.sleep(600)
        if stage == "landed":
            print("now", flush=True)
            time.sleep(600)
        reader.acknowledge(batch.end)
"""


def kill_in(stage, shop):
    """Run a collection in a child process and kill it with SIGKILL when it has reached `stage`."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    child.stdin.write(f"{shop.source.name} {shop.url} {shop.warehouse} {stage}")
    child.stdin.close()
    assert child.stdout.readline() == "now\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    held = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )
    shop.wait_until(lambda: shop.query(held) == [(0,)])


@pytest.mark.parametrize("stage", ["landing", "landed"])
def test_killed_in_the_middle_of_landing_the_next_run_ends_right_and_nothing_is_doubled(shop, stage):
    shop.execute("INSERT INTO items SELECT g, 'a' FROM generate_series(1, 1000) g")
    kill_in(stage, shop)
    shop.collect()
    assert shop.tally("items", "_seq_from", "_batch") == [(1, 2 if stage == "landing" else 1, 1000)]
    shop.execute("UPDATE items SET name = 'b' WHERE id <= 10", "DELETE FROM items WHERE id > 990")
    kill_in(stage, shop)
    shop.collect()
    counts = shop.tally("items", "name", "_seq_to IS NULL")
    assert counts == [("a", False, 20), ("a", True, 980), ("b", True, 10)]
