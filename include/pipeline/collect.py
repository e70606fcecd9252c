"""Collect a source: read it from where it was last landed, land what is new, and only then acknowledge."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.core.batch import Batch
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.core.refs import BatchRef
from include.specs import PostgresSource, SiteSource, Source
from include.warehouse.connection import transaction
from include.warehouse.landing import land, newest_news, position
from include.warehouse.shapes import standings

if TYPE_CHECKING:
    from include.collect.postgres import Mark, PostgresReader

log = logging.getLogger(__name__)


def collect_postgres(
    source: PostgresSource, source_url: str, warehouse_url: str, *, at: datetime, anew: bool = False
) -> list[BatchRef]:
    """Land the source's snapshot (the first time) and every change up to now; returns the landed batches.

    Each batch is one warehouse transaction, and the source is told to forget it only after the commit:
    killed anywhere, the next call goes on from the last landed batch. `anew` takes all tables anew by a
    snapshot that continues their history. What could not be landed is for `refuse_incomplete` to tell.
    """
    from include.collect.postgres import PostgresReader

    with PostgresReader(source, source_url) as reader:
        reader.check()
        return land_new(reader, warehouse_url, at=at, anew=anew)


def land_new(
    reader: "PostgresReader", warehouse_url: str, *, at: datetime, anew: bool = False, until: "Mark | None" = None
) -> list[BatchRef]:
    """Land what a checked reader has to say since the stored position; returns the landed batches."""
    source, landed = reader.source.name, []
    with transaction(warehouse_url) as connection:
        start, known = position(connection, source), standings(connection, source)
    for batch in reader.batches(start, known, anew=anew, until=until):
        landed.append(_land(warehouse_url, batch, at))
        reader.acknowledge(batch.end)
    return landed


def refuse_incomplete(warehouse_url: str, source: Source) -> None:
    """Raise FatalError that names every table of the source that is left out of its batches, each with the fix."""
    with transaction(warehouse_url) as connection:
        known = standings(connection, source.name)
    tables = source.tables if isinstance(source, PostgresSource) else ()
    out = {name: known[name].left_out for name in tables if name in known and known[name].left_out}
    if out:
        lines = "".join(f"\n- {name}: {reason}" for name, reason in out.items())
        raise FatalError(
            f"{len(out)} of {len(tables)} tables of source {source.name!r} are left out; the others are"
            f" landed.{lines}\n",
            fix=f"mend what is named, then run collect_{source.name}: it takes them in again by a snapshot.",
        )


def collect_site(
    source: SiteSource, base_url: str, warehouse_url: str, storage: Any, *, at: datetime
) -> list[BatchRef]:
    """Crawl the site once and land pages and items that are new or changed; images go to `storage`.

    `storage` is the root of the object storage, a path-like such as pathlib.Path or ObjectStoragePath.
    """
    from include.collect.scrape import crawl

    batch = crawl(source, base_url, _stored_position(warehouse_url, source.name), storage)
    return [_land(warehouse_url, batch, at)]


def news(warehouse_url: str, source: str) -> BatchRef | None:
    """The newest batch of the source that holds anything, whichever run landed it; None if none does."""
    with transaction(warehouse_url) as connection:
        return newest_news(connection, source)


def _stored_position(warehouse_url: str, source: str) -> str | None:
    with transaction(warehouse_url) as connection:
        return position(connection, source)


@failpoint("landing.commit")
def _land(warehouse_url: str, batch: Batch, at: datetime) -> BatchRef:
    with transaction(warehouse_url) as connection:
        landed = land(connection, batch, at)
    log.info("landed batch %s of %s up to %s: %s", landed.batch, landed.source, landed.position, landed.changes)
    for note in landed.notes:
        log.warning("batch %s of %s: %s", landed.batch, landed.source, note)
    return landed
