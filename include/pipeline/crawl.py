"""One crawl of a site from the warehouse's point of view: gone on with, kept as it goes, judged, landed."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from include.collect import monitor
from include.core.crawl import Visit
from include.core.errors import FatalError, RetriableError
from include.core.pseudonyms import PseudonymKey
from include.core.refs import BatchRef
from include.specs import SiteSource
from include.warehouse import crawls
from include.warehouse.connection import connect
from include.warehouse.crawled import as_batch
from include.warehouse.landing import land, position
from include.warehouse.pseudonyms import Declared, record

log = logging.getLogger(__name__)

# Visits are kept after so many, or so many seconds after the last time: what a kill costs is read again.
KEEP_VISITS = 50
KEEP_SECONDS = 1.0
# So often the spider dies on a page before that is given up, and is started by one run.
DEATHS_A_PAGE = 3
STARTS = 10
# How far it is, is told as seldom as that.
TELL_VISITS = 500
TELL_SECONDS = 60.0


@contextmanager
def claimed(warehouse_url: str, source: SiteSource) -> Iterator[Connection]:
    """A connection that alone crawls the source while it is open."""
    connection = connect(warehouse_url, role="sluice_writer")
    try:
        with connection:
            crawls.claim(connection, source.name)
        yield connection
    finally:
        connection.close()


def visit_all(
    connection: Connection, source: SiteSource, base_url: str, storage: Any, *, at: datetime,
    key: PseudonymKey | None, accept_loss: bool, retry_pause: float,
) -> int:  # fmt: skip
    """Visit what is left of the site, keeping each visit; returns the crawl's number.

    Whatever stops it, what was kept is not fetched again by the next call. A spider that is killed is started
    again; a page that it was reading each time is given up, as one that could not be read.
    """
    from include.collect.scrape import SpiderDied, recipe

    reads = recipe(source, base_url, key)
    with connection:
        number = crawls.number_after(position(connection, source.name))
        crawls.begin(
            connection, source.name, number, reads, at=at, within=source.resume_within, refused_too=accept_loss
        )
    began = time.monotonic()
    for left in reversed(range(STARTS)):
        try:
            _visit(
                connection, source, base_url, storage, number=number, reads=reads, key=key, retry_pause=retry_pause
            )
            break
        except SpiderDied as died:
            if died.at_hand is not None:
                _blame(connection, source, number, died.at_hand)
            if not left or time.monotonic() - began > source.timeout:
                raise
            log.warning("%s It is started again.", died.problem)
    return number


def _visit(
    connection: Connection, source: SiteSource, base_url: str, storage: Any, *, number: int, reads: str,
    key: PseudonymKey | None, retry_pause: float,
) -> None:  # fmt: skip
    """Start the spider once, and keep what it visits."""
    from include.collect.scrape import Known, crawl, missing

    with connection:
        now = crawls.visits(connection, source.name, number, reads)
        before = crawls.visits(connection, source.name, number - 1, reads)
        pictures = crawls.pictures(connection, source.name, number - 1)
    lost = missing((path for _, path in pictures), storage)
    anew = {visit for visit, path in pictures if path in lost}
    known = Known(now, tuple(v.without_validators() if v.visit in anew else v for v in before))
    keeper = _Keeper(connection, source.name, number, len(known.now))
    try:
        for seen in crawl(source, base_url, known, storage, key=key, retry_pause=retry_pause):
            if isinstance(seen, Visit):
                keeper.add(seen)
            else:
                with connection:
                    crawls.declare(connection, source.name, number, seen)
    finally:
        keeper.keep()


def _blame(connection: Connection, source: SiteSource, number: int, at_hand: Visit) -> None:
    """Count a death of the spider on a page; the last one that is allowed makes it a page that was not read."""
    with connection:
        times = crawls.count_death(connection, source.name, number, at_hand.visit)
        if times >= DEATHS_A_PAGE and at_hand.depth > 0:
            crawls.keep(connection, source.name, number, [at_hand])
    if times >= DEATHS_A_PAGE and at_hand.depth == 0:
        raise FatalError(
            f"The spider {source.spider} died {times} times while it read the first page of {source.name}.",
            fix=f"mend include/collect/spiders/{source.spider}.py, or raise max_memory of {source.name}.",
        )


class _Keeper:
    """Keeps visits a few at a time: a transaction each would be as slow as the site is fast."""

    def __init__(self, connection: Connection, source: str, crawl: int, before: int) -> None:
        self._connection, self._source, self._crawl = connection, source, crawl
        self._waiting: list[Visit] = []
        self._kept = self._told = before
        self._kept_at = self._told_at = time.monotonic()

    def add(self, visit: Visit) -> None:
        self._waiting.append(visit)
        if len(self._waiting) >= KEEP_VISITS or time.monotonic() - self._kept_at >= KEEP_SECONDS:
            self.keep()

    def keep(self) -> None:
        if self._waiting:
            with self._connection:
                crawls.keep(self._connection, self._source, self._crawl, self._waiting)
            self._kept += len(self._waiting)
            self._waiting = []
        self._kept_at = time.monotonic()
        if self._kept - self._told >= TELL_VISITS or self._kept_at - self._told_at >= TELL_SECONDS:
            self._told, self._told_at = self._kept, self._kept_at
            log.info("crawl %s of %s: %s pages and files so far", self._crawl, self._source, self._kept)


def land_all(
    connection: Connection, source: SiteSource, number: int, pseudonyms: Declared, *, at: datetime,
    accept_loss: bool,
) -> BatchRef:  # fmt: skip
    """Judge the crawl and land it, in one transaction; one that is refused leaves the position where it was."""
    with connection:
        crawls.weigh(connection)
    with connection:
        start = position(connection, source.name)
        shapes = crawls.shapes(connection, source.name, number)
        batch, figures = as_batch(connection, source.name, number, start, shapes)
        before = crawls.figures(connection, source.name, number - 1)
        too_much = monitor.unread(source.policy, figures)
        losses = [] if accept_loss else monitor.losses(source.policy, figures, before)
        if too_much:
            crawls.forget_unread(connection, source.name, number)
        elif losses:
            crawls.refuse(connection, source.name, number)
        else:
            landed = land(connection, batch, at)
            record(connection, landed, pseudonyms)
            crawls.finish(connection, source.name, number, figures)
            return landed
    if too_much:
        raise RetriableError(
            f"Of {source.name}, {too_much}.",
            fix="run again when the site is well: what was read is kept, and only the rest is asked for.",
        )
    raise FatalError(
        f"The crawl of {source.name} came to its end but is not believed: {'; '.join(losses)}.",
        fix="mend the spider if the site has changed; if it is right, trigger the DAG with accept_loss.",
    )
