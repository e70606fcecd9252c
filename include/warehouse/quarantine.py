"""Rejected rows, kept whole with every reason: `quarantine.<dataset>` only ever grows.

The view `quarantine.<dataset>__entries` says since when each key has been in it, and when it was resolved.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.failpoints import failpoint


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when rows were rejected: the run, the suite and the batches they were built from."""

    run: str
    suite_hash: str
    batches: Mapping[str, int]
    at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A rejected row as it was, and the names of all rules that it broke."""

    key: str | None
    row: dict[str, Any]
    reasons: tuple[str, ...]


@failpoint("gate.quarantine")
def quarantine(connection: Connection, dataset: str, rejected: sql.Composable, origin: Origin) -> int:
    """Add the rows of the query `rejected` (key text, row jsonb, reasons text[]), in the caller's transaction.

    A run's rows are added once: if it has some already, nothing is added. Returns the run's number of
    rows. They are numbered by key and content, never by the order in which they were read.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT sluice.ensure_quarantine_entries(%s)", (dataset,))
        run, table = sql.Literal(origin.run), sql.Identifier("quarantine", dataset)
        cursor.execute(
            sql.SQL(
                'INSERT INTO {table} (run, row_number, key, "row", reasons, suite_hash, batches, quarantined_at)'
                ' SELECT {run}, row_number() OVER (ORDER BY key COLLATE "C", "row"::text COLLATE "C", reasons),'
                ' key, "row", reasons, {suite_hash}, {batches}::jsonb, {at} FROM ({rejected})'
                ' AS rejected (key, "row", reasons)'
                " WHERE NOT EXISTS (SELECT FROM {table} WHERE run = {run})"
            ).format(
                table=table,
                run=run,
                suite_hash=sql.Literal(origin.suite_hash),
                batches=sql.Literal(json.dumps(dict(origin.batches))),
                at=sql.Literal(origin.at),
                rejected=rejected,
            )
        )
        cursor.execute(sql.SQL("SELECT count(*) FROM {} WHERE run = {}").format(table, run))
        (count,) = cursor.fetchone() or (0,)
    return int(count)


@dataclass(frozen=True, slots=True)
class News:
    """What a run did to its dataset's entries: how many are open after it, how many it opened and resolved.

    `since` is the run it is compared with; None for the first.
    """

    open: int
    opened: int
    resolved: int
    since: str | None


def quarantine_news(connection: Connection, dataset: str, origin: Origin, *, tells: bool) -> News | None:
    """The news of a run whose rows are quarantined and which is not recorded yet.

    A run that could not judge every rule does not tell that a row is good again. None for a run on an older
    batch than one judged before. Only its own rows and those of the runs since the last that tells are read.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT open, opened, resolved, since FROM sluice.quarantine_news(%s, %s, %s::jsonb, %s)",
            (dataset, origin.run, json.dumps(dict(origin.batches)), tells),
        )
        found = cursor.fetchone()
    return News(*found) if found else None


def quarantined_rows(connection: Connection, dataset: str, run: str, limit: int) -> list[QuarantinedRow]:
    """Up to `limit` rejected rows of a run: one of each combination of reasons first, then the second of each.

    The table must exist, as it does after `quarantine`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                'SELECT key, "row", reasons FROM {table} AS whole JOIN (SELECT row_number, turn FROM ('
                " SELECT row_number, row_number() OVER (PARTITION BY reasons ORDER BY row_number) AS turn"
                " FROM {table} WHERE run = {run}) AS taken ORDER BY turn, row_number LIMIT {limit}) AS picked"
                " USING (row_number) WHERE run = {run} ORDER BY turn, row_number"
            ).format(table=sql.Identifier("quarantine", dataset), run=sql.Literal(run), limit=sql.Literal(limit))
        )
        return [QuarantinedRow(key, row, tuple(reasons)) for key, row, reasons in cursor.fetchall()]
