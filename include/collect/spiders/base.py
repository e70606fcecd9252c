"""What every spider does: visit all pages of one site that robots.txt allows, and say what became of each."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any, ClassVar

import scrapy
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Request, Response
from scrapy.utils.response import get_meta_refresh
from twisted.python.failure import Failure

from include.collect.spiders.frontier import MOST_HOPS, Frontier, Refused
from include.collect.spiders.judge import announce
from include.collect.spiders.records import File, Found, Page, Record, Seen
from include.core.crawl import Link, Outcome, Remembered

Finding = Found | File
GONE = frozenset({404, 410})
MOVED = frozenset({301, 302, 303, 307, 308})
# What one page may say in vain; a hostile one could fill quarantine with links that lead nowhere.
MOST_REFUSED = 100
LONGEST_HEADER = 4_000

log = logging.getLogger(__name__)


class SiteSpider(scrapy.Spider):
    """Base of all spiders. A site's own one names its `models` and reads records from a page in `read`.

    The class of a spider is called Spider, in a module named like `spider` of its catalog entry. `frontier` says
    where it may go, `memory` what the crawl before knew of each visit, `pending` where to begin.
    """

    models: ClassVar[tuple[type[Record], ...]] = ()

    def __init__(
        self, base_url: str, frontier: Frontier, memory: dict[str, Remembered], pending: list[Link], **options: Any
    ) -> None:
        super().__init__(name=type(self).__module__.rsplit(".", 1)[1], **options)
        self.base_url, self.frontier, self.memory, self.pending = base_url, frontier, memory, pending
        # Why the first page could not be read; a crawl without it is no crawl.
        self.start_failure: str | None = None
        self.stopped: str | None = None
        # A moment of the monotonic clock: the site asked for no request before it.
        self.quiet_until = 0.0

    def read(self, page: HtmlResponse) -> Iterator[Finding]:
        """The records on a page, and the files that belong to them (see `file`)."""
        raise NotImplementedError

    def follow(self, page: HtmlResponse) -> list[str]:
        """The links of a page to go on with; by default all of them, and where it sends its visitors."""
        links = page.css("a::attr(href)").getall()
        _, refresh = get_meta_refresh(page)
        return links if refresh is None else [refresh, *links]

    def file(self, address: str, use: Callable[..., Iterator[Found]], **arguments: Any) -> File:
        """A file shown on a page. `use` is a method of this spider: it gets response, path and the arguments.

        The arguments are kept for the next crawl, so they are what JSON can hold.
        """
        return File(address, use.__name__, arguments)

    def stop(self, reason: str) -> None:
        """End the crawl here: what was visited is kept, and the next run goes on."""
        if self.stopped is None:
            self.stopped = reason
            self._stopping = asyncio.ensure_future(self.crawler.engine.close_spider_async(reason=reason))

    async def start(self) -> AsyncIterator[Any]:
        for link in self.pending:
            yield self._request(link)

    def _request(self, link: Link) -> Request:
        headers, known = {}, self.memory.get(link.visit)
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        return Request(
            self.frontier.site.origin + link.path, callback=self._visit, errback=self._fail,
            cb_kwargs={"link": link}, headers=headers, dont_filter=True,
        )  # fmt: skip

    def _visit(self, response: Response, link: Link) -> Iterator[Seen | Request]:
        known = self.memory.get(link.visit)
        if response.status == 304 and known is not None and (known.etag or known.last_modified):
            yield from self._keep_on(Seen(link, "same"))
        elif response.status in MOVED and "Location" in response.headers:
            yield from self._move(response, link)
        elif response.status in GONE:
            yield from self._give_up(link, f"status: {response.status}", "gone")
        elif not 200 <= response.status < 300:
            yield from self._give_up(link, f"status: {response.status}")
        else:
            yield from self._read(response, link)

    def _read(self, response: Response, link: Link) -> Iterator[Seen | Request]:
        announce(link)
        try:
            findings = list(self._findings(response, link))
            links, refused = self._links(response, link, findings)
        except Exception as error:
            log.exception("%s failed on %s", self.name, link.path)
            yield from self._give_up(link, f"spider: {type(error).__name__}")
            return
        yield from self._go_on(
            Seen(
                link, "read", links, refused, tuple(f for f in findings if isinstance(f, Found)),
                _header(response, "ETag"), _header(response, "Last-Modified"),
            ), links,
        )  # fmt: skip

    def _findings(self, response: Response, link: Link) -> Iterator[Finding]:
        if link.use is not None:
            yield from getattr(self, link.use)(response, link.path, **link.arguments)
            return
        yield Found(
            Page,
            {
                "path": link.path,
                "content_type": _header(response, "Content-Type") or "unknown",
                "size": len(response.body),
                "sha256": sha256(response.body).hexdigest(),
                "last_modified": _header(response, "Last-Modified"),
            },
        )
        if isinstance(response, HtmlResponse):
            yield from self.read(response)

    def _links(
        self, response: Response, link: Link, findings: Iterable[Finding]
    ) -> tuple[tuple[Link, ...], tuple[Refused, ...]]:
        """The page's links, each once, and those that are not followed."""
        if link.use is not None or not isinstance(response, HtmlResponse):
            return (), ()
        base, depth = response.urljoin(""), link.depth + 1
        files = [
            self.frontier.link(f.address, base, depth=depth, use=f.use, arguments=dict(f.arguments))
            for f in findings
            if isinstance(f, File)
        ]
        pages = [
            self.frontier.link(address, base, depth=depth) for address in dict.fromkeys(self.follow(response))
        ]
        found = [*files, *pages]
        links = {each.visit: each for each in found if isinstance(each, Link)}
        refused = dict.fromkeys(each for each in found if isinstance(each, Refused))
        return tuple(links.values()), tuple(refused)[:MOST_REFUSED]

    def _move(self, response: Response, link: Link) -> Iterator[Seen | Request]:
        """A redirect is one more link, judged like any other: off the site it leads nowhere."""
        target = self.frontier.link(
            _header(response, "Location") or "", response.url, depth=link.depth, hops=link.hops + 1,
            use=link.use, arguments=link.arguments,
        )  # fmt: skip
        if isinstance(target, Refused):
            yield from self._give_up(link, target.reason)
        elif target is None:
            yield from self._give_up(link, "redirect: not_ours", "gone")
        elif target.path == link.path or target.hops > MOST_HOPS:
            yield from self._give_up(link, "redirect: endless")
        else:
            yield from self._go_on(Seen(link, "moved", (target,)), (target,))

    def _keep_on(self, seen: Seen) -> Iterator[Seen | Request]:
        """As before: on with the links that the crawl before found there."""
        known = self.memory.get(seen.link.visit)
        links = known.following() if known is not None else []
        links = [link for link in links if link.use is None or hasattr(self, link.use)]
        yield from self._go_on(seen, links)

    def _give_up(self, link: Link, reason: str, outcome: Outcome = "unread") -> Iterator[Seen | Request]:
        if link.depth == 0:
            self.start_failure = reason
        elif outcome == "gone":
            yield Seen(link, outcome, reason=reason)
        elif self.stopped is None:
            yield from self._keep_on(Seen(link, outcome, reason=reason))

    def _go_on(self, seen: Seen, links: Iterable[Link]) -> Iterator[Seen | Request]:
        yield seen
        fresh = self.frontier.fresh(links)
        if self.frontier.overfull:
            self.stop("max_pages")
        elif self.stopped is None:
            yield from map(self._request, fresh)

    def _fail(self, failure: Failure) -> Iterator[Seen | Request]:
        request: Request = failure.request  # type: ignore[attr-defined]
        # The only request that is ignored on the way is one whose body unfolds beyond DOWNLOAD_MAXSIZE.
        ignored = failure.check(IgnoreRequest)
        reason = "body: too_large" if ignored else _reason(failure.value)
        yield from self._give_up(request.cb_kwargs["link"], reason)


def _header(response: Response, name: str) -> str | None:
    """A header as text that Postgres can hold."""
    value = response.headers.get(name)
    return (value or b"").decode("latin-1").replace("\x00", "")[:LONGEST_HEADER] or None


def _reason(error: BaseException | None) -> str:
    name = type(error).__name__
    return "body: too_large" if name == "DownloadCancelledError" else f"download: {name}"
