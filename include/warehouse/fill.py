"""Fill a new landing table in several sessions at once: in staging, until the landing of its batch takes it over.

Sessions can only fill together what is committed, and a landing table must not be seen before its batch is.
"""

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Batch, TableSnapshot
from include.core.errors import RetriableError
from include.core.failpoints import failpoint
from include.warehouse.connection import transaction
from include.warehouse.shapes import Shapes
from include.warehouse.snapshot import pour
from include.warehouse.tables import CREATE_OPEN, NOW, Landed, definition, new_landed, run

# In staging, before the number of the transaction that makes the table; no dataset's name begins so. Of a run that
# lost its source without noticing and another that took its place, neither can fill or land the other's table.
APART = "_new__"
# The comment says whose table it is.
CREATE = (CREATE_OPEN, "COMMENT ON TABLE {now} IS {source}")
LEFT_BEHIND = """
SELECT relname FROM pg_class
WHERE relnamespace = 'staging'::regnamespace AND relkind = 'r' AND starts_with(relname, %s)
  AND obj_description(oid, 'pg_class') = %s
ORDER BY relname
"""
TAKE_OVER = (
    "DROP TABLE {now}",
    "ALTER TABLE {apart} SET SCHEMA landing",
    "ALTER TABLE {moved} RENAME TO {name}",
    "COMMENT ON TABLE {now} IS NULL",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A table in staging that holds the `rows` of a snapshot, in the form of a landing table's open rows."""

    name: str
    rows: int


def fill_apart(warehouse_url: str, batch: Batch) -> dict[str, Filled]:
    """Copy every new table of the batch whose snapshot comes in parts, a session a part, and commit it apart.

    Returns them by the table's name. Until `take_over` nothing of them is landed, and nobody sees them; what a run
    that was killed leaves is for `clear_away`.
    """
    parted = [snapshot for snapshot in batch.snapshots if snapshot.parts]
    if not parted:
        return {}
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        shapes = Shapes(cursor, batch.source)
    return {
        snapshot.table.name: _fill(warehouse_url, batch.source, snapshot)
        for snapshot in parted
        if shapes.lacks(snapshot.table.name)
    }


@failpoint("landing.sweep")
def clear_away(cursor: Cursor, source: str) -> list[str]:
    """Drop what an earlier run of the source, which has one at a time, filled and did not land; its names."""
    cursor.execute(LEFT_BEHIND, (APART, source))
    names = [name for (name,) in cursor.fetchall()]
    for name in names:
        # A landing whose run was killed may be at its end: it is waited for, and may have taken the table over.
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(name)))
    return names


@failpoint("landing.takeover")
def take_over(cursor: Cursor, landed: Landed, filled: Filled) -> None:
    """Make what was filled apart the open rows of the new landing table, before that is completed.

    Raises RetriableError if another run of the source has begun since, and dropped it.
    """
    try:
        run(
            cursor, TAKE_OVER, landed, apart=sql.Identifier("staging", filled.name),
            moved=sql.Identifier("landing", filled.name), name=sql.Identifier(landed.name + NOW),
        )  # fmt: skip
    except psycopg2.errors.UndefinedTable as error:
        raise RetriableError(
            f"staging.{filled.name}, the snapshot of table {landed.table.name!r}, was dropped by another run.",
            fix="run again.",
        ) from error


def _fill(warehouse_url: str, source: str, snapshot: TableSnapshot) -> Filled:
    landed = new_landed(source, snapshot.table)
    name = _create(warehouse_url, source, landed)
    # Not frozen: for that the table would have to be made in the session that fills it.
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier("staging", name), sql.SQL(", ").join(map(sql.Identifier, landed.columns))
    )
    return Filled(name, _at_once(warehouse_url, command, snapshot.parts))


@failpoint("landing.apart")
def _create(warehouse_url: str, source: str, landed: Landed) -> str:
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        (number,) = cursor.fetchone() or ("",)
        apart = {"now": sql.Identifier("staging", APART + number), "source": sql.Literal(source)}
        for command in CREATE:
            cursor.execute(sql.SQL(command).format(**definition(landed), **apart))
    return APART + str(number)


def _at_once(warehouse_url: str, command: sql.Composable, parts: Sequence[TableSnapshot]) -> int:
    """Run the COPY for every part, each in a session and a thread of its own; returns the number of rows.

    They are committed once all have ended; the first error ends the others.
    """
    over = Event()
    with ExitStack() as stack:
        sessions = [stack.enter_context(transaction(warehouse_url)) for _ in parts]
        pool = stack.enter_context(ThreadPoolExecutor(len(parts)))
        copies = [pool.submit(_copy_part, *each, command, over) for each in zip(sessions, parts, strict=True)]
        try:
            done, _ = wait(copies, return_when=FIRST_EXCEPTION)
            return sum(copy.result() for copy in done)
        finally:
            # What still goes on does so in vain: a part has failed, or this thread was told to end.
            over.set()


@failpoint("landing.part")
def _copy_part(connection: Connection, part: TableSnapshot, command: sql.Composable, over: Event) -> int:
    with connection.cursor() as cursor:
        return pour(cursor, command, part, over)
