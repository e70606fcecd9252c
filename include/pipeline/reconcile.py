"""Prove that a landing equals its source, by checksums at one place in the source's log, under its traffic."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.batch import Standing
from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey
from include.core.refs import Reconciliation, TableReconciliation
from include.core.shape import differences
from include.pipeline.collect import land_new
from include.specs import PostgresSource
from include.warehouse.asof import as_of, pin
from include.warehouse.checksum import Content, checksum, difference, digests
from include.warehouse.connection import transaction
from include.warehouse.shapes import standings

if TYPE_CHECKING:
    from include.collect.postgres import Mark

log = logging.getLogger(__name__)


def reconcile(
    source: PostgresSource, source_url: str, warehouse_url: str, *, at: datetime, key: PseudonymKey | None = None
) -> Reconciliation:
    """Collect the source, then compare every table as of one LSN with its landing as of the batch that ends there.

    Both databases sum up their own rows; only where the sums differ are digests of rows fetched, to count. The
    source may be written to meanwhile. Until the comparison ends its tables cannot change their shape, and a
    snapshot is held open there, as by pg_dump. `key` is that of the source's key domain; personal columns, which
    are landed as pseudonyms, are left out. Raises what collecting raises, and RetriableError if a table changed
    its shape just then; what differs is for `refuse_unequal` to tell.
    """
    from include.collect.postgres import PostgresReader

    with PostgresReader(source, source_url, key) as reader:
        plan = reader.check()
        land_new(reader, plan, warehouse_url, at=at)
        with reader.mark() as mark:
            land_new(reader, plan, warehouse_url, at=at, until=mark)
            with transaction(warehouse_url) as connection:
                known = standings(connection, source.name)
                batch = pin(connection, (source.name,))[source.name]
                tables = tuple(_compare(connection, source, mark, known[name], batch) for name in source.tables)
    proof = Reconciliation(source=source.name, batch=batch, position=str(mark.position), tables=tables)
    for table in tables:
        log.log(logging.INFO if table.equal else logging.ERROR, "batch %s of %s: %r", batch, source.name, table)
    return proof


def refuse_unequal(proof: Reconciliation) -> None:
    """Raise FatalError that names every table whose landing is not proven equal to the source, with the counts."""
    if proof.equal:
        return
    lines = "".join(f"\n- {_sentence(table)}" for table in proof.tables if not table.equal)
    raise FatalError(
        f"{sum(not table.equal for table in proof.tables)} of {len(proof.tables)} tables of source"
        f" {proof.source!r} are not proven equal as of batch {proof.batch} ({proof.position}).{lines}\n",
        fix=f"trigger collect_{proof.source} with a new snapshot in its form, which mends the landing and goes on"
        " with its history; and report it: this must not happen.",
    )


def _compare(
    connection: Connection, source: PostgresSource, mark: "Mark", known: Standing, batch: int
) -> TableReconciliation:
    name = known.table.name
    if known.left_out is not None:
        return TableReconciliation(table=name, left_out=known.left_out)
    (snapshot,) = mark.of([name])
    if changed := differences(known.table, snapshot.table):
        return TableReconciliation(table=name, left_out=f"It is landed in another shape: {'; '.join(changed)}.")
    expected = mark.content(name)
    landed = Content(
        sql.SQL(as_of(connection, source.name, name, batch)),
        [sql.Identifier(column.name) for column in snapshot.table.columns if not column.pii],
        expected.key,
    )
    theirs, ours = checksum(mark.session, expected), checksum(connection, landed)
    counts = {"table": name, "source_rows": theirs.rows, "landed_rows": ours.rows}
    if theirs == ours:
        return TableReconciliation(**counts)
    found = difference(digests(mark.session, expected), digests(connection, landed))
    return TableReconciliation(**counts, missing=found.missing, extra=found.extra, different=found.different)


def _sentence(table: TableReconciliation) -> str:
    if table.left_out is not None:
        return f"{table.table} is left out: {table.left_out}"
    return (
        f"{table.table}: {table.missing} rows are missing, {table.extra} are too many, {table.different} differ"
        f" ({table.source_rows} at the source, {table.landed_rows} landed)"
    )
