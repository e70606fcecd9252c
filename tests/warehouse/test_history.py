"""The history `last`: of each batch a row's last version alone, and the same state as of every batch."""

import struct
from datetime import UTC, datetime
from itertools import count
from random import Random

import pytest

from include.core.batch import (
    COPY_HEADER,
    COPY_TRAILER,
    NULL_FRAME,
    UNCHANGED,
    Batch,
    Column,
    Table,
    TableChanges,
    TableSnapshot,
    frame,
)
from include.warehouse.connection import transaction
from include.warehouse.landing import land

AT = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = Table("items", (Column("id", "integer", 1), Column("name", "text", 2), Column("n", "integer", 3)), ("id",))
BAG = Table("bag", (Column("word", "text", 1),), ())


def land_batches(url, source, history, batches, table=ITEMS):
    """Land each list of calls on TableChanges as a batch; returns the last number of each."""
    ends = []
    for number, calls in enumerate(batches):
        changes = TableChanges(table, count(1))
        for name, *arguments in calls:
            getattr(changes, name)(*arguments)
        start = str(number) if number else None
        with transaction(url) as connection:
            batch = Batch(source, start, str(number + 1), changes=(changes,), history=history)
            ends.append(land(connection, batch, AT).seq_to)
    return ends


def query(url, statement):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]


def counted(url):
    """What each batch says that it changed."""
    return [changes for (changes,) in query(url, "SELECT changes FROM sluice.batches ORDER BY batch")]


def rows(url, table):
    return query(url, f"SELECT * FROM landing.{table} ORDER BY _seq_from, _seq_to, 1")


def test_a_batch_adds_the_last_version_which_begins_where_the_key_first_changed(warehouse_url):
    batches = [
        [("upsert", ["1", "a", None]), ("upsert", ["2", "b", None]), ("upsert", ["1", "A", None])],
        [
            *(("upsert", ["1", "B", None]), ("upsert", ["2", "x", None]), ("upsert", ["1", "C", None])),
            *(("delete", ["2", None, None]), ("upsert", ["3", "c", None]), ("delete", ["3", None, None])),
        ],
    ]
    land_batches(warehouse_url, "shop", "last", batches)
    assert rows(warehouse_url, "shop_items") == [
        (1, "A", None, 1, 4, 1),
        (2, "b", None, 2, 5, 1),
        (1, "C", None, 4, None, 2),
    ]
    # Two were written; one was written, one ended, and one that came and went is not told of.
    assert counted(warehouse_url) == [{"items": 2}, {"items": 2}]


def test_versions_that_end_in_a_later_step_of_their_batch_leave_no_trace(warehouse_url):
    batches = [
        [("upsert", ["1", "one", None])],
        [
            ("upsert", ["2", "two", None]),
            ("move", ["1"], ["5", UNCHANGED, "1"]),
            ("upsert", ["5", UNCHANGED, "2"]),
        ],
        [("upsert", ["3", "x", None]), ("truncate",), ("upsert", ["3", "y", None]), ("upsert", ["3", "z", None])],
    ]
    land_batches(warehouse_url, "shop", "last", batches)
    assert rows(warehouse_url, "shop_items") == [
        (1, "one", None, 1, 3, 1),
        (2, "two", None, 2, 6, 2),
        (5, "one", 2, 3, 6, 2),
        (3, "z", None, 7, None, 3),
    ]
    # Of the third batch two rows ended with the truncation, and the third row counts in the step on either side.
    assert counted(warehouse_url) == [{"items": 1}, {"items": 2}, {"items": 4}]


def test_of_a_table_without_a_key_rows_that_come_and_go_in_a_batch_are_not_kept(warehouse_url):
    batches = [
        [("upsert", ["a"]), ("upsert", ["b"]), ("delete", ["a"])],
        [("upsert", ["a"]), ("delete", ["b"]), ("upsert", ["c"]), ("truncate",), ("upsert", ["d"])],
    ]
    land_batches(warehouse_url, "shop", "last", batches, BAG)
    assert rows(warehouse_url, "shop_bag") == [("b", 2, 5, 1), ("d", 8, None, 2)]
    assert counted(warehouse_url) == [{"bag": 1}, {"bag": 4}]


def test_a_version_that_a_snapshot_of_the_same_batch_exchanges_leaves_no_trace(warehouse_url):
    def copy_to(target):
        target.write(COPY_HEADER + struct.pack("!h", 3) + frame(struct.pack("!i", 1)) + frame("seen") + NULL_FRAME)
        target.write(COPY_TRAILER)
        return 1

    land_batches(warehouse_url, "shop", "last", [[("upsert", ["1", "a", None])]])
    changes = TableChanges(ITEMS, count(1))
    changes.upsert(["1", "told", None])
    with transaction(warehouse_url) as connection:
        snapshots = (TableSnapshot(ITEMS, copy_to),)
        land(connection, Batch("shop", "1", "2", changes=(changes,), snapshots=snapshots, history="last"), AT)
    assert rows(warehouse_url, "shop_items") == [(1, "a", None, 1, 2, 1), (1, "seen", None, 3, None, 2)]


def random_batches(random):
    """Batches of changes to eight rows, which are told apart by `known`: only those can leave a value out."""
    known: set[str] = set()
    for _batch in range(8):
        calls = []
        for _change in range(12):
            this, that = random.sample("12345678", 2)
            body = UNCHANGED if this in known and random.random() < 0.4 else random.choice("abc")
            kind = random.choices(["upsert", "delete", "move", "truncate"], [6, 2, 2, 0.3])[0]
            if kind == "upsert":
                calls.append(("upsert", [this, body, str(random.randint(1, 9))]))
                known.add(this)
            elif kind == "delete":
                calls.append(("delete", [this, None, None]))
                known.discard(this)
            elif kind == "move" and this in known and that not in known:
                calls.append(("move", [this], [that, UNCHANGED, "0"]))
                known.symmetric_difference_update({this, that})
            elif kind == "truncate":
                calls.append(("truncate",))
                known.clear()
        yield calls


@pytest.mark.parametrize("seed", [1, 2])
def test_state_as_of_every_batch_is_that_of_the_whole_history(warehouse_url, seed):
    batches = list(random_batches(Random(seed)))  # noqa: S311
    ends = {h: land_batches(warehouse_url, h, h, batches) for h in ("every", "last")}
    assert ends["every"] == ends["last"]
    for end in ends["last"]:
        whole, last = (
            query(
                warehouse_url,
                f"SELECT id, name, n FROM landing.{history}_items"
                f" WHERE _seq_from <= {end} AND (_seq_to IS NULL OR _seq_to > {end}) ORDER BY id",
            )
            for history in ("every", "last")
        )
        assert whole == last
    inside = "FROM landing.{}_items JOIN sluice.batches AS b ON b.batch = _batch WHERE _seq_to <= b.seq_to"
    assert query(warehouse_url, "SELECT count(*) " + inside.format("last")) == [(0,)]
    assert query(warehouse_url, "SELECT count(*) > 0 " + inside.format("every")) == [(True,)]
