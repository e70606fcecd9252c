"""Columns between Postgres and Arrow, by COPY in the caller's transaction.

The rows cross in COPY's binary format, a chunk of them at a time, column by column. ADBC does the same in C, over
a connection of its own: what is read and written here belongs to the caller's transaction and snapshot, and
temporary tables can be its target.
"""

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.batch import COPY_HEADER, COPY_TRAILER

if TYPE_CHECKING:
    import pyarrow as pa

# How many rows, and roughly how many bytes, are turned at a time.
CHUNK_ROWS, CHUNK_BYTES = 65_536, 8 * 1024 * 1024


def read(connection: Connection, query: sql.Composable, types: Mapping[str, str]) -> "pa.Table":
    """The query's rows as an Arrow table. `types` gives each column's Arrow type, in the query's order: "string"
    for text, "double" for float8, "int64" for bigint, "bool" for boolean.

    NULL, NaN and the empty text stay apart; float8 arrives bit for bit. Raises FatalError for a column that
    Postgres sends with another width: the query must cast it.
    """
    import pyarrow as pa

    from include.warehouse.tuples import Decoder

    schema = pa.schema([(name, pa.type_for_alias(alias)) for name, alias in types.items()])
    batches: list[pa.RecordBatch] = []
    rows = _Rows(Decoder(schema), batches)
    with connection.cursor() as cursor:
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query), rows)
    rows.flush()
    return pa.Table.from_batches(batches, schema)


def chunk_rows(width: int) -> int:
    """How many rows of about that many bytes are turned at a time."""
    return max(1, min(CHUNK_ROWS, CHUNK_BYTES // max(1, width)))


def write(connection: Connection, table: sql.Composable, rows: "pa.Table | pa.RecordBatchReader") -> int:
    """Append the Arrow columns to the columns of the same name, which have the types that `read` says; how many
    rows there were.

    A list of int64 goes into bigint[], one of strings into text[], JSON into jsonb, int32, int16 and float into
    integer, smallint and real. A reader's batches are turned as they come, each while the one before is being
    sent. Raises FatalError for a column of another Arrow type.
    """
    from include.warehouse.tuples import refuse_unsent

    refuse_unsent(rows.schema)
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.schema.names))
    with connection.cursor() as cursor:
        cursor.copy_expert(
            sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns),
            _Stream(_ahead(_tuples(rows))),
            size=1024 * 1024,
        )
        return cursor.rowcount


class _Rows:
    """Where COPY writes: psycopg2 hands over one tuple a call, the stream's header before the first."""

    def __init__(self, decoder: Any, batches: "list[pa.RecordBatch]") -> None:
        self._decoder, self._batches = decoder, batches
        self._tuples: list[bytes] = []
        self._bytes = 0
        self._begun = False

    def write(self, data: bytes) -> None:
        if not self._begun:
            data, self._begun = data[len(COPY_HEADER) :], True
        if data != COPY_TRAILER:
            self._tuples.append(data)
            self._bytes += len(data)
            if len(self._tuples) >= CHUNK_ROWS or self._bytes >= CHUNK_BYTES:
                self.flush()

    def flush(self) -> None:
        if self._tuples:
            self._batches.append(self._decoder.batch(self._tuples))
            self._tuples, self._bytes = [], 0


class _Stream(io.RawIOBase):
    """Chunks of bytes as a file that COPY reads."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            self._left = memoryview(next(self._chunks, b""))
        data, self._left = self._left[:size], self._left[size:]
        return bytes(data)


def _tuples(rows: "pa.Table | pa.RecordBatchReader") -> Iterator[bytes]:
    import pyarrow as pa

    from include.warehouse.tuples import encode

    yield COPY_HEADER
    if isinstance(rows, pa.Table):
        rows = rows.to_reader(max_chunksize=chunk_rows(rows.nbytes // max(1, len(rows))))
    for batch in rows:
        if tuples := encode(batch):
            yield tuples
    yield COPY_TRAILER


def _ahead(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, each made while the one before is being sent."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, chunks, b"")
        while chunk := coming.result():
            coming = pool.submit(next, chunks, b"")
            yield chunk
