"""A version's rows as Parquet, a folder a split: the same rows give the same bytes, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.failpoints import failpoint
from include.publish.arrow_types import Reading, arrow_type
from include.publish.contents import File
from include.publish.delivery import seal
from include.warehouse.reading import stream

if TYPE_CHECKING:
    import pyarrow as pa

# Rows of a row group, and row groups of a file: what is held in memory at once, and what a file may grow to.
GROUP_ROWS, FILE_GROUPS = 65_536, 16
READER = "sluice_reader"
# Images are some thousand times as large as other cells.
IMAGE_GROUP_ROWS = 128

Fetch = Callable[[str], bytes]


def write(
    connection: Connection,
    url: str,
    table: str,
    readings: Iterable[Reading],
    split: str,
    *,
    folder: Path,
    image: str | None = None,
    fetch: Fetch | None = None,
) -> Iterator[File]:
    """Write the split's rows of `datasets.<table>`, by `_id`, into `folder/<split>/part-<n>.parquet`.

    Rows are streamed in binary through a connection of its own to `url`. With `image` that column becomes
    {bytes, path}, the form in which dataset libraries know images; `fetch` reads the bytes of a path.
    """
    import pyarrow.parquet as pq

    chosen = tuple(readings)
    schema = _schema(chosen, image)
    group_rows = IMAGE_GROUP_ROWS if image else GROUP_ROWS
    query = _query(connection, table, chosen, split)
    groups = _groups(_batches(url, query, chosen), group_rows)
    for number, some in enumerate(_files(groups)):
        (folder / split).mkdir(parents=True, exist_ok=True)
        name = f"{split}/part-{number:05}.parquet"
        rows = 0
        with pq.ParquetWriter(folder / name, schema, compression="zstd") as writer:
            for group in some:
                whole = _with_images(group, image, fetch) if image and fetch else group
                writer.write_table(whole.cast(schema), row_group_size=group_rows)
                rows += whole.num_rows
        yield _file(folder, name, split, rows)


def _query(connection: Connection, table: str, readings: tuple[Reading, ...], split: str) -> str:
    columns = sql.SQL(", ").join(reading.select for reading in readings)
    query = sql.SQL('SELECT {} FROM datasets.{} WHERE _split = {} ORDER BY _id COLLATE "C"')
    return query.format(columns, sql.Identifier(table), sql.Literal(split)).as_string(connection)


def _batches(url: str, query: str, readings: tuple[Reading, ...]) -> "Iterator[pa.Table]":
    """The query's rows, each column in the type that it is to have."""
    import pyarrow as pa

    for batch in stream(url, query, READER):
        columns = [
            batch.column(place).cast(arrow_type(reading.column.arrow)) for place, reading in enumerate(readings)
        ]
        yield pa.table(columns, names=[reading.column.name for reading in readings])


def _groups(batches: "Iterator[pa.Table]", rows: int) -> "Iterator[pa.Table]":
    """The same rows in tables of exactly `rows`, but for the last: how they arrived must not show."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        while sum(table.num_rows for table in waiting) >= rows:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, rows).combine_chunks()
            waiting = [whole.slice(rows)]
    rest = pa.concat_tables(waiting) if waiting else None
    if rest is not None and rest.num_rows:
        yield rest.combine_chunks()


def _files(groups: "Iterator[pa.Table]") -> "Iterator[Iterator[pa.Table]]":
    """The groups of each file in turn; one file's must be taken before the next is asked for."""
    from itertools import chain, islice

    for first in groups:
        yield chain([first], islice(groups, FILE_GROUPS - 1))


def _schema(readings: tuple[Reading, ...], image: str | None) -> "pa.Schema":
    import pyarrow as pa

    types: Mapping[str, Any] = {r.column.name: arrow_type(r.column.arrow) for r in readings}
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.schema([(name, picture if name == image else kind) for name, kind in types.items()])


def _with_images(group: "pa.Table", image: str, fetch: Fetch) -> "pa.Table":
    import pyarrow as pa

    paths = group.column(image).to_pylist()
    pictures = [None if path is None else {"bytes": fetch(path), "path": path} for path in paths]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return group.set_column(group.column_names.index(image), image, pa.array(pictures, kind))


@failpoint("export.part")
def _file(folder: Path, name: str, split: str, rows: int) -> File:
    size, digest = seal(folder / name)
    return File(path=name, split=split, rows=rows, bytes=size, sha256=digest)
