"""Parts of a snapshot are filled at once, apart from landing, and land together or not at all."""

import struct
from datetime import UTC, datetime
from threading import Barrier

import pytest

from include.core.batch import COPY_HEADER, COPY_TRAILER, Batch, Column, Table, TableSnapshot, frame
from include.core.errors import FatalError, RetriableError
from include.warehouse.connection import transaction
from include.warehouse.fill import clear_away, fill_apart
from include.warehouse.landing import land

AT = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = Table("items", (Column("name", "text", 1),), ("name",))
STAGED = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace AND relkind = 'r'"


def row(name):
    return struct.pack("!h", 1) + frame(name)


def batch(*parts, start=None):
    """A snapshot of items in these parts, which is not to be copied whole."""
    parts = tuple(TableSnapshot(ITEMS, part) for part in parts)
    return Batch("shop", start, "1", snapshots=(TableSnapshot(ITEMS, None, parts),))


def part(*names, meet=lambda: None):
    """A part that holds these rows; before the last of them it meets the others."""

    def copy_to(target):
        target.write(COPY_HEADER)
        for name in names[:-1]:
            target.write(row(name))
        meet()
        target.write(row(names[-1]) + COPY_TRAILER)
        return len(names)

    return copy_to


def test_parts_are_copied_at_once_and_landed_as_one_table(warehouse_url):
    # A part that waited for the one before it would break the barrier.
    meet = Barrier(3, timeout=60).wait
    read = batch(part("a", "b", meet=meet), part("c", meet=meet), part("d", "e", "f", meet=meet))
    filled = fill_apart(warehouse_url, read)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        landed = land(connection, read, AT, filled)
        cursor.execute("SELECT * FROM landing.shop_items ORDER BY name")
        assert cursor.fetchall() == [(name, 1, None, landed.batch) for name in "abcdef"]
        cursor.execute(STAGED)
        assert cursor.fetchall() == []
    assert landed.changes == {"items": 6}


def test_the_error_of_a_part_is_told_and_ends_those_that_would_go_on(warehouse_url):
    began = Barrier(2, timeout=60)
    broken = []

    def endless(target):
        target.write(COPY_HEADER + row("first"))
        target.flush()
        began.wait()
        try:
            while True:
                target.write(row("and so on"))
        except BrokenPipeError as error:
            broken.append(error)
            raise

    def fails(target):
        target.write(COPY_HEADER)
        began.wait()
        raise RetriableError("connection lost")

    with pytest.raises(RetriableError, match="connection lost"):
        fill_apart(warehouse_url, batch(endless, fails))
    assert len(broken) == 1
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(STAGED)
        ((name,),) = cursor.fetchall()
        cursor.execute(f"SELECT count(*) FROM staging.{name}")
        assert cursor.fetchone() == (0,)
        assert clear_away(cursor, "shop") == [name]


def test_a_value_that_the_warehouse_refuses_names_the_table(warehouse_url):
    with pytest.raises(FatalError, match="snapshot of table 'items' holds a value that the warehouse refuses"):
        fill_apart(warehouse_url, batch(part("a"), part(b"\xff")))


def test_a_table_with_a_history_is_not_filled_apart(warehouse_url):
    read = batch(part("a"), part("b"))
    with transaction(warehouse_url) as connection:
        land(connection, read, AT, fill_apart(warehouse_url, read))
    assert fill_apart(warehouse_url, batch(part("a"), part("c"), start="1")) == {}
