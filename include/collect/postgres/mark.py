"""A place in a source's log, and the state of its tables exactly there."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.collect.postgres.describe import describe
from include.collect.postgres.sessions import Sessions
from include.collect.postgres.slot import Position, create_slot, current_position
from include.collect.postgres.snapshot import landed_value, open_snapshot
from include.core.batch import TableSnapshot
from include.core.errors import RetriableError
from include.core.pseudonyms import PseudonymKey
from include.specs import PostgresSource
from include.warehouse.checksum import Content


@dataclass(frozen=True, slots=True)
class Mark:
    """The position, a session that sees what was committed before it, and the tables' snapshots as seen there.

    The tables stay locked against a change of shape while the mark is held.
    """

    source: PostgresSource
    position: Position
    session: Connection
    snapshots: tuple[TableSnapshot, ...]

    def of(self, names: Sequence[str]) -> tuple[TableSnapshot, ...]:
        return tuple(snapshot for snapshot in self.snapshots if snapshot.table.name in names)

    def content(self, name: str) -> Content:
        """What a table holds at the mark, each value as it is landed, without the personal columns.

        Where one of those is part of the key, a row's identity is what is left of it.
        """
        with self.session.cursor() as cursor:
            table = describe(cursor, self.source, name)
        if table is None:
            raise RetriableError(f"Table {name!r} is not part of the mark.", fix="run again.")
        shown = [
            (column.name, portable)
            for column, portable in zip(table.table.columns, table.portable, strict=True)
            if not column.pii
        ]
        names = [name for name, _ in shown]
        values = [landed_value(sql.Identifier(name), portable) for name, portable in shown]
        key = table.table.key if set(table.table.key) <= set(names) else ()
        return Content(table.whole, values, [names.index(name) for name in key])


@contextmanager
def mark(sessions: Sessions, names: Sequence[str], key: PseudonymKey | None) -> Iterator[Mark]:
    """Set a mark where the source's log ends now, for the tables of those declared names.

    Takes a temporary slot, which begins once every transaction that is under way has ended. Raises RetriableError
    if a table was rewritten, truncated or dropped while the mark was being set.
    """
    source = sessions.source
    with closing(sessions.another()) as session:
        with closing(sessions.replication()) as replication, replication.cursor() as cursor:
            now = current_position(cursor)
            lsn, exported = create_slot(cursor, f"{source.slot}_anew", temporary=True)
            snapshots = open_snapshot([session], exported, source, names, key)
        yield Mark(source, now.at(lsn), session, snapshots)
