"""Landing tables: their names, their creation, and the refusal of a shape that is no longer theirs."""

import hashlib
import json
import re

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Column, Table
from include.core.errors import FatalError
from include.core.shape import differences

OWN_COLUMNS = ("_seq_from", "_seq_to", "_batch")
LONGEST_NAME = 63
# A type is part of the SQL as it stands. This is what format_type() prints for built-in types, and nothing more.
TYPE = re.compile(r'"?[a-z_][a-z0-9_ ]*"?(\([0-9]+(,-?[0-9]+)?\))?( with(out)? time zone)?(\[\])*')


def landing_table(source: str, table: str) -> str:
    """`<source>_<table>`, shortened with a hash where Postgres would cut it at 63 bytes."""
    name = f"{source}_{table}"
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: LONGEST_NAME - 9].decode(errors='ignore')}_{digest}"


def ensure(cursor: Cursor, source: str, table: Table) -> bool:
    """Create the landing table, or see that its shape is still the recorded one; True if it is new."""
    cursor.execute(
        "SELECT columns, key FROM sluice.landing_tables WHERE source = %s AND table_name = %s"
        " ORDER BY batch DESC LIMIT 1",
        (source, table.name),
    )
    if (recorded := cursor.fetchone()) is None:
        _create(cursor, landing_table(source, table.name), table)
        return True
    before = Table(table.name, tuple(Column(**column) for column in recorded[0]), tuple(recorded[1]))
    if changed := differences(before, table):
        raise FatalError(
            f"Table {table.name!r} of source {source!r} is no longer what was landed: {'; '.join(changed)}.",
            fix="undo the change at the source, or collect the source under a new name.",
        )
    return False


def _create(cursor: Cursor, name: str, table: Table) -> None:
    _refuse_bad_columns(table)
    definitions = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.type),
            sql.SQL(" NOT NULL" if column.name in table.key else ""),
        )
        for column in table.columns
    ]
    own = sql.SQL("_seq_from bigint NOT NULL, _seq_to bigint, _batch bigint NOT NULL")
    try:
        cursor.execute(
            sql.SQL("CREATE TABLE landing.{} ({})").format(
                sql.Identifier(name), sql.SQL(", ").join([*definitions, own])
            )
        )
    except psycopg2.errors.DuplicateTable as error:
        raise FatalError(
            f"landing.{name} exists, and belongs to another source or table of the same joined name.",
            fix="rename the source in catalog/sources.py.",
        ) from error


def index(cursor: Cursor, name: str, table: Table) -> None:
    """One open row a key, and a quick way to it. Made after a snapshot's rows are in."""
    if table.key:
        cursor.execute(
            sql.SQL("CREATE UNIQUE INDEX ON landing.{} ({}) WHERE _seq_to IS NULL").format(
                sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, table.key))
            )
        )


def _refuse_bad_columns(table: Table) -> None:
    for column in table.columns:
        if column.name in OWN_COLUMNS:
            raise FatalError(
                f"Table {table.name!r} has a column {column.name!r}, a name that landing needs for itself.",
                fix="rename the column at the source.",
            )
        if not TYPE.fullmatch(column.type):
            raise FatalError(
                f"{column.type!r}, the type of {table.name!r}.{column.name!r}, is no built-in type's name.",
                fix="declare it as text.",
            )


def record_shape(cursor: Cursor, source: str, table: Table, batch: int) -> None:
    columns = [{"name": c.name, "type": c.type, "origin": c.origin} for c in table.columns]
    cursor.execute(
        "INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (source, table.name, batch, landing_table(source, table.name), json.dumps(columns), list(table.key)),
    )
