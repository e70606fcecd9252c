"""Retry failed requests ever more slowly."""

import asyncio

from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Request, Response

LONGEST = 60.0


class BackOff(RetryMiddleware):
    """Scrapy's own retries, each after twice the pause of the one before, beginning at RETRY_PAUSE seconds.

    A site that names a time in Retry-After is given it, up to a minute.
    """

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        answer = super().process_response(request, response)
        if isinstance(answer, Request):
            await self._pause(answer, response.headers.get("Retry-After"))
        return answer

    async def process_exception(self, request: Request, exception: Exception) -> Request | Response | None:  # type: ignore[override]
        answer = super().process_exception(request, exception)
        if isinstance(answer, Request):
            await self._pause(answer, None)
        return answer

    async def _pause(self, request: Request, asked: bytes | None) -> None:
        turn = request.meta.get("retry_times", 1) - 1
        pause = self.crawler.settings.getfloat("RETRY_PAUSE") * 2**turn
        if asked and asked.isdigit():
            pause = max(pause, float(asked))
        await asyncio.sleep(min(pause, LONGEST))
