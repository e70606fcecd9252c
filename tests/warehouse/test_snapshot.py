"""A snapshot lands whole, or not at all, whichever side fails."""

import struct
from datetime import UTC, datetime
from itertools import count

import pytest

from include.core.batch import (
    COPY_HEADER,
    COPY_TRAILER,
    Batch,
    Column,
    Table,
    TableChanges,
    TableSnapshot,
    frame,
)
from include.core.errors import FatalError, RetriableError
from include.warehouse.connection import transaction
from include.warehouse.landing import land, position

AT = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = Table("items", (Column("name", "text", 1),), ("name",))


def copied(rows, failure=None, torn=b""):
    """A snapshot of `rows` names whose source fails at the end, if told so, after a torn row."""

    def copy_to(target):
        target.write(COPY_HEADER)
        for number in range(rows):
            target.write(struct.pack("!h", 1) + frame(f"{number:09}"))
        if failure:
            target.write(torn)
            raise failure
        target.write(COPY_TRAILER)
        return rows

    return TableSnapshot(ITEMS, copy_to)


def land_snapshot(url, snapshot, start=None, changes=()):
    with transaction(url) as connection:
        return land(connection, Batch("shop", start, "1", snapshots=(snapshot,), changes=changes), AT)


def test_all_rows_of_a_snapshot_share_one_number_that_follows_those_of_the_changes(warehouse_url):
    words = TableChanges(Table("words", (Column("word", "text", 1),), ("word",)), count(1))
    words.upsert(["a"])
    words.delete(["a"])
    landed = land_snapshot(warehouse_url, copied(2), changes=(words,))
    assert (landed.changes, landed.seq_to) == ({"words": 2, "items": 2}, 3)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM landing.shop_words UNION ALL SELECT * FROM landing.shop_items ORDER BY 1")
        assert cursor.fetchall() == [("000000000", 3, None, 1), ("000000001", 3, None, 1), ("a", 1, 2, 1)]


def test_the_rows_of_a_snapshot_do_not_store_the_numbers_that_they_share_and_later_rows_bring_their_own(
    warehouse_url,
):
    with transaction(warehouse_url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET client_min_messages = debug1")
        land(connection, Batch("shop", None, "1", snapshots=(copied(2),)), AT)
        # Postgres looks at no row to make the table a partition.
        implied = 'partition constraint for table "shop_items__now" is implied by existing constraints'
        assert [said for said in connection.notices if implied in said]
    items = TableChanges(ITEMS, count(1))
    items.upsert(["000000001"])
    items.upsert(["new"])
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, attmissingval::text, atthasdef, attnotnull FROM pg_attribute"
            " WHERE attrelid = 'landing.shop_items__now'::regclass AND attname LIKE '\\_%' ORDER BY attname"
        )
        assert cursor.fetchall() == [
            ("_batch", "{1}", False, True),
            ("_seq_from", "{1}", False, True),
            ("_seq_to", None, False, False),
        ]
        land(connection, Batch("shop", "1", "2", changes=(items,)), AT)
        cursor.execute("SELECT name, _seq_from, _seq_to, _batch FROM landing.shop_items ORDER BY 1, 2")
        assert cursor.fetchall() == [
            ("000000000", 1, None, 1),
            ("000000001", 1, 2, 1),
            ("000000001", 2, None, 2),
            ("new", 3, None, 2),
        ]


@pytest.mark.parametrize("torn", [b"", b"\0\4\0\0"])
def test_a_source_that_breaks_off_lands_nothing(warehouse_url, torn):
    with pytest.raises(RetriableError, match="connection lost"):
        land_snapshot(warehouse_url, copied(1000, RetriableError("connection lost"), torn))
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        assert position(connection, "shop") is None
        cursor.execute("SELECT to_regclass('landing.shop_items')")
        assert cursor.fetchone() == (None,)


def test_a_value_that_the_warehouse_refuses_names_the_table(warehouse_url):
    def copy_to(target):
        target.write(COPY_HEADER + struct.pack("!h", 1) + frame(b"\xff"))
        return 1

    with pytest.raises(FatalError, match="snapshot of table 'items' holds a value that the warehouse refuses"):
        land_snapshot(warehouse_url, TableSnapshot(ITEMS, copy_to))
