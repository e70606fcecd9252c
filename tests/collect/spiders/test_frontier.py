"""Each link once, on the site, within bounds, and what is not followed has its reason."""

import pytest

from include.collect.addresses import Site
from include.collect.spiders.frontier import Bounds, Frontier, Refused
from include.core.crawl import Link, Remembered

BASE = "http://shop.example/folder/page"


def frontier(robots="", **bounds):
    limits = {"pages": 100, "depth": 5, "variants": 3} | bounds
    return Frontier(Site.of("http://shop.example/"), robots, "Sluice/1.0", Bounds(**limits))


@pytest.mark.parametrize(
    ("address", "depth", "found"),
    [
        ("next", 1, Link("/folder/next", depth=1)),
        (" /a b#c ", 1, Link("/a%20b", depth=1)),
        ("?page=2", 5, Link("/folder/page?page=2", depth=5)),
        ("/ü", 1, Link("/%C3%BC", depth=1)),
        ("/deep", 6, Refused("/deep", "address: too_deep")),
        ("/private/x", 1, None),
        ("http://elsewhere.example/", 1, None),
        ("mailto:a@b.org", 1, None),
        ("data:image/png;base64,AAAA", 1, None),
        ("http://[", 1, Refused("http://[", "address: malformed")),
        ("/\ud800", 1, Refused("/\ud800", "address: malformed")),
        ("/" + "x" * 2_000, 1, Refused("/" + "x" * 1_999, "address: too_long")),
        ("/a/b/a/b/a/b/a/b/a", 1, Refused("/a/b/a/b/a/b/a/b/a", "address: repeats_itself")),
    ],
)
def test_a_link_is_followed_refused_or_none_of_ours(address, depth, found):
    assert frontier("User-agent: *\nDisallow: /private\n").link(address, BASE, depth=depth) == found


def test_addresses_that_differ_in_nothing_but_their_query_are_followed_so_many_times():
    found = frontier()
    links = [found.link(f"/calendar?day={day}", BASE, depth=1) for day in range(5)]
    assert links[3:] == [Refused(f"/calendar?day={day}", "address: too_many_variants") for day in (3, 4)]
    assert found.link("/other?day=1", BASE, depth=1) == Link("/other?day=1", depth=1)
    assert found.link("/calendar?day=0", BASE, depth=1) == links[0]


def test_a_link_is_fresh_once_and_a_file_with_other_arguments_is_another():
    found = frontier()
    file = Link("/a.png", "picture", {"label": "1"})
    assert found.fresh([Link("/a"), Link("/a"), file, file, Link("/a.png")]) == [Link("/a"), file, Link("/a.png")]
    assert found.fresh([Link("/a", depth=3), Link("/a.png", "picture", {"label": "2"})]) == [
        Link("/a.png", "picture", {"label": "2"})
    ]


def test_a_page_that_was_seen_on_a_short_way_is_not_too_deep_on_a_long_one():
    found = frontier()
    found.fresh([Link("/a", depth=1)])
    assert found.link("/a", BASE, depth=6) == Link("/a", depth=6)


def test_there_may_be_more_pages_than_declared():
    found = frontier(pages=2)
    found.fresh([Link("/a"), Link("/b")])
    assert not found.overfull
    found.fresh([Link("/c")])
    assert found.overfull


def test_a_crawl_resumes_with_what_was_linked_and_not_visited_under_the_rules_of_today():
    visits = [
        Remembered("/", "read", 0, ("/a", "/b", "/private", ["/a.png", "picture", {"label": "1"}])),
        Remembered("/b", "moved", 1, ("/c",)),
        Remembered("/a", "read", 1, ("/", "/d")),
    ]
    left = frontier("User-agent: *\nDisallow: /private\n").resume(visits)
    assert left == [
        Link("/a.png", "picture", {"label": "1"}, 1, 0),
        Link("/c", depth=1, hops=1),
        Link("/d", depth=2),
    ]


def test_what_was_visited_before_a_crawl_broke_off_counts_among_the_variants():
    found = frontier()
    left = found.resume([Remembered(f"/calendar?day={day}", "read", 1, ("/calendar?day=9",)) for day in range(3)])
    assert left == []
    assert found.link("/calendar?day=9", BASE, depth=1) == Refused("/calendar?day=9", "address: too_many_variants")
