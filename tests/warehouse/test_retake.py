"""A snapshot of a table that has a history continues it by what differs, and by nothing else."""

import struct
from datetime import UTC, datetime
from itertools import count

import pytest

from include.core.batch import COPY_HEADER, COPY_TRAILER, Batch, Column, Table, TableChanges, TableSnapshot, frame
from include.warehouse.connection import transaction
from include.warehouse.landing import land
from include.warehouse.shapes import standings

AT = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = (Column("id", "text", 1), Column("name", "text", 2))
ITEMS, BAG = Table("items", COLUMNS, ("id",)), Table("items", COLUMNS, ())


def snapshot(table, *rows):
    def copy_to(target):
        target.write(COPY_HEADER)
        for row in rows:
            target.write(struct.pack("!h", len(row)) + b"".join(map(frame, row)))
        target.write(COPY_TRAILER)
        return len(rows)

    return TableSnapshot(table, copy_to)


@pytest.fixture
def retaken(warehouse_url):
    """Lands rows of a table, then a snapshot of it; returns what was counted and the table's history."""

    def retake(table, before, after, **options):
        changes = TableChanges(table, count(1))
        for row in before:
            changes.upsert(row)
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            land(connection, Batch("shop", None, "1", changes=(changes,), **options), AT)
            landed = land(connection, Batch("shop", "1", "2", snapshots=(snapshot(table, *after),)), AT)
            cursor.execute("SELECT * FROM landing.shop_items ORDER BY _seq_from, _seq_to, 1, 2")
            return landed.changes["items"], cursor.fetchall()

    return retake


def test_rows_that_vanished_are_closed_new_ones_opened_others_exchanged_and_equal_ones_left(retaken):
    before = [("1", "same"), ("2", "old"), ("3", "gone"), ("4", None)]
    after = [("1", "same"), ("2", "new"), ("4", None), ("5", "come")]
    assert retaken(ITEMS, before, after) == (
        3,
        [
            ("1", "same", 1, None, 1),
            ("2", "old", 2, 5, 1),
            ("3", "gone", 3, 5, 1),
            ("4", None, 4, None, 1),
            ("2", "new", 5, None, 2),
            ("5", "come", 5, None, 2),
        ],
    )


def test_without_a_key_equal_rows_count(retaken):
    before = [("1", "a"), ("1", "a"), ("1", "a"), ("2", None)]
    assert retaken(BAG, before, [("1", "a"), ("1", "a"), ("2", None), ("2", None)]) == (
        2,
        [
            ("1", "a", 1, 5, 1),
            ("1", "a", 2, None, 1),
            ("1", "a", 3, None, 1),
            ("2", None, 4, None, 1),
            ("2", None, 5, None, 2),
        ],
    )


def test_an_empty_snapshot_closes_everything(retaken):
    assert retaken(ITEMS, [("1", "a")], []) == (1, [("1", "a", 1, 2, 1)])


def test_a_table_that_was_left_out_is_read_again_from_its_snapshot_on(warehouse_url):
    with transaction(warehouse_url) as connection:
        land(connection, Batch("shop", None, "1", snapshots=(snapshot(ITEMS, ("1", "a")),)), AT)
        land(connection, Batch("shop", "1", "2", left_out={"items": "No key."}), AT)
        landed = land(connection, Batch("shop", "2", "3", snapshots=(snapshot(ITEMS, ("1", "b")),)), AT)
        assert landed.notes == ("table 'items' is read again",)
        assert standings(connection, "shop")["items"].left_out is None
