"""A crawl under way: what is kept, what is inherited from the crawl before, and what is thrown away."""

from datetime import UTC, datetime, timedelta

import pytest

from include.core.crawl import Figures, Remembered, Shape, Visit
from include.core.errors import FatalError
from include.warehouse import crawls
from include.warehouse.connection import transaction

AT = datetime(2026, 3, 1, tzinfo=UTC)
ITEMS = Shape("items", "name", (("name", "text"), ("size", "bigint")))
PAGE = Visit(
    "/a", "/a", "read", 1, ("/b", ["/a.png", "picture", {"label": "1\x00\ud800"}]), '"1"', "yesterday",
    rows=(("items", "x", ["x", "1"]),), rejected=(("items", "y", {"name": "y"}, ["size: missing"]),),
)  # fmt: skip


@pytest.fixture
def connection(warehouse_url):
    with transaction(warehouse_url) as connection:
        yield connection


def begin(connection, crawl, recipe="r", **options):
    crawls.begin(connection, "site", crawl, recipe, **{"at": AT, "within": 60} | options)


def finished(connection, *visits):
    """A first crawl that came to its end."""
    begin(connection, 1)
    crawls.keep(connection, "site", 1, visits)
    crawls.finish(connection, "site", 1, Figures(visits=len(visits)))


def kept(connection, crawl):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, content, reasons, kept FROM crawls.records WHERE crawl = %s ORDER BY key, reasons",
            (crawl,),
        )
        return cursor.fetchall()


@pytest.mark.parametrize(("position", "number"), [(None, 1), ("crawl 1", 2), ("crawl 41", 42)])
def test_crawls_are_counted(position, number):
    assert crawls.number_after(position) == number


@pytest.mark.parametrize("position", ["0/16B3748", "crawl", "crawl x", ""])
def test_a_position_of_another_kind_of_source_is_refused(position):
    with pytest.raises(FatalError, match=f"reads like 'crawl 3'; this one is '{position}'"):
        crawls.number_after(position)


def test_a_visit_comes_back_as_it_was_kept(connection):
    begin(connection, 1)
    crawls.declare(connection, "site", 1, [ITEMS])
    crawls.keep(connection, "site", 1, [PAGE])
    assert crawls.visits(connection, "site", 1, "r") == (
        Remembered("/a", "read", 1, PAGE.links, '"1"', "yesterday"),
    )
    assert crawls.shapes(connection, "site", 1) == (ITEMS,)
    assert kept(connection, 1) == [
        ("x", ["x", "1"], None, False), ("y", {"name": "y"}, ["size: missing"], False),
    ]  # fmt: skip


def test_an_unmodified_page_has_what_it_had_and_an_unread_one_keeps_it_as_it_is_landed(connection):
    unread = Visit("/b", "/b", "unread", 1, rejected=(("pages", "/b", {}, ["status: 500"]),), reason="status: 500")
    finished(connection, PAGE, Visit("/b", "/b", "read", 1, ("/c",), rows=(("items", "z", ["z", None]),)))
    begin(connection, 2)
    crawls.keep(connection, "site", 2, [Visit("/a", "/a", "same", 3), unread])
    assert crawls.visits(connection, "site", 2, "r") == (
        Remembered("/b", "unread", 1, ("/c",)), Remembered("/a", "same", 3, PAGE.links, '"1"', "yesterday"),
    )  # fmt: skip
    assert kept(connection, 2) == [
        ("/b", {}, ["status: 500"], False), ("x", ["x", "1"], None, False),
        ("y", {"name": "y"}, ["size: missing"], False), ("z", ["z", None], None, True),
    ]  # fmt: skip


def test_what_another_recipe_read_is_remembered_without_a_way_to_ask_whether_it_changed(connection):
    finished(connection, PAGE)
    begin(connection, 2, recipe="other")
    assert crawls.visits(connection, "site", 1, "other") == (Remembered("/a", "read", 1, PAGE.links),)
    crawls.keep(connection, "site", 2, [Visit("/a", "/a", "unread", 1, reason="status: 500")])
    assert crawls.visits(connection, "site", 2, "other") == (Remembered("/a", "unread", 1, PAGE.links),)


@pytest.mark.parametrize(
    ("again", "goes_on"),
    [
        ({}, True),
        ({"at": AT + timedelta(seconds=60)}, True),
        ({"at": AT + timedelta(seconds=61)}, False),
        ({"recipe": "other"}, False),
    ],
)
def test_a_crawl_goes_on_or_begins_anew(connection, again, goes_on):
    begin(connection, 1)
    crawls.keep(connection, "site", 1, [PAGE])
    begin(connection, 1, **again)
    assert bool(crawls.visits(connection, "site", 1, "r")) is goes_on
    assert bool(kept(connection, 1)) is goes_on


def test_a_refused_crawl_goes_on_only_if_it_is_wanted_all_the_same(connection):
    begin(connection, 1)
    crawls.keep(connection, "site", 1, [PAGE])
    crawls.refuse(connection, "site", 1)
    begin(connection, 1, refused_too=True)
    assert len(crawls.visits(connection, "site", 1, "r")) == 1
    begin(connection, 1)
    assert crawls.visits(connection, "site", 1, "r") == ()


def test_a_finished_crawl_is_the_one_before_and_those_before_it_are_forgotten(connection):
    finished(connection, PAGE)
    begin(connection, 2)
    crawls.keep(connection, "site", 2, [Visit("/a", "/a", "unread", 1), Visit("/c", "/c", "read", 1)])
    crawls.forget_unread(connection, "site", 2)
    assert [visit.visit for visit in crawls.visits(connection, "site", 2, "r")] == ["/c"]
    assert (crawls.figures(connection, "site", 1), crawls.figures(connection, "site", 2)) == (
        Figures(visits=1),
        None,
    )
    crawls.finish(connection, "site", 2, Figures(visits=1, rows={"items": 0}))
    assert crawls.figures(connection, "site", 2) == Figures(visits=1, rows={"items": 0})
    assert (crawls.figures(connection, "site", 1), kept(connection, 1)) == (None, [])
