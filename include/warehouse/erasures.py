"""Erasures as facts, and the removal of a subject's rows that they tell of, in one transaction."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.core.refs import Erasure
from include.specs import Dataset, PostgresSource
from include.warehouse.connection import take_turns, wait_at_most
from include.warehouse.staging import drop_tables, queue_name
from include.warehouse.subjects import KEY, REFERENCED, Holder, Place, Quarantine, count

PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Recorded:
    """An erasure as a fact, with its commitment to the key."""

    erasure: Erasure
    commitment: str


# Commitments to what is in `referenced`, as ErasureRequest.commitment() makes them.
COMMITTED = sql.SQL(
    "encode(sha256(convert_to(concat_ws(chr(31), current_setting('sluice.receipt'), {}, {}), 'UTF8')), 'hex')"
)


def hold(
    cursor: Cursor, source: str, places: Sequence[Place], patience: float, labelled: Sequence[str] = ()
) -> None:
    """Keep everybody out of the places, and out of the rounds of the datasets `labelled`, until the transaction
    ends; LockNotAvailable after `patience` s.

    Who waits for one lock while holding another can be caught in a circle with a build that reads the same
    tables, so all are taken at once or none. A build that had begun has made its staging table by then.
    """
    wait_at_most(cursor, patience)
    # One erasure at a time, and no landing beside it.
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sluice.erase'), 0)")
    take_turns(cursor, "landing", source)
    # Asking, settling and setting aside wait; each of them takes its turn before it touches a table.
    for dataset in labelled:
        take_turns(cursor, "label", dataset)
    cursor.execute(
        "SELECT dataset, run FROM sluice.label_rounds LEFT JOIN sluice.label_results USING (dataset, run)"
        " WHERE dataset = ANY (%s) AND decision IS NULL ORDER BY 1, 2",
        (list(labelled),),
    )
    # Who hands a round out has read its rows, and writes down in the end which of them are out.
    for dataset, run in cursor.fetchall():
        take_turns(cursor, "hand out", f"{dataset} {run}")
    command = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT").format(
        sql.SQL(", ").join(place.table for place in places)
    )
    deadline = time.monotonic() + patience
    while places:
        cursor.execute("SAVEPOINT alone")
        try:
            cursor.execute(command)
            return
        except psycopg2.errors.LockNotAvailable:
            cursor.execute("ROLLBACK TO SAVEPOINT alone")
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)


def refuse_current(cursor: Cursor, source: str, places: Sequence[Place]) -> None:
    """FatalError while the source itself holds the subject: it would be collected again."""
    current = [place.name for place in places if count(cursor, place, "_seq_to IS NULL")]
    if current:
        raise FatalError(
            f"The subject is still held by the source {source!r}: {', '.join(current)} have current rows of it.",
            fix=f"delete it at the source, run collect_{source}, then erase it.",
        )


def span(cursor: Cursor, places: Sequence[Place]) -> tuple[int, int] | None:
    """Between which sequence numbers of the source the subject was held; None if its history has nothing."""
    spans = []
    for place in places:
        cursor.execute(
            sql.SQL("SELECT min(_seq_from), max(_seq_to) FROM {} WHERE {}").format(place.table, place.holds)
        )
        low, high = cursor.fetchone() or (None, None)
        spans += [(low, high)] if low is not None else []
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def pages(
    cursor: Cursor,
    source: str,
    datasets: Sequence[Dataset],
    held: tuple[int, int] | None,
    runs: Sequence[tuple[str, str]],
) -> list[str]:
    """Reports that may show the subject: those judged on a batch that held it, and those of (dataset, run)."""
    low, high = held or (None, None)
    cursor.execute(
        "SELECT v.report FROM sluice.validations v"
        " LEFT JOIN sluice.batches b ON b.source = %(source)s AND b.batch = (v.batches ->> %(source)s)::bigint"
        " WHERE v.dataset = ANY (%(datasets)s) AND v.report <> ''"
        " AND (b.seq_to >= %(low)s AND b.seq_to < %(high)s OR v.dataset || '/' || v.run = ANY (%(runs)s))"
        " ORDER BY 1",
        {
            "source": source, "datasets": [dataset.name for dataset in datasets], "low": low, "high": high,
            "runs": [f"{dataset}/{run}" for dataset, run in runs],
        },
    )  # fmt: skip
    return [report for (report,) in cursor.fetchall()]


def runs_in(cursor: Cursor, places: Sequence[Quarantine]) -> list[tuple[str, str]]:
    """The (quarantine, run) pairs in which rows of the subject were quarantined."""
    found = []
    for place in places:
        cursor.execute(sql.SQL("SELECT DISTINCT run FROM {} WHERE {} ORDER BY 1").format(place.table, place.holds))
        found += [(place.name.removeprefix("quarantine."), run) for (run,) in cursor.fetchall()]
    return found


def sweep(cursor: Cursor, request: str, dataset: str) -> None:
    """Drop the dataset's staging tables, and those that a run made while its others were waited for.

    The rows that wait for labels go too: the next curation writes them anew.
    """
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(queue_name(dataset))))
    dropped = 0
    while names := drop_tables(cursor, dataset):
        dropped += len(names)
    note_removed(cursor, request, f"staging.{dataset}", dropped)


def remove_history(cursor: Cursor, request: str, place: Place) -> int:
    cursor.execute(sql.SQL("DELETE FROM {} WHERE {}").format(place.table, place.holds))
    rows = cursor.rowcount
    note_removed(cursor, request, place.name, rows)
    return rows


def remove_quarantined(cursor: Cursor, request: str, place: Quarantine) -> int:
    cursor.execute(
        sql.SQL("SELECT sluice.erase_quarantined({}, {}, {}, {})").format(
            sql.Literal(request),
            sql.Literal(place.name.removeprefix("quarantine.")),
            sql.Literal(place.field),
            place.subjects,
        )
    )
    (rows,) = cursor.fetchone() or (0,)
    return int(rows)


def retire(cursor: Cursor, request: str, holder: Holder, at: datetime) -> None:
    """Give the version up: its table goes, the fact of it stays."""
    note_removed(cursor, request, holder.name, count(cursor, holder))
    cursor.execute(
        sql.SQL(
            "SELECT sluice.retire({}, {}, {}, {}, {}, ARRAY(SELECT value FROM {} WHERE place = {}), {})"
        ).format(
            sql.Literal(request),
            sql.Literal(holder.version.dataset),
            sql.Literal(holder.version.version),
            sql.Literal(holder.field),
            KEY,
            REFERENCED,
            sql.Literal(f"datasets.{holder.version.dataset}"),
            sql.Literal(at),
        )
    )


def record(
    cursor: Cursor, source: PostgresSource, request: ErasureRequest, *, files: Mapping[str, int], at: datetime
) -> None:
    """Write the fact, with commitments to the key and to all that else told whose a row was.

    `files` says of each place outside of the warehouse how many of its files went.
    """
    for place, number in files.items():
        note_removed(cursor, request.id, place, number)
    cursor.execute(
        sql.SQL(
            "SELECT coalesce(jsonb_object_agg(place, hashes), '{{}}') FROM"
            " (SELECT place, jsonb_agg(DISTINCT {}) AS hashes FROM {} GROUP BY place) AS committed"
        ).format(COMMITTED.format(sql.SQL("place"), sql.SQL("value")), REFERENCED)
    )
    (referenced,) = cursor.fetchone() or ({},)
    table, commitment = source.subject and source.subject.table, request.commitment(source.name, request.key)
    cursor.execute(
        "INSERT INTO sluice.erasures (request, source, subject_table, commitment, referenced, erased_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (request.id, source.name, table, commitment, Json(referenced), at),
    )


def recorded(cursor: Cursor, request: str) -> Recorded | None:
    """The erasure of that request, if it was carried out."""
    cursor.execute("SELECT source, commitment FROM sluice.erasures WHERE request = %s", (request,))
    if (row := cursor.fetchone()) is None:
        return None
    return Recorded(Erasure(request=request, source=row[0], **_done(cursor, request)), row[1])


def read(cursor: Cursor, request: str) -> Erasure:
    """What was recorded of an erasure that was carried out."""
    if (found := recorded(cursor, request)) is None:
        raise FatalError(f"There is no erasure {request!r}.", fix="name a request from the table sluice.erasures.")
    return found.erasure


def _done(cursor: Cursor, request: str) -> dict[str, Any]:
    cursor.execute("SELECT place, removed FROM sluice.removals WHERE request = %s ORDER BY place", (request,))
    removed = dict(cursor.fetchall())
    cursor.execute(
        "SELECT dataset, array_agg(version ORDER BY version) FROM sluice.retirements WHERE request = %s"
        " GROUP BY dataset ORDER BY dataset",
        (request,),
    )
    return {"removed": removed, "retired": dict(cursor.fetchall())}


def committed(cursor: Cursor, request: str, place: str) -> frozenset[str]:
    """The commitments that the erasure made for the place."""
    cursor.execute(
        "SELECT jsonb_array_elements_text(referenced -> %s) FROM sluice.erasures WHERE request = %s",
        (place, request),
    )
    return frozenset(commitment for (commitment,) in cursor.fetchall())


def refer_committed(cursor: Cursor, request: str, place: str, values: sql.Composable) -> None:
    """Note those of the query `values` to which the erasure has committed itself for `place`."""
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} SELECT {place}, value FROM ({}) AS found (value) WHERE {} IN (SELECT"
            " jsonb_array_elements_text(referenced -> {place}) FROM sluice.erasures WHERE request = {request})"
        ).format(
            REFERENCED,
            values,
            COMMITTED.format(sql.Literal(place), sql.SQL("value")),
            place=sql.Literal(place),
            request=sql.Literal(request),
        )
    )


def note_removed(cursor: Cursor, request: str, place: str, number: int) -> None:
    """Say how much left a place; of a request that comes again the first word stays."""
    cursor.execute(
        "INSERT INTO sluice.removals (request, place, removed) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (request, place, number),
    )
