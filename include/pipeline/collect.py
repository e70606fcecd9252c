"""Collect a source: read it from where it was last landed, land what is new, and only then acknowledge."""

import logging
from datetime import datetime
from typing import Any

from include.core.batch import Batch
from include.core.pseudonyms import PseudonymKey
from include.core.refs import BatchRef
from include.specs import PostgresSource, SiteSource
from include.warehouse.connection import transaction
from include.warehouse.landing import land, newest_news, position
from include.warehouse.pseudonyms import Declared, declared, record, refuse_changes

log = logging.getLogger(__name__)


def collect_postgres(
    source: PostgresSource, source_url: str, warehouse_url: str, *, at: datetime, key: PseudonymKey | None = None
) -> list[BatchRef]:
    """Land the source's snapshot (the first time) and every change up to now; returns the landed batches.

    `key` is that of the source's key domain, for its personal columns. Raises FatalError if those, or the key,
    are no longer what was landed.

    Each batch is one warehouse transaction, and the source is told to forget it only after the commit:
    killed anywhere, the next call goes on from the last landed batch.
    """
    from include.collect.postgres import PostgresReader

    landed, pseudonyms = [], declared(source, key)
    with PostgresReader(source, source_url, key) as reader:
        tables = [found.table for found in reader.check().tables]
        with transaction(warehouse_url) as connection:
            present = {table.name: [column.name for column in table.columns] for table in tables}
            refuse_changes(connection, source.name, pseudonyms, present)
        for batch in reader.batches(_stored_position(warehouse_url, source.name)):
            landed.append(_land(warehouse_url, batch, at, pseudonyms))
            reader.acknowledge(batch.end)
    return landed


def collect_site(
    source: SiteSource,
    base_url: str,
    warehouse_url: str,
    storage: Any,
    *,
    at: datetime,
    key: PseudonymKey | None = None,
) -> list[BatchRef]:
    """Crawl the site once and land pages and items that are new or changed; images go to `storage`.

    `storage` is the root of the object storage, a path-like such as pathlib.Path or ObjectStoragePath.
    `key` is that of the source's key domain, for its personal fields.
    """
    from include.collect.scrape import crawl

    pseudonyms = declared(source, key)
    with transaction(warehouse_url) as connection:
        refuse_changes(connection, source.name, pseudonyms)
    batch = crawl(source, base_url, _stored_position(warehouse_url, source.name), storage, key=key)
    return [_land(warehouse_url, batch, at, pseudonyms)]


def news(warehouse_url: str, source: str) -> BatchRef | None:
    """The newest batch of the source that holds anything, whichever run landed it; None if none does."""
    with transaction(warehouse_url) as connection:
        return newest_news(connection, source)


def _stored_position(warehouse_url: str, source: str) -> str | None:
    with transaction(warehouse_url) as connection:
        return position(connection, source)


def _land(warehouse_url: str, batch: Batch, at: datetime, pseudonyms: Declared) -> BatchRef:
    with transaction(warehouse_url) as connection:
        landed = land(connection, batch, at)
        record(connection, landed, pseudonyms)
    log.info("landed batch %s of %s up to %s: %s", landed.batch, landed.source, landed.position, landed.changes)
    return landed
