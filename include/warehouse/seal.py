"""What a table of staging is told by: that its rows are those which were audited, without reading their values.

Postgres never changes a row in place. Whatever inserts or updates one leaves a tuple that bears its transaction's
number (`xmin`), whatever deletes one leaves a tuple less; VACUUM, VACUUM FULL, CLUSTER and ANALYZE keep both. So a
table whose rows bear the same transactions' numbers, as many rows each, holds the same rows, if the numbers are

- of transactions that had ended: the table is held against writers (SHARE) while they are counted, and a writer
  keeps its own lock to its end. So whatever writes later bears a number that was counted for no row, also where
  its transaction, or a savepoint of it, had begun before. Such a one is older than any bound that could be noted
  here, which is why numbers are compared with each other;
- not given twice: they come again after 2^32 transactions, so fewer than 2^31 may have passed since (the server's
  own 64 bit count tells), and those that were counted must be of the 2^31 before;
- of this server and of this table: a dump that is restored gives both their own.

Columns can change without a row's being written: ADD COLUMN with a default, DROP, RENAME, types that are stored
alike. A column's place (`attnum`) is given once, so places, names and types tell. Rows do not tell the text of
types that are not Postgres' own (an enum whose value is renamed), nor of columns that are computed when they are
read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

# Numbers of transactions that are compared without their high half must lie in one half of the circle.
HALF = 2**31
# Objects below are made by initdb and never change (FirstNormalObjectId, access/transam.h).
OWN = 16384


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells a table's rows: `writers` counts them by their transaction, its 32 bit number as text.

    `server` is the cluster's identifier, None where it may not be asked for; `table` the oid; `upcoming` the
    64 bit number of the next transaction. `columns` are place, name, type; `plain` is whether all are stored, of
    Postgres' own types.
    """

    server: str | None
    table: int
    upcoming: int
    columns: tuple[tuple[int, str, str], ...]
    plain: bool
    writers: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(self.writers.values())


@dataclass(frozen=True, slots=True)
class Seal:
    """What an audit saw: the fingerprint of its rows, and what they are told by without reckoning it again."""

    fingerprint: str
    marks: Marks

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        marks = dict(found["marks"])
        marks["columns"] = tuple((place, name, kind) for place, name, kind in marks["columns"])
        return cls(found["fingerprint"], Marks(**marks))


def count_writers(cursor: Cursor, table: str) -> dict[str, int]:
    """How many rows of a table of staging each transaction has written, by its number."""
    cursor.execute(
        sql.SQL("SELECT xmin::text, count(*) FROM staging.{} GROUP BY xmin").format(sql.Identifier(table))
    )
    return dict(cursor.fetchall())


def read_marks(cursor: Cursor, table: str, writers: Mapping[str, int]) -> Marks:
    """The marks of a table of staging which this transaction holds against writers, and has counted by writers."""
    cursor.execute(
        "SELECT c.oid::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
        " array_agg(a.attnum::int ORDER BY a.attnum), array_agg(a.attname::text ORDER BY a.attnum),"
        " array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum),"
        " bool_and(a.atttypid < %s AND a.attgenerated <> 'v'),"
        " has_function_privilege('pg_control_system()', 'EXECUTE')"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.oid = to_regclass(format('staging.%%I', %s::text)) GROUP BY c.oid",
        (OWN, table),
    )
    oid, upcoming, places, names, types, plain, may_ask = cursor.fetchone() or ()
    server = None
    if may_ask:
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        (server,) = cursor.fetchone() or (None,)
    columns = tuple(zip(places, names, types, strict=True))
    return Marks(server=server, table=oid, upcoming=upcoming, columns=columns, plain=plain, writers=writers)


def broken(then: Marks, now: Marks) -> str | None:
    """Why a table need not hold the rows that it held then; None if it holds exactly these."""
    oldest = max(((then.upcoming - int(number)) % (2 * HALF) for number in then.writers), default=0)
    doubts = (
        (then.server is None or then.server != now.server, "it need not be on the server on which it was audited"),
        (then.table != now.table, "it was made again"),
        (then.columns != now.columns, "its columns are others"),
        (not now.plain, "what is stored does not tell the text of all of its columns"),
        (dict(then.writers) != dict(now.writers), "it was written to"),
        (max(oldest, now.upcoming - then.upcoming) >= HALF, "transactions' numbers may have come again"),
    )
    return next((doubt for holds, doubt in doubts if holds), None)
