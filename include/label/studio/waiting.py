"""Waiting for annotators without a thread: the loop of a deferrable trigger, which may begin anew at any time."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from include.core.errors import FatalError, RetriableError
from include.label.studio.connection import address, content, refuse, settings, unreachable
from include.label.studio.tasks import Progress, counted, listed_later


async def wait_until_labelled(
    url: str,
    token: str,
    project: int,
    *,
    interval: float,
    timeout: float,
    told: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Ask every `interval` seconds until no task lacks an annotation, or `timeout` seconds have passed.

    Returns what was seen last: if it is not `complete`, the time is out, and it says how many are missing.
    `told` gets every new count. An unreachable server is asked again until then; RetriableError is raised only if
    it never answered. FatalError is raised at once for an expired token and for a project that is gone.
    """
    if interval <= 0:
        raise FatalError(f"interval is {interval} seconds.", fix="declare more than 0.")
    server = address(url)
    clock = asyncio.get_running_loop().time
    deadline, seen = clock() + timeout, None
    async with httpx.AsyncClient(**settings(server, token)) as client:

        async def get(path: str, query: dict[str, Any]) -> Any:
            try:
                answer = await client.get(path, params=query)
            except httpx.TransportError as error:
                raise unreachable(server, error) from None
            refuse(server, "GET", path, answer)
            return content(server, answer)

        while True:
            trouble = None
            try:
                now = await listed_later(counted(project), get)
            except RetriableError as error:
                trouble = error
            else:
                if now != seen:
                    told(now)
                seen = now
                if now.complete:
                    return now
            left = deadline - clock()
            if left <= 0 and seen is not None:
                return seen
            if left <= 0 and trouble is not None:
                raise trouble
            await asyncio.sleep(min(interval, left))
