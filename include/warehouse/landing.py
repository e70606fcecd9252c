"""Land a batch: its changes, what it rejected and the position it reached, in one transaction."""

import json
from collections.abc import Mapping
from datetime import datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Batch, Table, TableSnapshot
from include.core.errors import FatalError, RetriableError
from include.core.failpoints import failpoint
from include.core.refs import BatchRef
from include.warehouse.connection import take_turns
from include.warehouse.fill import Filled, take_over
from include.warehouse.merge import Merge
from include.warehouse.rejects import keep_rejected
from include.warehouse.retake import retake
from include.warehouse.shapes import Shapes
from include.warehouse.snapshot import copy_snapshot
from include.warehouse.tables import Landed, complete


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


@failpoint("landing.land")
def land(
    connection: Connection, batch: Batch, at: datetime, filled: Mapping[str, Filled] | None = None
) -> BatchRef:
    """Write the batch and its position in the caller's transaction, which must be committed after.

    `filled` are the tables that `fill_apart` has filled with the batch's snapshots.
    Waits for another landing of the same source. Raises RetriableError if the batch does not begin where
    the newest one ended (another run was faster), FatalError if a value does not fit or a needed row is
    missing, unless the batch's tables land apart: then that table is left out. Every batch takes at least one
    sequence number, also one of nothing but rejected records or of nothing at all (a position that moved).
    """
    with connection.cursor() as cursor:
        take_turns(cursor, "landing", batch.source)
        stored, last = _newest(cursor, batch.source)
        if batch.start != stored:
            raise RetriableError(
                f"A batch must begin where the newest one of {batch.source!r} ended ({stored}); this one begins at"
                f" {batch.start}.",
                fix="run again: reading then goes on from the stored position.",
            )
        cursor.execute("SELECT nextval(pg_get_serial_sequence('sluice.batches', 'batch'))")
        (number,) = cursor.fetchone() or (0,)
        shapes = Shapes(cursor, batch.source)
        counts = _land_changes(cursor, batch, shapes, number, last)
        for name, reason in batch.left_out.items():
            shapes.leave_out(name, reason)
        sequence = max([last + 1, *(last + changes.last + 1 for changes in batch.changes if batch.snapshots)])
        for snapshot in batch.snapshots:
            counts[snapshot.table.name] = _land_snapshot(
                cursor, shapes, snapshot, sequence, number, every=batch.history == "every",
                filled=(filled or {}).get(snapshot.table.name),
            )  # fmt: skip
        last_to = max([sequence, *(last + changes.last for changes in batch.changes)])
        rejected = keep_rejected(cursor, batch, number, at)
        notes = [*batch.notes, *shapes.notes]
        cursor.execute(
            "INSERT INTO sluice.batches (batch, source, position_from, position_to, seq_from, seq_to, changes,"
            " rejected, landed_at, notes) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                number, batch.source, stored, batch.end, last + 1, last_to, json.dumps(counts), rejected, at,
                notes,
            ),
        )  # fmt: skip
        shapes.record(number)
    return BatchRef(
        source=batch.source, batch=number, position=batch.end, seq_to=last_to, changes=counts,
        rejected=rejected, notes=tuple(notes),
    )  # fmt: skip


def _land_changes(cursor: Cursor, batch: Batch, shapes: Shapes, number: int, last: int) -> dict[str, int]:
    """Changes and shapes, table by table; returns the number of changes written of each."""
    counts: dict[str, int] = {}
    tables = dict.fromkeys([*(c.table.name for c in batch.changes), *(table.name for table in batch.shapes)])
    for name in tables:
        if name in shapes.left_out:
            continue
        cursor.execute("SAVEPOINT one_table")
        try:
            for changes in (c for c in batch.changes if c.table.name == name):
                landed = _fitted(cursor, shapes, changes.table, number)
                merge = Merge(cursor, landed, offset=last, batch=number, history=batch.history)
                written = sum(merge.apply(step, skip_unchanged=batch.skip_unchanged) for step in changes.steps)
                counts[name] = counts.get(name, 0) + written
            for table in (t for t in batch.shapes if t.name == name):
                _fitted(cursor, shapes, table, number)
        except FatalError as error:
            if not batch.apart:
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT one_table")
            counts.pop(name, None)
            shapes.forget(name)
            shapes.leave_out(name, str(error))
        cursor.execute("RELEASE SAVEPOINT one_table")
    return counts


def _fitted(cursor: Cursor, shapes: Shapes, table: Table, number: int) -> Landed:
    """The landing table in the needed shape, complete."""
    new = shapes.lacks(table.name)
    landed = shapes.fit(table)
    if new:
        complete(cursor, landed, 0, number)
    return landed


def _land_snapshot(
    cursor: Cursor, shapes: Shapes, snapshot: TableSnapshot, sequence: int, number: int, *, every: bool,
    filled: Filled | None,
) -> int:  # fmt: skip
    """All rows if the table is new, which may have been `filled` already, else what differs from its open rows."""
    new = shapes.lacks(snapshot.table.name)
    landed = shapes.fit(snapshot.table)
    shapes.take_in(snapshot.table.name)
    if not new:
        return retake(cursor, landed, snapshot, sequence, number, every=every)
    if filled is None:
        rows = copy_snapshot(cursor, landed, snapshot)
    else:
        take_over(cursor, landed, filled)
        rows = filled.rows
    complete(cursor, landed, sequence, number)
    return rows


def _newest(cursor: Cursor, source: str) -> tuple[str | None, int]:
    cursor.execute(
        "SELECT position_to, seq_to FROM sluice.batches WHERE source = %s ORDER BY seq_to DESC LIMIT 1", (source,)
    )
    return cursor.fetchone() or (None, 0)
