"""The child process of one crawl: a job as one line of JSON on stdin, what was seen as lines of JSON on stdout."""

import json
import os
import resource
import shutil
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings

from include.collect.addresses import Site
from include.collect.spiders.base import SiteSpider
from include.collect.spiders.frontier import Bounds, Frontier
from include.collect.spiders.judge import say
from include.collect.spiders.records import MAX_PIXELS
from include.core.crawl import Link, Remembered

# Its own parts of Scrapy's that the frontier does in their stead: each link once, on the site, within bounds.
NOT_NEEDED = (
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware",
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware",
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware",
    "scrapy.downloadermiddlewares.retry.RetryMiddleware",
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware",
)


def settings(job: dict[str, Any]) -> Settings:
    """Scrapy's settings for a job: polite, bounded in every way, and all of Scrapy's extras off."""
    own = {
        "USER_AGENT": job["user_agent"],
        "DOWNLOAD_DELAY": job["delay"],
        # A site that asks for two seconds is not asked again after one.
        "DOWNLOAD_DELAY_JITTER": 0,
        "CONCURRENT_REQUESTS": 8,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": job["delay"],
        "AUTOTHROTTLE_MAX_DELAY": max(30.0, job["delay"]),
        "AUTOTHROTTLE_TARGET_CONCURRENCY": 2.0,
        "RETRY_TIMES": 3,
        "RETRY_PAUSE": job["retry_pause"],
        "DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https"), "include.collect.spiders.backoff.Quiet")
        | dict.fromkeys(("data", "file", "ftp", "s3")),
        "DOWNLOADER_MIDDLEWARES": dict.fromkeys(NOT_NEEDED) | {"include.collect.spiders.backoff.BackOff": 550},
        "SPIDER_MIDDLEWARES": {
            "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
            "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
        },
        # Statuses are the spider's to judge; and breadth first, so that a page's depth is its shortest way.
        "HTTPERROR_ALLOW_ALL": True,
        "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
        "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",
        "SCHEDULER_START_MEMORY_QUEUE": None,
        "ITEM_PIPELINES": {"include.collect.spiders.judge.Judge": 100},
        "EXTENSIONS": {f"{__name__}.Progress": 100},
        "JOB_FOLDER": job["folder"],
        "TWISTED_DNS_RESOLVER": "include.collect.spiders.guard.PublicResolver",
        "PRIVATE_ADDRESSES": job["private"],
        "PROXY_HOSTS": job["proxy_hosts"],
        "DOWNLOAD_TIMEOUT": job["page_timeout"],
        "DOWNLOAD_MAXSIZE": job["max_body"],
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "CLOSESPIDER_TIMEOUT": job["timeout"],
        "COOKIES_ENABLED": False,
        "REFERRER_POLICY": "same-origin",
        "RETRY_GIVE_UP_LOG_LEVEL": "WARNING",
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "WARNING",
    }
    return Settings(own, priority="cmdline")


class Progress:
    """A Scrapy extension that says at the end of a crawl how it went."""

    def __init__(self) -> None:
        self.responses = 0
        self.errors = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        progress = cls()
        crawler.signals.connect(progress.count, signal=signals.response_received)
        crawler.signals.connect(progress.fail, signal=signals.spider_error)
        crawler.signals.connect(progress.fail, signal=signals.item_error)
        crawler.signals.connect(progress.end, signal=signals.spider_closed)
        return progress

    def count(self) -> None:
        self.responses += 1

    def fail(self) -> None:
        self.errors += 1

    def end(self, spider: SiteSpider, reason: str) -> None:
        say(responses=self.responses, finished=reason, start_failure=spider.start_failure, errors=self.errors)


def _end_with_parent(folder: str) -> None:
    """The parent holds our stdin open for as long as it lives; a crawl nobody waits for must not go on."""
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _limit_memory(most: int) -> None:
    """Beyond so many bytes an allocation fails, and with it the page that asks for them, not the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _remembered(folder: Path) -> Iterator[tuple[bool, Remembered]]:
    """What the parent knows: whether a visit is of this crawl or of the one before, and the visit."""
    with (folder / "visits.jsonl").open() as file:
        for line in file:
            now, *values = json.loads(line)
            visit, outcome, depth, links, etag, last_modified = values
            yield now, Remembered(visit, outcome, depth, tuple(links), etag, last_modified)


def main() -> None:
    """Run the job that stands in the first line of stdin."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, args=(job["folder"],), daemon=True).start()
    # Read when OpenCV is imported, at the first picture: a few kilobytes may claim to unfold into gigabytes.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)
    _limit_memory(job["max_memory"])
    spider = import_module(f"include.collect.spiders.{job['spider']}").Spider
    say(tables=[{"name": m.table, "key": m.key, "columns": m.columns()} for m in spider.models])
    site = Site.of(job["base_url"])
    bounds = Bounds(job["max_pages"], job["max_depth"], job["max_variants"])
    frontier = Frontier(site, job["robots"], job["user_agent"], bounds)
    visits = list(_remembered(Path(job["folder"])))
    done = [visit for now, visit in visits if now]
    pending = frontier.resume(done) if done else frontier.fresh([Link(site.path(job["base_url"]) or "/")])
    memory = {visit.visit: visit for now, visit in visits if not now}
    process = AsyncCrawlerProcess(settings(job))
    process.crawl(spider, base_url=job["base_url"], frontier=frontier, memory=memory, pending=pending)
    process.start()


if __name__ == "__main__":
    main()
