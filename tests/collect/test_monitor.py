"""Which crawls are believed: a table of figures before, figures now, and what is said about them."""

import pytest

from include.collect.monitor import losses, unread
from include.core.crawl import Figures
from include.core.errors import FatalError, RetriableError
from include.specs import CrawlPolicy


def figures(rows, rejected=0, labelled=None, visits=100, **failed):
    labelled = rows if labelled is None else labelled
    return Figures(
        visits, failed, {"items": rows}, {"items": rows}, {"items": rejected}, {"items": {"label": labelled}}
    )


ROWS_LOST = "items has {} records, 100 before: it lost more than max_loss = 0.3 allows"
LABELS_LOST = "items.label is there in {} of the rows, {} before: it lost more than max_loss = 0.3 allows"

BROKEN = "31 of 100 records of items break their model, more than max_rejected = 0.3 allows"
UNCOVERED = "items.label is there in 50.0% of the rows, less than min_coverage = 60.0%"


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (figures(100), figures(100), []),
        (figures(170), figures(100), []),
        (figures(70), figures(100), []),
        (figures(69), figures(100), [ROWS_LOST.format(69)]),
        (figures(50), figures(100), [ROWS_LOST.format(50)]),
        (figures(0), figures(100), [ROWS_LOST.format(0)]),
        (figures(100, labelled=70), figures(100), []),
        (figures(100, labelled=69), figures(100), [LABELS_LOST.format("69.0%", "100.0%")]),
        (figures(10, labelled=0), figures(10, labelled=5), [LABELS_LOST.format("0.0%", "50.0%")]),
        (figures(0), None, []),
        (figures(70, rejected=30), None, []),
        (figures(69, rejected=31), None, [BROKEN]),
        (figures(10), Figures(), []),
        (Figures(), figures(100), [ROWS_LOST.format(0)]),
    ],
)  # fmt: skip
def test_a_crawl_against_the_one_before(now, before, said):
    assert losses(CrawlPolicy(), now, before) == said


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"min_records": {"items": 20}}, []),
        ({"min_records": {"items": 21}}, ["items has 20 records, fewer than min_records = 21"]),
        ({"min_records": {"other": 1}}, ["other has 0 records, fewer than min_records = 1"]),
        ({"min_coverage": {"items.label": 0.5}}, []),
        ({"min_coverage": {"items.label": 0.6}}, [UNCOVERED]),
        ({"min_coverage": {"items.name": 0.6}}, ["min_coverage names items.name, of which the crawl has no row"]),
    ],
)  # fmt: skip
def test_bounds_that_hold_from_the_first_crawl_on(policy, said):
    assert losses(CrawlPolicy(**policy), figures(20, labelled=10), None) == said


def test_how_much_may_be_unread():
    assert unread(CrawlPolicy(), figures(1, **{"status: 500": 10})) is None
    assert unread(CrawlPolicy(), figures(1, **{"status: 500": 2, "status: 503": 9})) == (
        "11 of 100 pages and files could not be read, more than max_unread = 0.1 allows: status: 503 (9),"
        " status: 500 (2)"
    )


def test_a_crawl_that_quietly_lost_half_its_items_is_rejected_until_somebody_says_that_it_is_right(
    site, web, page
):
    web.pages = {"/": page("0", *(f"/{n}" for n in range(1, 20)))} | {f"/{n}": page(f"{n}") for n in range(1, 20)}
    site.collect()
    for number in range(10, 20):  # These pages answer as before, but show no product any more.
        web.pages[f"/{number}"].body = b"<html><p>Please enable JavaScript.</p></html>"
    refused = (
        r"not believed: products has 10 records, 20 before: .*; reviews has 10 records, 20 before: .*accept_loss"
    )
    for _attempt in range(2):
        with pytest.raises(FatalError, match=refused):
            site.collect()
    assert site.position() == "crawl 1"
    assert site.query("SELECT count(*) FROM landing.site_products WHERE _seq_to IS NULL") == [(20,)]
    web.hits.clear()
    assert site.collect(accept_loss=True) == {"pages": 10, "products": 10, "reviews": 10, "pictures": 0}
    assert dict(web.hits) == {"/robots.txt": 1}
    assert site.query("SELECT count(*) FROM landing.site_products WHERE _seq_to IS NULL") == [(10,)]


def test_a_site_that_is_half_down_closes_nothing_and_only_what_failed_is_asked_again(site, web, answer):
    web.shop(12)
    web.faults = {f"/p/{number}": [answer(status=500)] * 4 for number in range(6, 12)}
    with pytest.raises(RetriableError, match=r"6 of 12 pages and files could not be read, .*: status: 500 \(6\)"):
        site.collect()
    assert site.position() is None
    assert site.query("SELECT count(*) FROM crawls.visits") == [(6,)]
    web.hits.clear()
    assert site.collect()["pages"] == 12
    assert set(web.hits) == {"/robots.txt", *(f"/p/{number}" for number in range(6, 12))}
