"""What every spider does: visit all pages of one site that robots.txt allows, and say what could not be read."""

from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

import scrapy
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Request, Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from include.collect.spiders.records import Found, Page, Record, Unread

Finding = Found | Unread | Request


class SiteSpider(scrapy.Spider):
    """Base of all spiders. A site's own one names its `models` and reads records from a page in `read`.

    The class of a spider is called Spider, in a module named like `spider` of its catalog entry.
    """

    models: ClassVar[tuple[type[Record], ...]] = ()

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(name=type(self).__module__.rsplit(".", 1)[1], **options)
        self.base_url = base_url
        self.allowed_domains = [urlsplit(base_url).hostname or ""]
        # Why the first page could not be read; a crawl without it is no crawl.
        self.start_failure: str | None = None

    def read(self, page: HtmlResponse) -> Iterator[Finding]:
        """The records on a page, and requests for files that belong to them (see `file`)."""
        raise NotImplementedError

    def follow(self, page: HtmlResponse) -> list[str]:
        """The links of a page to go on with; by default all of them."""
        return page.css("a::attr(href)").getall()

    def file(self, page: HtmlResponse, address: str, use: Callable[[Response, str], Iterator[Finding]]) -> Request:
        """A request for a file shown on a page; `use` gets the response and the file's path."""
        return page.follow(address, callback=self._use, errback=self._fail, cb_kwargs={"use": use})

    async def start(self) -> AsyncIterator[Any]:
        yield Request(self.base_url, callback=self._visit, errback=self._fail_start)

    def _visit(self, response: Response) -> Iterator[Finding]:
        header = {name: response.headers.get(name, b"") or b"" for name in ("Content-Type", "Last-Modified")}
        yield Found(
            Page,
            {
                "path": path_of(response.url),
                "content_type": header["Content-Type"].decode("latin-1") or "unknown",
                "size": len(response.body),
                "sha256": sha256(response.body).hexdigest(),
                "last_modified": header["Last-Modified"].decode("latin-1") or None,
            },
        )
        if isinstance(response, HtmlResponse):
            yield from self.read(response)
            for link in self.follow(response):
                if urlsplit(response.urljoin(link)).scheme in {"http", "https"}:
                    yield response.follow(link, callback=self._visit, errback=self._fail)

    def _use(self, response: Response, use: Callable[[Response, str], Iterator[Finding]]) -> Iterator[Finding]:
        yield from use(response, path_of(response.url))

    def _fail(self, failure: Failure) -> Iterator[Finding]:
        # What robots.txt forbids, and other hosts, are not ours to read: that is no failure.
        if not failure.check(IgnoreRequest) or failure.check(HttpError):
            yield Unread(path_of(failure.request.url), _reason(failure))  # type: ignore[attr-defined]

    def _fail_start(self, failure: Failure) -> None:
        self.start_failure = _reason(failure)


def path_of(url: str) -> str:
    """Path and query: what names a page whatever host serves it."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _reason(failure: Failure) -> str:
    if failure.check(HttpError):
        return f"status: {failure.value.response.status}"
    return f"download: {type(failure.value).__name__}"
