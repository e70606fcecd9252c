"""Landing batches: intervals, positions, unchanged values, and everything that must be refused."""

from datetime import UTC, datetime
from itertools import count

import psycopg2
import pytest

from include.core.batch import UNCHANGED, Batch, Column, Rejected, Table, TableChanges
from include.core.errors import FatalError, RetriableError
from include.warehouse.connection import connect, transaction
from include.warehouse.landing import land, newest_news, position
from include.warehouse.tables import landing_table

AT = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = Table(
    "items", (Column("id", "integer", 1), Column("c0", "text", 2), Column("_seq", "boolean", 3)), ("id",)
)
BAG = Table("bag", (Column("word", "text", 1), Column("place", "point", 2)), ())


class Landed:
    """Lands batches of one table after each other, each given as a list of calls on TableChanges."""

    def __init__(self, url, table=ITEMS):
        self.url, self.table, self.position = url, table, None

    def batch(self, *calls, **options):
        changes = TableChanges(self.table, count(1))
        for name, *arguments in calls:
            getattr(changes, name)(*arguments)
        end = str(int(self.position or 0) + 1)
        with transaction(self.url) as connection:
            landed = land(connection, Batch("shop", self.position, end, changes=(changes,), **options), AT)
        self.position = end
        return landed

    def rows(self):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM landing."shop_{self.table.name}" ORDER BY _seq_from, _seq_to, 1')
            return [tuple(row) for row in cursor.fetchall()]


@pytest.fixture
def items(warehouse_url):
    return Landed(warehouse_url)


@pytest.fixture
def bag(warehouse_url):
    return Landed(warehouse_url, BAG)


def test_every_change_of_a_row_becomes_an_interval(items):
    first = items.batch(("upsert", ["1", "a", "t"]), ("upsert", ["2", "b", None]), ("upsert", ["1", "A", "f"]))
    second = items.batch(("delete", ["2", None, None]), ("upsert", ["3", "c", "t"]), ("upsert", ["2", "b2", "t"]))
    assert items.rows() == [
        (1, "a", True, 1, 3, 1),
        (2, "b", None, 2, 4, 1),
        (1, "A", False, 3, None, 1),
        (3, "c", True, 5, None, 2),
        (2, "b2", True, 6, None, 2),
    ]
    assert (first.batch, first.seq_to, first.changes) == (1, 3, {"items": 3})
    assert (second.batch, second.seq_to, second.position) == (2, 6, "2")


def test_a_row_that_comes_and_goes_within_a_batch_is_a_closed_interval(items):
    items.batch(("upsert", ["1", "a", None]), ("delete", ["1", None, None]))
    assert items.rows() == [(1, "a", None, 1, 2, 1)]


def test_an_unchanged_value_is_the_one_before_within_the_batch_and_across_batches(items):
    items.batch(("upsert", ["1", "long", "t"]), ("upsert", ["1", UNCHANGED, "f"]))
    items.batch(
        ("upsert", ["1", UNCHANGED, None]), ("upsert", ["1", "new", "t"]), ("upsert", ["1", UNCHANGED, "f"])
    )
    assert [row[1:3] for row in items.rows()] == [
        ("long", True), ("long", False), ("long", None), ("new", True), ("new", False),
    ]  # fmt: skip


def test_an_explicit_null_is_no_unchanged_value(items):
    items.batch(("upsert", ["1", "long", "t"]))
    items.batch(("upsert", ["1", None, "t"]), ("upsert", ["1", UNCHANGED, "f"]))
    assert [row[1] for row in items.rows()] == ["long", None, None]


def test_an_unchanged_value_of_an_unknown_row_is_refused_and_never_null(items):
    items.batch(("upsert", ["1", "a", None]))
    with pytest.raises(FatalError, match="1 changes of table 'items' left a value out"):
        items.batch(("upsert", ["2", UNCHANGED, None]))


def test_moved_rows_take_their_unchanged_values_along(items):
    items.batch(("upsert", ["1", "one", None]), ("upsert", ["2", "two", None]))
    items.batch(
        ("move", ["1"], ["11", UNCHANGED, "t"]),
        ("move", ["2"], ["1", UNCHANGED, "t"]),
        ("move", ["1"], ["2", UNCHANGED, "f"]),
        ("upsert", ["2", UNCHANGED, "t"]),
    )
    assert items.rows() == [
        (1, "one", None, 1, 3, 1),
        (2, "two", None, 2, 4, 1),
        (11, "one", True, 3, None, 2),
        (1, "two", True, 4, 5, 2),
        (2, "two", False, 5, 6, 2),
        (2, "two", True, 6, None, 2),
    ]


def test_a_truncation_ends_all_rows_and_none_that_come_after(items):
    items.batch(("upsert", ["1", "a", None]))
    items.batch(("upsert", ["2", "b", None]), ("truncate",), ("upsert", ["3", "c", None]))
    assert [(row[0], row[3], row[4]) for row in items.rows()] == [(1, 1, 3), (2, 2, 3), (3, 4, None)]


def test_without_a_key_equal_rows_count_and_the_nth_end_belongs_to_the_nth_beginning(bag):
    bag.batch(("upsert", ["a", "(1,2)"]), ("upsert", ["a", "(1,2)"]), ("upsert", [None, None]))
    bag.batch(
        ("delete", ["a", "(1,2)"]),
        ("delete", [None, None]),
        ("upsert", ["a", "(1,2)"]),
        ("delete", ["a", "(1,2)"]),
        ("delete", ["a", "(1,2)"]),
    )
    assert bag.rows() == [
        ("a", "(1,2)", 1, 4, 1),
        ("a", "(1,2)", 2, 7, 1),
        (None, None, 3, 5, 1),
        ("a", "(1,2)", 6, 8, 2),
    ]
    with pytest.raises(FatalError, match="1 rows of table 'bag' ended that are not landed"):
        bag.batch(("delete", ["a", "(1,2)"]))


def test_with_skip_unchanged_an_equal_row_writes_nothing(items):
    items.batch(("upsert", ["1", "a", None]), ("upsert", ["2", "b", None]), skip_unchanged=True)
    landed = items.batch(
        ("upsert", ["1", "a", None]),
        ("upsert", ["2", "b", "t"]),
        ("upsert", ["2", "b", "t"]),
        ("delete", ["1", None, None]),
        ("upsert", ["1", "a", None]),
        skip_unchanged=True,
    )
    assert landed.changes == {"items": 3}
    assert [(row[0], row[2], row[3], row[4]) for row in items.rows()] == [
        (1, None, 1, 6), (2, None, 2, 4), (2, True, 4, None), (1, None, 7, None),
    ]  # fmt: skip


def test_a_batch_that_does_not_begin_at_the_stored_position_is_refused(items):
    items.batch(("upsert", ["1", "a", None]))
    items.position = None
    with pytest.raises(RetriableError, match=r"ended \(1\); this one begins at None"):
        items.batch(("upsert", ["1", "a", None]))
    assert items.rows() == [(1, "a", None, 1, None, 1)]


def test_position_and_rows_are_one_transaction(items):
    connection = connect(items.url, role="sluice_writer")
    changes = TableChanges(ITEMS, count(1))
    changes.upsert(["1", "a", None])
    land(connection, Batch("shop", None, "1", changes=(changes,)), AT)
    with transaction(items.url) as other:
        assert position(other, "shop") is None
    connection.rollback()
    assert position(connection, "shop") is None
    connection.close()


def test_rejected_records_alone_make_a_batch_and_are_kept_with_every_reason(warehouse_url):
    bad = (
        Rejected("pages", "/a", {"price": "x\x00\ud800", "n": [float("nan"), 1]}, ("price: no number", "n: odd")),
        Rejected("pages", None, {}, ("empty",)),
    )
    with transaction(warehouse_url) as connection:
        landed = land(connection, Batch("site", None, "crawl 1", rejected=bad), AT)
        assert (landed.rejected, landed.seq_to, landed.changes) == (2, 1, {})
        cursor = connection.cursor()
        cursor.execute(
            'SELECT run, row_number, key, "row", reasons, batches, quarantined_at FROM quarantine.site_pages'
        )
        assert cursor.fetchall() == [
            (f"batch {landed.batch}", 1, "/a", {"price": "x��"[:2] + "?", "n": ["nan", 1]},
             ["price: no number", "n: odd"], {"site": landed.batch}, AT),
            (f"batch {landed.batch}", 2, None, {}, ["empty"], {"site": landed.batch}, AT),
        ]  # fmt: skip
        assert land(connection, Batch("site", "crawl 1", "crawl 2"), AT).seq_to == 2


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (Column("_seq_to", "text"), "a name that landing needs for itself"),
        (Column("x", "text); DROP TABLE x; --"), "no built-in type's name"),
    ],
)
def test_columns_that_cannot_be_landed_are_refused(items, column, says):
    items.table = Table("items", (Column("id", "integer"), column), ("id",))
    with pytest.raises(FatalError, match=says):
        items.batch(("upsert", ["1", "a"]))


@pytest.mark.parametrize("value", ["many", "1\x00"])
def test_a_value_that_does_not_fit_names_the_table(items, value):
    with pytest.raises(FatalError, match="'items'"):
        items.batch(("upsert", [value, None, None]))


def test_names_with_capitals_spaces_quotes_and_the_full_length_are_landed(warehouse_url):
    names = ('Order "lines"', "ä" * 31, "%s {x}")
    for number, name in enumerate(names):
        table = Table(name, (Column(name, "integer", 1),), (name,))
        changes = TableChanges(table, count(1))
        changes.upsert(["7"])
        with transaction(warehouse_url) as connection:
            land(connection, Batch(f"s{number}", None, "1", changes=(changes,)), AT)
            cursor = connection.cursor()
            cursor.execute(
                psycopg2.sql.SQL("SELECT {} FROM {}").format(
                    psycopg2.sql.Identifier(name),
                    psycopg2.sql.Identifier("landing", landing_table(f"s{number}", name)),
                )
            )
            assert cursor.fetchall() == [(7,)]
    assert len(landing_table("s1", names[1]).encode()) <= 63


def test_two_sources_whose_joined_names_meet_are_refused(warehouse_url):
    def one(source, table):
        changes = TableChanges(Table(table, (Column("id", "integer"),), ("id",)), count(1))
        with transaction(warehouse_url) as connection:
            land(connection, Batch(source, None, "1", changes=(changes,)), AT)

    one("a", "b_c")
    with pytest.raises(FatalError, match="belongs to another source"):
        one("a_b", "c")


def test_a_bad_record_that_a_second_crawl_meets_again_is_kept_once(warehouse_url):
    bad = (Rejected("products", "p1", {"price": "free"}, ("price: must be a number",)),)
    worse = (Rejected("products", "p1", {"price": "none"}, ("price: must be a number",)),)
    with transaction(warehouse_url) as connection:
        crawls = [("crawl 1", bad), ("crawl 2", bad), ("crawl 3", worse)]
        start, kept = None, []
        for end, rejected in crawls:
            batch = Batch("site", start, end, rejected=rejected, skip_unchanged=True)
            kept.append(land(connection, batch, AT).rejected)
            start = end
    assert kept == [1, 0, 1]


def test_the_newest_news_is_the_newest_batch_that_holds_anything(warehouse_url):
    bad = (Rejected("products", "p1", {"price": "free"}, ("price: must be a number",)),)
    with transaction(warehouse_url) as connection:
        assert newest_news(connection, "site") is None
        land(connection, Batch("site", None, "crawl 1"), AT)
        assert newest_news(connection, "site") is None
        landed = land(connection, Batch("site", "crawl 1", "crawl 2", rejected=bad), AT)
        land(connection, Batch("site", "crawl 2", "crawl 3"), AT)
        assert newest_news(connection, "site") == landed
