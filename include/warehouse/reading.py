"""Rows of a version as Arrow, streamed over a connection of their own, always in the same order."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from include.core.errors import RetriableError
from include.warehouse.connection import session_options

if TYPE_CHECKING:
    import pyarrow as pa

# What Arrow has a type of its own for. Numbers of any scale come as float8, all else as Postgres prints it.
ARROW = frozenset(
    (
        "boolean", "smallint", "integer", "bigint", "real", "double precision", "text", "character varying",
        "character", "date", "timestamp without time zone", "timestamp with time zone", "bytea",
    )
)  # fmt: skip
NUMERIC = "numeric"


def query(
    connection: Connection,
    table: str,
    types: dict[str, str],
    columns: Sequence[str],
    *,
    split: str | None = None,
    part: int = 0,
    of: int = 1,
) -> str:
    """SQL for rows of `datasets.<table>`, sorted by `_id` byte by byte.

    `types` are the table's columns with their types. The rows are cut into `of` parts by a hash of `_id`.
    """
    conditions: list[sql.Composable] = [sql.SQL("true")]
    if split is not None:
        conditions.append(sql.SQL("_split = {}").format(sql.Literal(split)))
    if of > 1:
        hashed = sql.SQL("('x' || left(md5(_id), 8))::bit(32)::bigint % {} = {}")
        conditions.append(hashed.format(sql.Literal(of), sql.Literal(part)))
    statement = sql.SQL('SELECT {} FROM {} WHERE {} ORDER BY _id COLLATE "C"').format(
        sql.SQL(", ").join(_as_arrow(name, types[name]) for name in columns),
        sql.Identifier("datasets", table),
        sql.SQL(" AND ").join(conditions),
    )
    return statement.as_string(connection)


def stream(url: str, statement: str, role: str) -> Iterator["pa.RecordBatch"]:
    """The rows of a statement as they come, in batches of some megabytes; the first is empty and has the schema.

    Raises RetriableError if the connection cannot be made or is lost.
    """
    import pyarrow as pa
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    options = {"options": session_options(role), "application_name": "sluice load", "connect_timeout": "10"}
    try:
        with dbapi.connect(make_dsn(url, **options)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetch_record_batch()
            yield pa.RecordBatch.from_pylist([], schema=found.schema.remove_metadata())
            yield from found
    except Error as error:
        raise RetriableError(
            f"The version could not be read to its end: {str(error).strip().splitlines()[0]}.", fix="run again."
        ) from None


def rebatched(batches: Iterator["pa.RecordBatch"], rows: int) -> Iterator["pa.RecordBatch"]:
    """The same rows in batches of so many; the last may be smaller, and none is empty."""
    import pyarrow as pa

    left = pa.Table.from_batches([next(batches)])
    for batch in batches:
        left = pa.Table.from_batches([*left.to_batches(), batch], left.schema)
        while len(left) >= rows:
            yield left.slice(0, rows).combine_chunks().to_batches()[0]
            left = left.slice(rows)
    if len(left):
        yield left.combine_chunks().to_batches()[0]


def bare(kind: str) -> str:
    """A type's name without its length, precision or scale, such as `timestamp without time zone`."""
    return re.sub(r"\([0-9, -]+\)", "", kind)


def _as_arrow(name: str, kind: str) -> sql.Composable:
    column = sql.Identifier(name)
    base, brackets = (kind[:-2], "[]") if kind.endswith("[]") else (kind, "")
    plain = bare(base)
    if plain == NUMERIC:
        return sql.SQL("{}::{} AS {}").format(column, sql.SQL("float8" + brackets), column)
    if plain in ARROW:
        return column
    return sql.SQL("{}::{} AS {}").format(column, sql.SQL("text" + brackets), column)
