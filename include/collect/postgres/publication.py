"""The publication of a source: which tables it holds, its creation, and its removal."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.describe import SourceTable


@dataclass(frozen=True, slots=True)
class Publication:
    """`tables` maps a table's oid to the columns that are published whole; `complete` if no change is left out.

    `via_root`: changes of a partition are published as its root's.
    """

    complete: bool
    via_root: bool
    tables: dict[int, set[str | None]]


def find_publication(cursor: Cursor, name: str) -> Publication | None:
    """The publication of that name in the connected database, or None."""
    # pubgencols exists from PostgreSQL 18 on, which to_jsonb lets one ask in any version.
    cursor.execute(
        "SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate"
        " AND coalesce(to_jsonb(p) ->> 'pubgencols', 'n') = 'n', pubviaroot FROM pg_publication p"
        " WHERE pubname = %s",
        (name,),
    )
    if (found := cursor.fetchone()) is None:
        return None
    cursor.execute(
        "SELECT c.oid::bigint, CASE WHEN t.rowfilter IS NULL THEN t.attnames::text[] ELSE '{}' END"
        " FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname"
        " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename WHERE t.pubname = %s",
        (name,),
    )
    return Publication(found[0], found[1], {oid: set(columns) for oid, columns in cursor.fetchall()})


def create_statement(name: str, exists: bool, tables: Iterable[SourceTable]) -> sql.Composed:
    """SQL that makes the publication, or adds `tables` to it. ONLY: an heir is a table of its own."""
    command = (
        "ALTER PUBLICATION {} ADD TABLE {}"
        if exists
        else "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
    )
    listed = sql.SQL(", ").join(table.whole for table in tables)
    return sql.SQL(command).format(sql.Identifier(name), listed)
