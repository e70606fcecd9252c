"""A run over a source: snapshot, changes, acknowledgement, and runs that die or meet each other."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psycopg2
import pytest
from psycopg2.extras import LogicalReplicationConnection

from include.collect.postgres.slot import Position, lsn_number
from include.core.errors import FatalError, RetriableError
from include.warehouse.connection import transaction
from include.warehouse.landing import land

ITEMS = "CREATE TABLE items (id int PRIMARY KEY, name text)"
AT = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


def land_batch(shop, batch):
    with transaction(shop.warehouse) as connection:
        return land(connection, batch, AT)


def test_the_first_run_lands_a_snapshot_and_the_next_what_changed(line):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items VALUES (1, 'a'), (2, NULL)")
    first = shop.collect()
    shop.execute(
        "INSERT INTO items VALUES (3, 'c')",
        "UPDATE items SET name = 'b' WHERE id = 2",
        "DELETE FROM items WHERE id = 1",
    )
    second = shop.collect()
    assert shop.landed("items") == [
        (1, "a", 1, 4, 1), (2, None, 1, 3, 1), (3, "c", 2, None, 2), (2, "b", 3, None, 2),
    ]  # fmt: skip
    assert [batch.changes for batch in first + second] == [{"items": 2}, {"items": 3}]
    assert shop.collect() == []


def test_what_is_committed_while_the_snapshot_is_taken_comes_once_by_the_stream(line):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items VALUES (1, 'before')")
    with shop.reader() as reader:
        batches = reader.batches(None)
        snapshot = next(batches)
        shop.execute("INSERT INTO items VALUES (2, 'after')", "UPDATE items SET name = 'changed' WHERE id = 1")
        land_batch(shop, snapshot)
        reader.acknowledge(snapshot.end)
        assert shop.landed("items") == [(1, "before", 1, None, 1)]
        for batch in batches:
            land_batch(shop, batch)
            reader.acknowledge(batch.end)
    assert shop.landed("items") == [(1, "before", 1, 3, 1), (2, "after", 2, None, 2), (1, "changed", 3, None, 2)]


def test_a_first_run_that_died_before_its_commit_is_begun_again_cleanly(line):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        next(reader.batches(None))
    abandoned = shop.slot()
    shop.execute("DELETE FROM items", "INSERT INTO items VALUES (2, 'b')")
    shop.collect()
    assert shop.landed("items") == [(2, "b", 1, None, 1)]
    assert lsn_number(shop.slot()) > lsn_number(abandoned)


def test_the_slot_advances_only_after_the_acknowledgement_and_to_where_the_batch_ended(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    began = shop.slot()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        batches = reader.batches(shop.position())
        batch = next(batches)
        assert shop.slot() == began
        land_batch(shop, batch)
        assert shop.slot() == began
        reader.acknowledge(batch.end)
        assert list(batches) == []
        wait_until(lambda: shop.slot() != began)
    assert lsn_number(shop.slot()) == Position.parse(shop.position()).lsn


def test_a_write_whose_answer_was_lost_is_neither_repeated_nor_missing(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        land_batch(shop, next(reader.batches(shop.position())))
    shop.execute("INSERT INTO items VALUES (2, 'b')")
    shop.collect()
    assert shop.landed("items") == [(1, "a", 2, None, 2), (2, "b", 3, None, 3)]


def test_a_run_that_fails_to_land_reads_the_same_changes_again(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    for _failure in range(2):
        with shop.reader() as reader:
            assert [batch.changes[0].count for batch in reader.batches(shop.position())] == [1]
    shop.collect()
    assert shop.landed("items") == [(1, "a", 2, None, 2)]


def test_an_idle_run_writes_nothing_and_leaves_the_slot_where_the_position_is(line):
    shop = line("items")
    shop.execute(ITEMS, "CREATE TABLE others (id int)")
    shop.collect()
    position, slot = shop.position(), shop.slot()
    shop.execute("INSERT INTO others VALUES (1)")
    for _idle in range(2):
        assert shop.collect() == []
    assert (shop.position(), shop.slot()) == (position, slot)


def test_a_run_at_the_very_end_of_the_log_ends_at_once(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    ((end,),) = shop.query("SELECT pg_current_wal_flush_lsn()::text")
    stored = Position.parse(shop.position()).at(lsn_number(end))
    with shop.reader() as reader:
        assert list(reader.batches(str(stored))) == []


def test_where_only_other_tables_change_a_batch_of_nothing_lets_the_log_go(line):
    shop = line("items")
    shop.execute(ITEMS, "CREATE TABLE others (filling text)")
    shop.collect()
    before = Position.parse(shop.position()).lsn
    shop.execute("INSERT INTO others SELECT repeat(md5(g::text), 60) FROM generate_series(1, 12000) g")
    (advance,) = shop.collect()
    assert (advance.changes, advance.rejected) == ({}, 0)
    assert Position.parse(shop.position()).lsn - before > 16 * 1024 * 1024
    wait_until(lambda: lsn_number(shop.slot()) == Position.parse(shop.position()).lsn)
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    shop.collect()
    assert shop.current("items", "id, name") == [(1, "a")]


def test_batches_end_at_commits_and_no_transaction_is_ever_split(line):
    shop = line("items", "notes", batch_changes=3)
    shop.execute(ITEMS, "CREATE TABLE notes (id int PRIMARY KEY)")
    shop.collect()
    shop.execute(
        "INSERT INTO items VALUES (1), (2)",
        ("INSERT INTO items VALUES (3)", "INSERT INTO notes VALUES (3)", "INSERT INTO items VALUES (4), (5)"),
        "INSERT INTO notes VALUES (6)",
    )
    assert [batch.changes for batch in shop.collect()] == [{"items": 5, "notes": 1}, {"notes": 1}]
    assert shop.landed("items", "DISTINCT _batch, _seq_from")[-1] == (2, 7)
    assert shop.landed("notes", "id, _seq_from, _batch") == [(3, 5, 2), (6, 8, 3)]


def test_what_is_rolled_back_leaves_nothing_and_commits_keep_their_order(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    late = open_transaction(shop, "INSERT INTO items VALUES (1, 'opened first, committed last')")
    lost = open_transaction(shop, "INSERT INTO items VALUES (2, 'never')")
    shop.execute(
        (
            "INSERT INTO items VALUES (3, 'kept')",
            "SAVEPOINT s",
            "UPDATE items SET name = 'undone'",
            "ROLLBACK TO s",
        ),
    )
    lost.rollback()
    late.commit()
    shop.collect()
    assert shop.landed("items") == [
        (3, "kept", 2, None, 2), (1, "opened first, committed last", 3, None, 2),
    ]  # fmt: skip


def test_of_two_runs_at_once_the_second_is_refused(line):
    shop = line("items")
    shop.execute(ITEMS)
    with shop.reader() as first, shop.reader() as second:
        batches = first.batches(None)
        batch = next(batches)
        with pytest.raises(RetriableError, match="Another run is reading"):
            next(second.batches(None))
        land_batch(shop, batch)
    assert shop.collect() == []


def test_the_second_is_refused_before_it_could_read_a_position_that_still_moves(line):
    shop = line("items")
    shop.execute(ITEMS)
    with shop.reader() as first, shop.reader() as second:
        first.check()
        with pytest.raises(RetriableError, match="Another run is reading"):
            second.check()
        first.close()
        second.check()


def test_a_run_that_fails_half_way_frees_the_slot_at_once(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        batches = reader.batches(shop.position())
        next(batches)
        assert shop.slot("active") is True
    wait_until(lambda: shop.slot("active") is False)


def test_a_slot_that_somebody_else_reads_can_be_tried_again_later(line):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    other = LogicalReplicationConnection(shop.url)
    options = {"proto_version": "1", "publication_names": shop.source.publication}
    other.cursor().start_replication(shop.source.slot, options=options)
    with pytest.raises(RetriableError, match=r"is in use: replication slot .* is active"):
        shop.collect()
    other.close()
    wait_until(lambda: shop.slot("active") is False)
    assert [batch.changes for batch in shop.collect()] == [{"items": 1}]


def test_a_table_declared_after_the_first_run_is_refused_rather_than_read_from_the_middle(line):
    shop = line("items")
    shop.execute(ITEMS, "CREATE TABLE late (id int PRIMARY KEY)")
    shop.collect()
    with pytest.raises(FatalError, match="does not hold 'late'"):
        shop.collect(tables=("items", "late"))


def random_change(random):
    """One statement on the table of documents or on the bag, as dirty as traffic gets."""
    this, that = random.sample(range(12), 2)
    length = random.choice([3, 9000])
    return random.choice(
        [
            f"INSERT INTO docs SELECT g, repeat('{this % 10}', {length}), 0 FROM generate_series({this}, 11) g"
            " ON CONFLICT DO NOTHING",
            f"UPDATE docs SET n = {that} WHERE id = {this}",
            f"UPDATE docs SET n = n + 1 WHERE id % 3 = {that % 3}",
            f"UPDATE docs SET body = repeat('{that % 10}', {length}) WHERE id = {this}",
            f"UPDATE docs SET id = {that}, n = 7 WHERE id = {this} AND {that} NOT IN (SELECT id FROM docs)",
            "UPDATE docs SET id = id + 100 WHERE id < 100 AND id + 100 NOT IN (SELECT id FROM docs)",
            "UPDATE docs SET id = id - 100 WHERE id >= 100 AND id - 100 NOT IN (SELECT id FROM docs)",
            f"DELETE FROM docs WHERE id = {this}",
            f"INSERT INTO bag VALUES ('{this % 3}', repeat('x', {length})), ('{this % 3}', NULL)",
            f"UPDATE bag SET word = '{that % 3}' WHERE word = '{this % 3}'",
            f"DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag WHERE word = '{this % 3}')",
            random.choice(["TRUNCATE docs, bag", "TRUNCATE bag", *["SELECT 1"] * 6]),
        ]
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_changes_the_landing_is_the_source_as_of_every_run(line, seed):
    random = Random(seed)  # noqa: S311
    shop = line("docs", "bag", batch_changes=7)
    shop.execute(
        "CREATE TABLE docs (id int PRIMARY KEY, body text, n int)",
        "ALTER TABLE docs ALTER body SET STORAGE EXTERNAL",
        "CREATE TABLE bag (word text, body text)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "ALTER TABLE bag ALTER body SET STORAGE EXTERNAL",
        "INSERT INTO docs SELECT g, repeat('s', 9000), 0 FROM generate_series(0, 9) g",
    )
    shop.collect()
    runs = []
    for _run in range(4):
        for _transaction in range(15):
            statements = [random_change(random) for _ in range(random.randint(1, 4))]
            shop.execute((*statements, random.choice(["ROLLBACK", "SELECT 1", "SELECT 1"])))
        landed = shop.collect()
        runs.append((landed[-1].seq_to, contents(shop)))
    for seq, expected in runs:
        as_of = f"_seq_from <= {seq} AND (_seq_to IS NULL OR _seq_to > {seq})"
        docs = sorted(shop.landed("docs", "id, md5(body), n", as_of))
        bag = sorted(shop.landed("bag", "word, coalesce(length(body), 0)", as_of))
        assert (docs, bag) == expected


def contents(shop):
    docs = shop.query("SELECT id, md5(body), n FROM public.docs")
    bag = shop.query("SELECT word, coalesce(length(body), 0) FROM public.bag")
    return sorted(docs), sorted(bag)


CHILD = """
import sys, time
from datetime import UTC, datetime
from include.collect.postgres import PostgresReader
from include.specs import PostgresSource
from include.warehouse.connection import transaction
from include.warehouse.landing import land, position

name, url, warehouse, stage = sys.stdin.read().split()
source = PostgresSource(name=name, connection="x", tables=("items",))
with transaction(warehouse) as connection:
    start = position(connection, name)
with PostgresReader(source, url) as reader:
    for batch in reader.batches(start):
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
    wait_until(lambda: shop.query(held) == [(0,)])


@pytest.mark.parametrize("stage", ["landing", "landed"])
def test_killed_in_the_middle_of_landing_the_next_run_ends_right_and_nothing_is_doubled(line, stage):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items SELECT g, 'a' FROM generate_series(1, 1000) g")
    kill_in(stage, shop)
    shop.collect()
    assert shop.tally("items", "_seq_from", "_batch") == [(1, 2 if stage == "landing" else 1, 1000)]
    shop.execute("UPDATE items SET name = 'b' WHERE id <= 10", "DELETE FROM items WHERE id > 990")
    kill_in(stage, shop)
    shop.collect()
    counts = shop.tally("items", "name", "_seq_to IS NULL")
    assert counts == [("a", False, 20), ("a", True, 980), ("b", True, 10)]


def open_transaction(shop, statement):
    connection = psycopg2.connect(shop.url)
    connection.cursor().execute(statement)
    return connection


def wait_until(condition):
    """The server hears of some things a moment later; fail after 20 s."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
