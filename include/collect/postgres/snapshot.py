"""A consistent snapshot of a source's tables, as of the moment its slot began."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import IO

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.describe import SourceTable, describe
from include.collect.postgres.errors import errors_of
from include.collect.postgres.pseudonyms import copy_of
from include.collect.postgres.ranges import ranges_of
from include.collect.postgres.storage import stored_as_seen
from include.core.batch import TableSnapshot
from include.core.errors import RetriableError
from include.core.failpoints import failpoint
from include.core.pseudonyms import PseudonymKey
from include.specs import PostgresSource

WHOLE = sql.SQL("true")


@failpoint("snapshot.open")
def open_snapshot(
    sessions: Sequence[Connection],
    exported: str,
    source: PostgresSource,
    tables: Sequence[str],
    key: PseudonymKey | None,
) -> tuple[TableSnapshot, ...]:
    """Enter the exported snapshot on the sessions, which must be new, and describe the source's tables in it.

    With several sessions large tables come in parts, each of which another session copies. The tables stay locked
    against rewriting until the sessions close. Raises RetriableError if one was rewritten, truncated or dropped
    between the slot's beginning and now: Postgres would show it empty. Raises psycopg2.errors.LockNotAvailable if
    somebody waits to alter a table that comes in parts.
    """
    with _enter(sessions[0], exported) as cursor:
        held = [_hold(cursor, source, name) for name in tables]
        ranges = {table.oid: ranges_of(cursor, table, len(sessions)) for table in held}
    parted = sql.SQL(", ").join(table.whole for table in held if ranges[table.oid])
    for session in sessions[1:] if parted.seq else ():
        with _enter(session, exported) as cursor:
            # Who waits to alter a table waits for the first session, we would wait for both: no server sees such
            # a circle.
            cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT").format(parted))

    def snapshot(table: SourceTable, session: Connection, condition: sql.Composable = WHOLE) -> TableSnapshot:
        copy = partial(_copy, session, source.name, table, condition)
        return TableSnapshot(table.table, copy_of(table.table, copy, key))

    return tuple(
        replace(
            snapshot(table, sessions[0]),
            parts=tuple(
                snapshot(table, session, condition)
                for session, condition in zip(sessions, ranges[table.oid], strict=False)
            ),
        )
        for table in held
    )


@contextmanager
def _enter(session: Connection, exported: str) -> Iterator[Cursor]:
    session.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with session.cursor() as cursor:
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (exported,))
        # With row-level security in the way, an error is better than a part of the rows.
        cursor.execute("SET LOCAL row_security = off")
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        yield cursor


def _hold(cursor: Cursor, source: PostgresSource, name: str) -> SourceTable:
    gone = RetriableError(
        f"Table {name!r} was rewritten, truncated or dropped while its snapshot began.", fix="run again."
    )
    if (table := describe(cursor, source, name)) is None:
        raise gone
    try:
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(table.whole))
    except errors.UndefinedTable:
        raise gone from None
    if not stored_as_seen(cursor, table.oid, root=table.kind == "p"):
        raise gone
    return table


@failpoint("snapshot.copy")
def _copy(
    connection: Connection, source: str, table: SourceTable, condition: sql.Composable, target: IO[bytes]
) -> int:
    """COPY the table's rows for which the condition holds into `target`; returns their number."""
    columns = [
        landed_value(sql.Identifier(column.name), portable)
        for column, portable in zip(table.table.columns, table.portable, strict=True)
    ]
    command = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(", ").join(columns), table.whole, condition
    )
    with errors_of(source), connection.cursor() as cursor:
        cursor.copy_expert(command, target)
        return int(cursor.rowcount)


def landed_value(column: sql.Identifier, portable: bool) -> sql.Composable:
    """The column itself, or its text by the type's own output function, as the stream has it.

    A cast to text is not the same (it prints a domain over boolean as true, not t). num_nulls tells NULL
    from a composite whose fields are all NULL.
    """
    if portable:
        return column
    return sql.SQL("CASE WHEN num_nulls({c}) = 0 THEN format('%s', {c}) END").format(c=column)
