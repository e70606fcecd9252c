"""Land a batch: its changes, what it rejected and the position it reached, in one transaction."""

import json
from datetime import datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Batch
from include.core.errors import FatalError, RetriableError
from include.core.refs import BatchRef
from include.warehouse.merge import Merge
from include.warehouse.rejects import keep_rejected
from include.warehouse.snapshot import copy_snapshot
from include.warehouse.tables import Landed, ensure, index, record_shape


def position(connection: Connection, source: str) -> str | None:
    """Where the newest batch of `source` ended; None if nothing has been landed."""
    with connection.cursor() as cursor:
        return _newest(cursor, source)[0]


def newest_news(connection: Connection, source: str) -> BatchRef | None:
    """The newest batch of `source` that changed or rejected something; a batch may also only move the position."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT batch, position_to, seq_to, changes, rejected FROM sluice.batches WHERE source = %s"
            " AND (rejected > 0 OR EXISTS (SELECT FROM jsonb_each_text(changes) AS c WHERE c.value::bigint > 0))"
            " ORDER BY seq_to DESC LIMIT 1",
            (source,),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    batch, reached, seq_to, changes, rejected = row
    return BatchRef(
        source=source, batch=batch, position=reached, seq_to=seq_to, changes=changes, rejected=rejected
    )


def land(connection: Connection, batch: Batch, at: datetime) -> BatchRef:
    """Write the batch and its position in the caller's transaction, which must be committed after.

    Waits for another landing of the same source. Raises RetriableError if the batch does not begin where
    the newest one ended (another run was faster), FatalError if a table changed its shape, a value does
    not fit, or a needed row is missing. Every batch takes at least one sequence number, also one of
    nothing but rejected records or of nothing at all (a position that moved).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sluice.landing'), hashtext(%s))", (batch.source,))
        stored, last = _newest(cursor, batch.source)
        if batch.start != stored:
            raise RetriableError(
                f"A batch must begin where the newest one of {batch.source!r} ended ({stored}); this one begins at"
                f" {batch.start}.",
                fix="run again: reading then goes on from the stored position.",
            )
        cursor.execute("SELECT nextval(pg_get_serial_sequence('sluice.batches', 'batch'))")
        (number,) = cursor.fetchone() or (0,)
        counts, shapes, last_to = _write(cursor, batch, number, last)
        rejected = keep_rejected(cursor, batch, number, at)
        cursor.execute(
            "INSERT INTO sluice.batches (batch, source, position_from, position_to, seq_from, seq_to, changes,"
            " rejected, landed_at) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                number,
                batch.source,
                stored,
                batch.end,
                last + 1,
                last_to,
                json.dumps(counts),
                rejected,
                at,
            ),
        )
        for landed in shapes:
            record_shape(cursor, batch.source, landed, number)
    return BatchRef(
        source=batch.source, batch=number, position=batch.end, seq_to=last_to, changes=counts,
        rejected=rejected,
    )  # fmt: skip


def _write(cursor: Cursor, batch: Batch, number: int, last: int) -> tuple[dict[str, int], list[Landed], int]:
    """Changes first, then snapshots, which are of the batch's end; returns counts, new shapes, the last number."""
    counts: dict[str, int] = {}
    shapes = []
    for changes in batch.changes:
        landed, new = ensure(cursor, batch.source, changes.table)
        if new:
            shapes.append(landed)
            index(cursor, landed)
        merge = Merge(cursor, landed, offset=last, batch=number, history=batch.history)
        written = sum(merge.apply(step, skip_unchanged=batch.skip_unchanged) for step in changes.steps)
        counts[changes.table.name] = counts.get(changes.table.name, 0) + written
    sequence = max([last + 1, *(last + changes.last + 1 for changes in batch.changes if batch.snapshots)])
    for snapshot in batch.snapshots:
        landed, new = ensure(cursor, batch.source, snapshot.table)
        if not new:
            raise FatalError(
                f"Table {snapshot.table.name!r} of {batch.source!r} has a history; no snapshot can follow it.",
                fix="collect the source under a new name.",
            )
        shapes.append(landed)
        counts[snapshot.table.name] = copy_snapshot(cursor, landed, snapshot, (sequence, None, number))
        index(cursor, landed)
    return counts, shapes, max([sequence, *(last + changes.last for changes in batch.changes)])


def _newest(cursor: Cursor, source: str) -> tuple[str | None, int]:
    cursor.execute(
        "SELECT position_to, seq_to FROM sluice.batches WHERE source = %s ORDER BY seq_to DESC LIMIT 1", (source,)
    )
    return cursor.fetchone() or (None, 0)
