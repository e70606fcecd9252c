"""Landing tables: their names, their partitions, their creation."""

import hashlib
import re
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Table
from include.core.errors import FatalError
from include.core.failpoints import failpoint

OWN_COLUMNS = ("_seq_from", "_seq_to", "_batch")
# The partitions of the open and of the closed rows: the current state costs what a plain table costs.
NOW, PAST = "__now", "__past"
# How full (%) pages of open rows are made: a row's next version that finds room beside it needs no index entry.
ROOM = 90
INDEX_MEMORY = "256MB"
LONGEST_NAME = 63 - len(PAST)
# Until a snapshot has filled it, the table of the open rows is no partition and lacks what they have in common.
CREATE_OPEN = (
    "CREATE TABLE {now} ({columns}, _seq_to bigint,"
    " CONSTRAINT open CHECK ((_seq_to IS NULL) IS NOT NULL AND _seq_to IS NULL)) WITH (fillfactor = {room})"
)
CREATE = (
    "CREATE TABLE {parent} ({columns}, _seq_from bigint NOT NULL, _seq_to bigint, _batch bigint NOT NULL)"
    " PARTITION BY LIST ((_seq_to IS NULL))",
    "CREATE TABLE {past} PARTITION OF {parent} FOR VALUES IN (false)",
    CREATE_OPEN,
)
# A new column's default is not stored with the rows that are there. The constraint, in the words of a partition's
# own, spares ATTACH a look at each.
COMPLETE = (
    "ALTER TABLE {now} ADD _seq_from bigint NOT NULL DEFAULT {sequence},"
    " ADD _batch bigint NOT NULL DEFAULT {batch}",
    "ALTER TABLE {now} ALTER _seq_from DROP DEFAULT, ALTER _batch DROP DEFAULT",
    "ALTER TABLE {parent} ATTACH PARTITION {now} FOR VALUES IN (true)",
    "ALTER TABLE {now} DROP CONSTRAINT open",
    # Rows are closed in the order of time, so a summary of each stretch finds those of after a batch.
    "CREATE INDEX ON {past} USING brin (_seq_to)",
)
# A type is part of the SQL as it stands. This is what format_type() prints for built-in types, and nothing more.
TYPE = re.compile(r'"?[a-z_][a-z0-9_ ]*"?(\([0-9]+(,-?[0-9]+)?\))?( with(out)? time zone)?(\[\])*')


@dataclass(frozen=True, slots=True)
class Landed:
    """A source's table and where it is landed.

    `landing.<name>` is partitioned: `now` holds the open rows, one a key, `past` the closed ones. `columns`
    are the landing table's own names of the table's columns, in their order; `former` are the names of those
    that the table has no more, which closed rows keep.
    """

    name: str
    table: Table
    columns: tuple[str, ...]
    former: tuple[str, ...] = ()

    @property
    def parent(self) -> sql.Identifier:
        return sql.Identifier("landing", self.name)

    @property
    def now(self) -> sql.Identifier:
        return sql.Identifier("landing", self.name + NOW)

    @property
    def past(self) -> sql.Identifier:
        return sql.Identifier("landing", self.name + PAST)

    @property
    def key(self) -> tuple[int, ...]:
        """Places of the key's columns; none where the whole row is the identity."""
        places = {column.name: place for place, column in enumerate(self.table.columns)}
        return tuple(places[name] for name in self.table.key)


def landing_table(source: str, table: str) -> str:
    """`<source>_<table>`, shortened with a hash where Postgres would cut a partition's name at 63 bytes."""
    name = f"{source}_{table}"
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: LONGEST_NAME - 9].decode(errors='ignore')}_{digest}"


def new_landed(source: str, table: Table) -> Landed:
    """A table that is landed for the first time, under the names that it has at its source."""
    return Landed(landing_table(source, table.name), table, tuple(column.name for column in table.columns))


@failpoint("landing.create")
def create(cursor: Cursor, landed: Landed) -> None:
    """Make the landing table, which takes open rows until it is completed, but can be read only then.

    Raises FatalError for columns that cannot be landed.
    """
    try:
        run(cursor, CREATE, landed, **definition(landed))
    except psycopg2.errors.DuplicateTable as error:
        raise FatalError(
            f"landing.{landed.name} exists, and belongs to another source or table of the same joined name.",
            fix="rename the source in catalog/sources.py.",
        ) from error


def definition(landed: Landed) -> dict[str, sql.Composable]:
    """What the table of the open rows is made of. Raises FatalError for columns that cannot be landed."""
    refuse_bad_columns(landed.table)
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(column.type))
        for name, column in zip(landed.columns, landed.table.columns, strict=True)
    ]
    return {"columns": sql.SQL(", ").join(columns), "room": sql.Literal(ROOM)}


def complete(cursor: Cursor, landed: Landed, sequence: int, batch: int) -> None:
    """Give the rows that are there, if any, the numbers that they have in common, and the table its indexes."""
    run(cursor, COMPLETE, landed, sequence=sql.Literal(sequence), batch=sql.Literal(batch))
    # The index is sorted in memory, and by more than one process where the server has some to spare.
    cursor.execute(sql.SQL("SET LOCAL maintenance_work_mem = {}").format(sql.Literal(INDEX_MEMORY)))
    index(cursor, landed)


@failpoint("landing.index")
def index(cursor: Cursor, landed: Landed) -> None:
    """One open row a key, and a quick way to it; in the place of the index of a former key."""
    cursor.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass AND i.indisunique",
        (landed.now.as_string(cursor),),
    )
    for (name,) in cursor.fetchall():
        cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("landing", name)))
    if landed.key:
        names = sql.SQL(", ").join(sql.Identifier(landed.columns[place]) for place in landed.key)
        cursor.execute(sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(landed.now, names))


def refuse_bad_columns(table: Table) -> None:
    """Raise FatalError for a column name that landing needs, and for what is no built-in type's name."""
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


def run(cursor: Cursor, commands: tuple[str, ...], landed: Landed, **parts: sql.Composable) -> None:
    """Run the commands, in which {parent}, {now}, {past} and the `parts` stand for what they name."""
    for command in commands:
        cursor.execute(sql.SQL(command).format(parent=landed.parent, now=landed.now, past=landed.past, **parts))
