"""What a source's tables look like: columns with attnum, key, and which types are landed as they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Column, Table

# Built-in types whose text and binary forms mean the same in every database. Not among them: types that hold
# object ids or role names (regclass, aclitem), money (the locale's), xml (an optional library's).
PORTABLE = [
    *("bool", "bytea", "char", "name", "text", "bpchar", "varchar", "bit", "varbit", "oid", "pg_lsn", "uuid"),
    *("int2", "int4", "int8", "float4", "float8", "numeric", "json", "jsonb", "tsvector", "tsquery"),
    *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
    *("inet", "cidr", "macaddr", "macaddr8", "point", "lseg", "path", "box", "polygon", "line", "circle"),
    *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    *("int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange"),
]

# A declared name is `name` in public or `schema.name`; a dot may also be part of the name.
TABLE = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relreplident::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND ((n.nspname = 'public' AND c.relname = %(name)s) OR n.nspname || '.' || c.relname = %(name)s)
ORDER BY n.nspname <> 'public'
"""

# Generated columns are left out: the stream does not carry them.
COLUMNS = """
SELECT a.attname, a.attnum, a.atttypid::bigint, a.atttypmod, format_type(a.atttypid, a.atttypmod),
       t.typnamespace = 'pg_catalog'::regnamespace AND coalesce(e.typname, t.typname) = ANY (%(portable)s)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""

# A deferrable key may be violated between two changes, so it identifies nothing.
KEY = """
SELECT a.attname
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, nth)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %(oid)s AND i.indimmediate AND k.nth <= i.indnkeyatts
  AND CASE WHEN %(identity)s = 'i' THEN i.indisreplident ELSE i.indisprimary END
ORDER BY k.nth
"""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of the source. `identity` is pg_class.relreplident, `signature` what pgoutput says of columns."""

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str
    identity: str
    table: Table
    signature: tuple[tuple[str, int, int], ...]
    portable: tuple[bool, ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def reads_binary(tables: Iterable[SourceTable]) -> bool:
    """Whether the stream may send values in their types' binary forms.

    Those of portable types are the same in every version from 15 on. A stream has one form for all of its
    tables, so a single column that is landed as text makes all of them text.
    """
    return all(all(table.portable) for table in tables)


def describe(cursor: Cursor, declared: str) -> SourceTable | None:
    """The table of that declared name; None if the source has none.

    Its key is that of its replica identity, for REPLICA IDENTITY FULL the primary key; empty if it has none.
    """
    cursor.execute(TABLE, {"name": declared})
    if (found := cursor.fetchone()) is None:
        return None
    oid, schema, name, kind, persistence, identity = found
    cursor.execute(COLUMNS, {"oid": oid, "portable": PORTABLE})
    rows = cursor.fetchall()
    key: tuple[str, ...] = ()
    if identity != "n":
        cursor.execute(KEY, {"oid": oid, "identity": identity})
        key = tuple(attribute for (attribute,) in cursor.fetchall())
    columns = tuple(
        Column(column, spelled if portable else "text", number) for column, number, _, _, spelled, portable in rows
    )
    return SourceTable(
        oid, schema, name, kind, persistence, identity,
        table=Table(declared, columns, key),
        signature=tuple((column, kind_oid, typmod) for column, _, kind_oid, typmod, _, _ in rows),
        portable=tuple(portable for *_, portable in rows),
    )  # fmt: skip
