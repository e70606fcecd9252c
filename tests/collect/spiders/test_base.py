"""What a spider makes of one response, whatever it is."""

import pytest
from scrapy.http import HtmlResponse, Request, Response

from include.collect.addresses import Site
from include.collect.spiders.base import SiteSpider
from include.collect.spiders.frontier import Bounds, Frontier
from include.collect.spiders.records import Page
from include.core.crawl import Link, Remembered

HOME = Link("/", depth=0)
PAGE = Link("/a", depth=1)


class Spider(SiteSpider):
    models = (Page,)

    def read(self, page):
        if b"crash" in page.body:
            raise LookupError("this page is unlike the others")
        yield self.file("/a.png", self.picture, label="1")

    def picture(self, response, path, *, label):
        yield from ()


@pytest.fixture
def spider():
    frontier = Frontier(Site.of("http://shop.example/"), "", "Sluice/1.0", Bounds(10, 10, 10))
    known = Remembered("/a", "read", 1, ("/b", ["/c.png", "lost", {}]), etag='"1"', last_modified="yesterday")
    return Spider("http://shop.example/", frontier, {"/a": known}, [HOME])


def outcome(spider, response, link=PAGE):
    """What is said about the link, and the paths that are asked for next."""
    seen, requests = [], []
    for made in spider._visit(response, link):
        (requests if isinstance(made, Request) else seen).append(made)
    said = [(each.outcome, each.reason) for each in seen]
    return said, [request.cb_kwargs["link"].path for request in requests]


def html(body, **options):
    return HtmlResponse("http://shop.example/a", body=body, encoding="utf-8", **options)


def test_a_page_is_read_and_its_links_files_and_refresh_are_followed(spider):
    body = b'<meta http-equiv="refresh" content="0; url=/next"><a href="/b">b</a><a href="/a">a</a>'
    assert outcome(spider, html(body)) == ([("read", None)], ["/a.png", "/next", "/b", "/a"])


def test_a_page_on_which_the_spider_fails_is_unread_and_what_it_linked_before_is_visited(spider):
    assert outcome(spider, html(b"crash")) == ([("unread", "spider: LookupError")], ["/b"])


def test_a_page_that_is_not_modified_has_its_links_of_before_but_no_file_that_nobody_reads_any_more(spider):
    assert outcome(spider, html(b"", status=304)) == ([("same", None)], ["/b"])


def test_a_request_asks_for_what_is_newer_than_the_page_of_before(spider):
    headers = spider._request(PAGE).headers
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == (b'"1"', b"yesterday")
    assert "If-None-Match" not in spider._request(Link("/b")).headers


def test_a_first_page_that_cannot_be_read_is_no_visit(spider):
    assert outcome(spider, Response("http://shop.example/", status=500), HOME) == ([], [])
    assert spider.start_failure == "status: 500"


def test_a_crawl_that_is_being_stopped_says_nothing_of_pages_that_it_might_still_read(spider):
    spider.stopped = "told to wait"
    assert outcome(spider, html(b"", status=503)) == ([], [])
    assert outcome(spider, html(b'<a href="/b">b</a>')) == ([("read", None)], [])
