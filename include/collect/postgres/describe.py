"""What a source's tables look like: columns with attnum, key, and which types are landed as they are."""

from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.storage import files_of, spellings, storage
from include.core.batch import Column, Table
from include.specs import PostgresSource

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

# The oid of the type text.
TEXT = 25

# A declared name is `name` in public or `schema.name`; a dot may also be part of the name.
TABLE = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relreplident::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND ((n.nspname = 'public' AND c.relname = %(name)s) OR n.nspname || '.' || c.relname = %(name)s)
ORDER BY n.nspname <> 'public'
"""

# Generated columns are left out: the stream does not carry them. A value that rows have without being stored in
# them (ADD COLUMN … DEFAULT) is an array of one element. xmin: every ALTER of a column writes its entry anew,
# also one that gives it the type it had (ALTER … TYPE text USING lower(name)).
COLUMNS = """
SELECT a.attname, a.attnum, a.atttypid::bigint, a.atttypmod, format_type(a.atttypid, a.atttypmod),
       t.typnamespace = 'pg_catalog'::regnamespace AND coalesce(e.typname, t.typname) = ANY (%(portable)s),
       (a.attmissingval::text::text[])[1], a.xmin::text
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
    """A table of the source. `identity` is pg_class.relreplident, `signature` what pgoutput says of columns.

    `leaves` are replica identity and kind of each partition that holds rows, none for a table that is no root.
    """

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str
    identity: str
    table: Table
    portable: tuple[bool, ...]
    leaves: tuple[tuple[str, str], ...] = ()

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def whole(self) -> sql.Composable:
        """The table in a FROM clause or a LOCK: a root with its partitions, any other without its heirs."""
        return self.identifier if self.kind == "p" else sql.SQL("ONLY {}").format(self.identifier)

    @property
    def signature(self) -> tuple[tuple[str, int, int], ...]:
        return signature(self.table)


def signature(table: Table) -> tuple[tuple[str, int, int], ...]:
    """Name, type oid and modifier of each column, as a Relation message spells them."""
    return tuple((column.name, *(column.declared or (0, -1))) for column in table.columns)


def landed_as_sent(table: Table) -> bool:
    """Whether what the stream sends of each column in binary is a value of the type that it is landed in.

    The binary forms of portable types are the same in every version from 15 on.
    """
    return all(
        column.type != "text" or column.declared is None or column.declared[0] == TEXT for column in table.columns
    )


def describe(cursor: Cursor, source: PostgresSource, declared: str) -> SourceTable | None:
    """The source's table of that declared name; None if the database has none.

    Its key is that of its replica identity, for REPLICA IDENTITY FULL the primary key; empty if it has none.
    Columns that are declared personal are read as text.
    """
    cursor.execute(TABLE, {"name": declared})
    if (found := cursor.fetchone()) is None:
        return None
    oid, schema, name, kind, persistence, identity = found
    pii, root = source.pii_of(declared), kind == "p"
    cursor.execute(COLUMNS, {"oid": oid, "portable": PORTABLE})
    rows = cursor.fetchall()
    key: tuple[str, ...] = ()
    if identity != "n":
        cursor.execute(KEY, {"oid": oid, "identity": identity})
        key = tuple(attribute for (attribute,) in cursor.fetchall())
    files = files_of(cursor, oid, root=root)
    spelled = {} if all(row[5] for row in rows) else spellings(cursor, oid)
    portable = tuple(row[5] and row[0] not in pii for row in rows)
    columns = tuple(
        Column(
            column, type_name if as_it_is else "text", number, (type_oid, modifier), missing, pii.get(column),
            spelled.get(number, ()),
        )
        for (column, number, type_oid, modifier, type_name, _, missing, _), as_it_is in zip(
            rows, portable, strict=True
        )
    )  # fmt: skip
    stored = storage(
        cursor, oid, [file[:2] for file in files], [row[7] for row in rows], source.publication, root=root
    )
    return SourceTable(
        oid, schema, name, kind, persistence, identity,
        table=Table(declared, columns, key, str(stored)),
        portable=portable,
        leaves=tuple((leaf, leaf_kind) for _, _, leaf, leaf_kind in files) if root else (),
    )  # fmt: skip
