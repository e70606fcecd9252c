"""Ask again ever more slowly, and not at all for as long as the site asks to be left alone."""

import asyncio
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Request, Response

LONGEST = 60.0


class BackOff(RetryMiddleware):
    """Scrapy's own retries, each after twice the pause of the one before, beginning at RETRY_PAUSE seconds.

    A site that names a time in Retry-After is left alone until then by every request, not only by the one that
    was answered so. Is that more than a minute off, the crawl stops, and goes on when it is started again.
    """

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        asked = seconds(response.headers.get("Retry-After"), datetime.now(UTC))
        if response.status in self.retry_http_codes and asked is not None:
            spider: Any = self.crawler.spider
            if asked > LONGEST:
                spider.stop(f"told to wait {asked:.0f} s")
                return response
            spider.quiet_until = max(spider.quiet_until, time.monotonic() + asked)
        answer = super().process_response(request, response)
        if isinstance(answer, Request):
            await self._pause(answer)
        return answer

    async def process_exception(self, request: Request, exception: Exception) -> Request | Response | None:  # type: ignore[override]
        answer = super().process_exception(request, exception)
        if isinstance(answer, Request):
            await self._pause(answer)
        return answer

    async def _pause(self, request: Request) -> None:
        turn = request.meta.get("retry_times", 1) - 1
        await asyncio.sleep(min(self.crawler.settings.getfloat("RETRY_PAUSE") * 2**turn, LONGEST))


class Quiet(HTTP11DownloadHandler):
    """Sends a request when the site is no longer to be left alone: the last place where one can be held back."""

    async def download_request(self, request: Request) -> Response:
        spider: Any = self._crawler.spider
        while (rest := spider.quiet_until - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        return await super().download_request(request)


def seconds(asked: bytes | None, now: datetime) -> float | None:
    """Retry-After (RFC 9110, section 10.2.3) as seconds from `now`: a number or an HTTP date; None if neither."""
    text = (asked or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds(), 0.0)
