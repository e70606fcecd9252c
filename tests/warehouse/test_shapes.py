"""A landing table follows its source's table: columns come, go, are renamed or widened, and nothing is lost."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from include.core.batch import Batch, Column, Standing, Table, TableChanges
from include.core.errors import FatalError
from include.warehouse.asof import render
from include.warehouse.connection import transaction
from include.warehouse.landing import land
from include.warehouse.shapes import standings

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID, NAME = Column("id", "integer", 1), Column("name", "text", 2)
ITEMS = Table("items", (ID, NAME), ("id",), "1:1")


class Landing:
    """Lands batches of a source's tables after each other, and reads a table as of any of them."""

    def __init__(self, url, folder):
        self.url, self.folder, self.position = url, folder, None

    def land(self, *changes, **options):
        """Each change is a table and the rows to upsert."""
        numbers, made = count(1), []
        for table, *rows in changes:
            made.append(TableChanges(table, numbers))
            for row in rows:
                made[-1].upsert(row)
        end = str(int(self.position or 0) + 1)
        with transaction(self.url) as connection:
            landed = land(connection, Batch("shop", self.position, end, changes=tuple(made), **options), AT)
        self.position = end
        return landed

    def as_of(self, batch, columns="*", table="items"):
        path = Path(self.folder) / "items.sql"
        path.write_text(f"SELECT {columns} FROM {{{{ source('shop', '{table}') }}}} AS t ORDER BY 1")
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(render(connection, path, {"shop": batch}).text)
            return [column.name for column in cursor.description], cursor.fetchall()

    def physical(self):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = 'landing.shop_items'::regclass AND attnum > 0 ORDER BY attnum"
            )
            return dict(cursor.fetchall())


@pytest.fixture
def items(warehouse_url, tmp_path):
    landing = Landing(warehouse_url, tmp_path)
    landing.land((ITEMS, ["1", "a"], ["2", "b"]))
    return landing


def shape(*columns, key=("id",), storage="1:1"):
    return Table("items", columns, key, storage)


def test_an_added_column_appears_and_old_rows_hold_the_default_even_if_no_row_changes(items):
    colour = Column("colour", "text", 3, missing="red")
    landed = items.land(shapes=(shape(ID, NAME, colour),))
    assert landed.notes == ("table 'items': column 'colour' (text) was added",)
    assert items.as_of(2) == (["id", "name", "colour"], [(1, "a", "red"), (2, "b", "red")])
    assert items.as_of(1) == (["id", "name"], [(1, "a"), (2, "b")])
    items.land((shape(ID, NAME, colour), ["3", "c", None]))
    assert items.as_of(3, "id, colour")[1] == [(1, "red"), (2, "red"), (3, None)]


def test_a_dropped_column_leaves_the_current_state_and_stays_in_the_history(items):
    items.land((shape(ID), ["1"]))
    assert items.as_of(2) == (["id"], [(1,), (2,)])
    with transaction(items.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM landing.shop_items WHERE _seq_to IS NULL ORDER BY id")
        assert cursor.fetchall() == [(1, None), (2, "b")]
    assert items.as_of(1) == (["id", "name"], [(1, "a"), (2, "b")])


def test_a_renamed_column_is_followed_by_its_attnum(items):
    landed = items.land((shape(ID, Column("label", "text", 2)), ["1", "A"]))
    assert landed.notes == ("table 'items': column 'name' was renamed to 'label'",)
    assert items.as_of(2) == (["id", "label"], [(1, "A"), (2, "b")])
    assert items.as_of(1) == (["id", "name"], [(1, "a"), (2, "b")])


def test_columns_that_exchange_their_names_keep_their_values(items):
    items.land((shape(Column("name", "integer", 1), Column("id", "text", 2), key=("name",)), ["1", "A"]))
    assert items.as_of(2) == (["name", "id"], [(1, "A"), (2, "b")])


def test_a_column_dropped_and_added_under_its_name_starts_a_column_of_its_own(items):
    landed = items.land((shape(ID, Column("name", "text", 3)), ["1", "new"]))
    assert landed.notes[1] == "table 'items': column 'name' was dropped and another added under its name"
    assert "column 'name' (text) of table 'items' is landed as 'name__2'" in landed.notes[0]
    assert items.as_of(2) == (["id", "name"], [(1, "new"), (2, None)])
    assert items.as_of(1)[1] == [(1, "a"), (2, "b")]


def test_a_widened_type_widens_the_column_and_its_values_stay(items):
    items.land((shape(Column("id", "bigint", 1), NAME), ["5000000000", "c"]))
    assert items.physical()["id"] == "bigint"
    assert items.as_of(2)[1] == [(1, "a"), (2, "b"), (5_000_000_000, "c")]


def test_an_incompatible_type_starts_a_column_of_its_own_and_says_so(items):
    landed = items.land((shape(ID, Column("name", "integer", 2)), ["1", "7"]))
    assert "column 'name' (integer) of table 'items' is landed as 'name__2'" in landed.notes[0]
    assert items.as_of(2) == (["id", "name"], [(1, 7), (2, None)])
    assert items.as_of(1)[1] == [(1, "a"), (2, "b")]
    assert items.physical() | {"name": "text", "name__2": "integer"} == items.physical()


def test_another_key_takes_over_from_the_next_change_on(items):
    by_name = shape(ID, NAME, key=("name",))
    items.land((by_name, ["7", "a"], ["3", "c"]))
    assert items.as_of(2)[1] == [(2, "b"), (3, "c"), (7, "a")]


def test_a_table_may_change_its_shape_several_times_within_a_batch(items):
    wider = shape(ID, NAME, Column("n", "integer", 3, missing="0"))
    items.land((ITEMS, ["3", "c"]), (wider, ["1", "a", "1"]), (shape(ID, Column("n", "integer", 3)), ["3", "3"]))
    assert items.as_of(2) == (["id", "n"], [(1, 1), (2, 0), (3, 3)])


def test_a_shape_that_is_as_it_was_is_recorded_once(items):
    items.land((ITEMS, ["1", "A"]), shapes=(ITEMS,))
    with transaction(items.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT batch FROM sluice.landing_tables")
        assert cursor.fetchall() == [(1,)]
        assert standings(connection, "shop") == {"items": Standing(ITEMS)}


def test_what_a_table_was_read_from_is_kept_with_its_shape(items):
    moved = shape(Column("id", "integer", 1, (23, -1)), NAME, storage="1:2")
    assert items.land(shapes=(moved,)).notes == ()
    with transaction(items.url) as connection:
        assert standings(connection, "shop") == {"items": Standing(moved)}


def test_a_table_that_is_left_out_is_refused_to_read_from_then_on_and_only_from_then_on(items):
    landed = items.land(left_out={"items": "It has no key. Fix: add one."})
    assert landed.notes == ("table 'items' is left out: It has no key. Fix: add one.",)
    items.land((ITEMS, ["1", "never landed"]))
    with pytest.raises(FatalError, match=r"not up to date as of batch 3: .* since batch 2\. It has no key\."):
        items.as_of(3)
    assert items.as_of(1)[1] == [(1, "a"), (2, "b")]
    with transaction(items.url) as connection:
        assert standings(connection, "shop")["items"].left_out == "It has no key. Fix: add one."


def test_a_table_that_cannot_be_landed_keeps_no_other_from_landing_if_they_land_apart(items):
    other = Table("others", (ID,), ("id",))
    changes = (ITEMS, ["1", "A"]), (other, ["1"]), (ITEMS, ["x", "no number"])
    with pytest.raises(FatalError, match="'items' does not fit"):
        items.land(*changes)
    landed = items.land(*changes, apart=True)
    assert landed.changes == {"others": 1}
    assert "table 'items' is left out: A value of table 'items' does not fit" in landed.notes[0]
    assert items.as_of(landed.batch, table="others")[1] == [(1,)]
    assert items.as_of(1)[1] == [(1, "a"), (2, "b")]
