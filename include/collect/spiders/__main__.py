"""The child process of one crawl: a job as one line of JSON on stdin, progress as lines of JSON on stdout."""

import json
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings

from include.collect.spiders.base import SiteSpider

PROGRESS_EVERY = 100
ROBOTS_NAME = "Sluice"


def settings(job: dict[str, Any]) -> Settings:
    """Scrapy's settings for a job: polite, bounded in every way, and all of Scrapy's extras off."""
    own = {
        "USER_AGENT": job["user_agent"],
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": ROBOTS_NAME,
        "DOWNLOAD_DELAY": job["delay"],
        "CONCURRENT_REQUESTS": 8,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": job["delay"],
        "AUTOTHROTTLE_MAX_DELAY": 30.0,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": 2.0,
        "RETRY_TIMES": 3,
        "RETRY_PAUSE": job["retry_pause"],
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            "include.collect.spiders.backoff.BackOff": 550,
        },
        "ITEM_PIPELINES": {"include.collect.spiders.judge.Judge": 100},
        "EXTENSIONS": {f"{__name__}.Progress": 100},
        "JOB_FOLDER": job["folder"],
        "DNS_TIMEOUT": 10,
        "DOWNLOAD_TIMEOUT": 30,
        "DOWNLOAD_MAXSIZE": 20 * 1024 * 1024,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "CLOSESPIDER_PAGECOUNT": job["max_pages"],
        "CLOSESPIDER_TIMEOUT": job["timeout"],
        "COOKIES_ENABLED": False,
        "REFERRER_POLICY": "same-origin",
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "WARNING",
    }
    return Settings(own, priority="cmdline")


class Progress:
    """A Scrapy extension that says how far a crawl is, and at its end how it went."""

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
        if self.responses % PROGRESS_EVERY == 0:
            _say(responses=self.responses)

    def fail(self) -> None:
        self.errors += 1

    def end(self, spider: SiteSpider, reason: str) -> None:
        _say(responses=self.responses, finished=reason, start_failure=spider.start_failure, errors=self.errors)


def _say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """The parent holds our stdin open for as long as it lives; a crawl nobody waits for must not go on."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Run the job that stands in the first line of stdin."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    spider = import_module(f"include.collect.spiders.{job['spider']}").Spider
    shapes = [{"name": m.table, "key": m.key, "columns": m.columns()} for m in spider.models]
    (Path(job["folder"]) / "tables.json").write_text(json.dumps(shapes))
    process = AsyncCrawlerProcess(settings(job))
    process.crawl(spider, base_url=job["base_url"])
    process.start()


if __name__ == "__main__":
    main()
