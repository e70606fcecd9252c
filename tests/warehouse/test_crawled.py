"""A finished crawl as a batch: each key once, in order; what nobody shows any more is deleted."""

from datetime import UTC, datetime

import pytest

from include.core.batch import Rejected
from include.core.crawl import Figures, Shape, Visit
from include.core.errors import FatalError
from include.warehouse import crawls
from include.warehouse.connection import transaction
from include.warehouse.crawled import as_batch
from include.warehouse.landing import land

AT = datetime(2026, 3, 1, tzinfo=UTC)
ITEMS = Shape("items", "name", (("name", "text"), ("size", "bigint")))


def visit(path, *rows, outcome="read", rejected=(), reason=None):
    found = tuple(("items", name, [name, size]) for name, size in rows)
    return Visit(path, path, outcome, 1, rows=found, rejected=tuple(rejected), reason=reason)


def crawl(connection, number, *visits):
    """Keep, land and finish a crawl; its batch's rejections, its changes and its figures."""
    start = f"crawl {number - 1}" if number > 1 else None
    crawls.begin(connection, "site", number, "r", at=AT, within=60)
    crawls.keep(connection, "site", number, visits)
    batch, figures = as_batch(connection, "site", number, start, (ITEMS,))
    landed = land(connection, batch, AT)
    crawls.finish(connection, "site", number, figures)
    return batch.rejected, landed.changes, figures


def current(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, size FROM landing.site_items WHERE _seq_to IS NULL ORDER BY _seq_from")
        return cursor.fetchall()


def test_rows_land_in_the_order_of_their_keys_whatever_order_the_pages_came_in(warehouse_url):
    with transaction(warehouse_url) as connection:
        _, changes, figures = crawl(connection, 1, visit("/2", ("b", "2"), ("B", None)), visit("/1", ("a", "1")))
        assert changes == {"items": 3}
        assert current(connection) == [("B", None), ("a", 1), ("b", 2)]
        assert figures == Figures(
            visits=2, unread={}, rows={"items": 3}, read={"items": 3}, rejected={"items": 0},
            filled={"items": {"name": 3, "size": 2}},
        )  # fmt: skip


def test_a_key_that_says_two_things_lands_once_and_says_so(warehouse_url):
    with transaction(warehouse_url) as connection:
        rejected, changes, figures = crawl(
            connection, 1, visit("/1", ("a", "2")), visit("/2", ("a", "1")), visit("/3", ("a", "2"))
        )
        assert (changes, current(connection), figures.rejected) == ({"items": 1}, [("a", 1)], {"items": 1})
        assert rejected == (Rejected("items", "a", {"name": "a", "size": "2"}, ("name: seen_twice",)),)


def test_what_many_pages_say_in_vain_is_rejected_once_and_counts_as_no_record(warehouse_url):
    bad = ("pages", "http://[", {"path": "http://["}, ["address: malformed"])
    with transaction(warehouse_url) as connection:
        rejected, _, figures = crawl(connection, 1, *(visit(f"/{n}", rejected=[bad]) for n in range(5)))
        assert rejected == (Rejected("pages", "http://[", {"path": "http://["}, ("address: malformed",)),)
        assert (figures.visits, figures.rejected) == (5, {"items": 0})


def test_what_nobody_shows_is_deleted_and_what_nobody_could_read_is_not(warehouse_url):
    names = ("moved", "gone", "unread", "broken", "dead")
    broken = ("items", "broken", {"name": "broken"}, ["size: missing"])
    dead = ("items", "dead", {"name": "dead"}, ["status: 404"])
    with transaction(warehouse_url) as connection:
        crawl(connection, 1, *(visit(f"/{name}", (name, "1")) for name in names))
        unread = visit("/unread", outcome="unread", reason="status: 500")
        lost = visit("/dead", outcome="gone", rejected=[dead], reason="status: 404")
        shown = visit("/new", ("moved", "1")), visit("/broken", rejected=[broken])
        _, changes, figures = crawl(connection, 2, unread, lost, *shown)
        assert changes == {"items": 2}
        assert [name for name, _ in current(connection)] == ["broken", "moved", "unread"]
        assert (figures.rows, figures.read, figures.unread) == ({"items": 2}, {"items": 1}, {"status: 500": 1})


def test_a_spider_that_changes_the_key_of_a_table_is_refused(warehouse_url):
    with transaction(warehouse_url) as connection:
        crawl(connection, 1, visit("/1", ("a", "1")))
        crawls.begin(connection, "site", 2, "r", at=AT, within=60)
        with pytest.raises(FatalError, match=r"key of table 'items' of site 'site' was name, and now is size"):
            as_batch(connection, "site", 2, "crawl 1", (Shape("items", "size", ITEMS.columns),))


def test_a_field_that_a_spider_finds_from_now_on_is_a_column_from_now_on(warehouse_url):
    with transaction(warehouse_url) as connection:
        crawl(connection, 1, visit("/1", ("a", "1")), visit("/2", ("b", "1")))
        crawls.begin(connection, "site", 2, "other", at=AT, within=60)
        crawls.keep(connection, "site", 2, [
            Visit("/1", "/1", "read", 1, rows=(("items", "a", ["a", "1", "red"]),)),
            Visit("/2", "/2", "unread", 1, reason="status: 500"),
        ])  # fmt: skip
        more = Shape("items", "name", (*ITEMS.columns, ("colour", "text")))
        batch, figures = as_batch(connection, "site", 2, "crawl 1", (more,))
        assert land(connection, batch, AT).changes == {"items": 1}
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, size, colour FROM landing.site_items WHERE _seq_to IS NULL ORDER BY name")
            assert cursor.fetchall() == [("a", 1, "red"), ("b", 1, None)]
        assert figures.filled == {"items": {"name": 1, "size": 1, "colour": 1}}
