"""Collect a source: read it from where it was last landed, land what is new, and only then acknowledge."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.core.batch import Batch
from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey
from include.core.refs import BatchRef
from include.specs import PostgresSource, SiteSource, Source
from include.warehouse.connection import transaction
from include.warehouse.landing import land, newest_news, position
from include.warehouse.pseudonyms import Declared, declared, record, refuse_changes
from include.warehouse.shapes import standings

if TYPE_CHECKING:
    from include.collect.postgres import Lag

log = logging.getLogger(__name__)


def collect_postgres(
    source: PostgresSource,
    source_url: str,
    warehouse_url: str,
    *,
    at: datetime,
    key: PseudonymKey | None = None,
    anew: bool = False,
    gauge: Callable[[str, int], None] | None = None,
) -> list[BatchRef]:
    """Land the source's snapshot (the first time) and every change up to now; returns the landed batches.

    Each batch is one warehouse transaction, and the source is told to forget it only after the commit:
    killed anywhere, the next call goes on from the last landed batch. `anew` takes all tables anew by a
    snapshot that continues their history. What could not be landed is for `refuse_incomplete` to tell.
    `key` is that of the source's key domain, for its personal columns; where it is another one than before, the
    tables that have some are taken anew. `gauge` is told how far the slot lay behind, in bytes of log:
    retained_bytes, lag_bytes. Raises FatalError if other columns are declared personal than were landed so.
    """
    from include.collect.postgres import PostgresReader

    landed, pseudonyms = [], declared(source, key)
    with PostgresReader(source, source_url, key) as reader:
        present = {found.table.name: [c.name for c in found.table.columns] for found in reader.check().tables}
        _tell_lag(source, reader.lag(), gauge)
        with transaction(warehouse_url) as connection:
            rekeyed = refuse_changes(connection, source.name, pseudonyms, present, anew=True)
            start, known = position(connection, source.name), standings(connection, source.name)
        known |= {name: replace(known[name], left_out=reason) for name, reason in rekeyed.items()}
        for batch in reader.batches(start, known, anew=anew):
            landed.append(_land(warehouse_url, batch, at, pseudonyms))
            reader.acknowledge(batch.end)
    return landed


def _tell_lag(source: PostgresSource, lag: "Lag | None", gauge: Callable[[str, int], None] | None) -> None:
    from include.collect.postgres import warning

    if lag is None:
        return
    if gauge is not None:
        gauge("retained_bytes", lag.retained)
        gauge("lag_bytes", lag.behind)
    log.info("slot %s: %s bytes of log retained, %s behind", source.slot, lag.retained, lag.behind)
    if said := warning(lag, source.retained_warning):
        log.warning("slot %s of %s: %s", source.slot, source.name, said)


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
    for note in landed.notes:
        log.warning("batch %s of %s: %s", landed.batch, landed.source, note)
    return landed
