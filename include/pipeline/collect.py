"""Collect a source: read it from where it was last landed, land what is new, and only then acknowledge."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from include.core.batch import Batch
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.core.pseudonyms import PseudonymKey
from include.core.refs import BatchRef
from include.specs import PostgresSource, SiteSource, Source
from include.warehouse.connection import transaction
from include.warehouse.fill import clear_away, fill_apart
from include.warehouse.landing import land, newest_news, position
from include.warehouse.pseudonyms import Declared, declared, record, refuse_changes
from include.warehouse.shapes import standings

if TYPE_CHECKING:
    from include.collect.postgres import Lag, Mark, Plan, PostgresReader

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

    with PostgresReader(source, source_url, key) as reader:
        plan = reader.check()
        _tell_lag(source, reader.lag(), gauge)
        return land_new(reader, plan, warehouse_url, at=at, anew=anew)


def land_new(
    reader: "PostgresReader",
    plan: "Plan",
    warehouse_url: str,
    *,
    at: datetime,
    anew: bool = False,
    until: "Mark | None" = None,
) -> list[BatchRef]:
    """Land what a reader has to say since the stored position; `plan` is what its check found."""
    source, landed, pseudonyms = reader.source, [], declared(reader.source, reader.key)
    present = {found.table.name: [c.name for c in found.table.columns] for found in plan.tables}
    with transaction(warehouse_url) as connection:
        _clear_away(connection, source.name)
        rekeyed = refuse_changes(connection, source.name, pseudonyms, present, anew=True)
        start, known = position(connection, source.name), standings(connection, source.name)
    known |= {name: replace(known[name], left_out=reason) for name, reason in rekeyed.items()}
    for batch in reader.batches(start, known, anew=anew, until=until):
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
    source: SiteSource, base_url: str, warehouse_url: str, storage: Any, *, at: datetime,
    key: PseudonymKey | None = None, accept_loss: bool = False, retry_pause: float = 0.5,
) -> list[BatchRef]:  # fmt: skip
    """Crawl the site, or go on with a crawl that broke off, and land what is new, changed or gone as one batch.

    `storage` is the root of the object storage, a path-like such as pathlib.Path or ObjectStoragePath; pictures
    go there. Each page is kept when it is read: killed anywhere, the next call goes on with the pages that are
    left. Nothing of it is to be seen before the batch is landed. `key` is that of the source's key domain, for its
    personal fields. Raises FatalError for a crawl that lost more than
    `source.policy` allows, unless `accept_loss` says that this is right.
    """
    from include.pipeline.crawl import claimed, land_all, visit_all

    pseudonyms = declared(source, key)
    with claimed(warehouse_url, source) as connection:
        with connection:
            refuse_changes(connection, source.name, pseudonyms)
        number = visit_all(
            connection, source, base_url, storage, at=at, key=key, accept_loss=accept_loss,
            retry_pause=retry_pause,
        )  # fmt: skip
        landed = land_all(connection, source, number, pseudonyms, at=at, accept_loss=accept_loss)
    _tell(landed)
    return [landed]


def news(warehouse_url: str, source: str) -> BatchRef | None:
    """The newest batch of the source that holds anything, whichever run landed it; None if none does."""
    with transaction(warehouse_url) as connection:
        return newest_news(connection, source)


def _clear_away(connection: Connection, source: str) -> None:
    with connection.cursor() as cursor:
        if dropped := clear_away(cursor, source):
            log.info("dropped what a run that broke off had filled: %s", ", ".join(dropped))


@failpoint("landing.commit")
def _land(warehouse_url: str, batch: Batch, at: datetime, pseudonyms: Declared) -> BatchRef:
    filled = fill_apart(warehouse_url, batch)
    with transaction(warehouse_url) as connection:
        landed = land(connection, batch, at, filled)
        record(connection, landed, pseudonyms)
    _tell(landed)
    return landed


def _tell(landed: BatchRef) -> None:
    log.info("landed batch %s of %s up to %s: %s", landed.batch, landed.source, landed.position, landed.changes)
    for note in landed.notes:
        log.warning("batch %s of %s: %s", landed.batch, landed.source, note)
