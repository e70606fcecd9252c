"""Collect a source: read it from where it was last landed, land what is new, and only then acknowledge."""

import logging
from datetime import datetime
from typing import Any

from include.core.batch import Batch
from include.core.refs import BatchRef
from include.specs import PostgresSource, SiteSource
from include.warehouse.connection import transaction
from include.warehouse.landing import land, newest_news, position

log = logging.getLogger(__name__)


def collect_postgres(
    source: PostgresSource, source_url: str, warehouse_url: str, *, at: datetime
) -> list[BatchRef]:
    """Land the source's snapshot (the first time) and every change up to now; returns the landed batches.

    Each batch is one warehouse transaction, and the source is told to forget it only after the commit:
    killed anywhere, the next call goes on from the last landed batch.
    """
    from include.collect.postgres import PostgresReader

    landed = []
    with PostgresReader(source, source_url) as reader:
        reader.check()
        for batch in reader.batches(_stored_position(warehouse_url, source.name)):
            landed.append(_land(warehouse_url, batch, at))
            reader.acknowledge(batch.end)
    return landed


def collect_site(
    source: SiteSource, base_url: str, warehouse_url: str, storage: Any, *, at: datetime,
    accept_loss: bool = False, retry_pause: float = 0.5,
) -> list[BatchRef]:  # fmt: skip
    """Crawl the site, or go on with a crawl that broke off, and land what is new, changed or gone as one batch.

    `storage` is the root of the object storage, a path-like such as pathlib.Path or ObjectStoragePath; pictures
    go there. Each page is kept when it is read: killed anywhere, the next call goes on with the pages that are
    left. Nothing of it is to be seen before the batch is landed. Raises FatalError for a crawl that lost more than
    `source.policy` allows, unless `accept_loss` says that this is right.
    """
    from include.pipeline.crawl import claimed, land_all, visit_all

    with claimed(warehouse_url, source) as connection:
        number = visit_all(
            connection, source, base_url, storage, at=at, accept_loss=accept_loss, retry_pause=retry_pause
        )
        landed = land_all(connection, source, number, at=at, accept_loss=accept_loss)
    _tell(landed)
    return [landed]


def news(warehouse_url: str, source: str) -> BatchRef | None:
    """The newest batch of the source that holds anything, whichever run landed it; None if none does."""
    with transaction(warehouse_url) as connection:
        return newest_news(connection, source)


def _stored_position(warehouse_url: str, source: str) -> str | None:
    with transaction(warehouse_url) as connection:
        return position(connection, source)


def _land(warehouse_url: str, batch: Batch, at: datetime) -> BatchRef:
    with transaction(warehouse_url) as connection:
        landed = land(connection, batch, at)
    _tell(landed)
    return landed


def _tell(landed: BatchRef) -> None:
    log.info("landed batch %s of %s up to %s: %s", landed.batch, landed.source, landed.position, landed.changes)
