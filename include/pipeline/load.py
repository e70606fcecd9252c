"""Read a version for training: as one Arrow table, or in batches, with its pictures where they are asked for.

    from include.pipeline.load import load
    train = load("payment_fraud", version=3, split="train")

This is what training code imports. It needs a URL of the warehouse, whose login may act as sluice_reader, and no
Airflow. docs/versions.md shows it with pandas, Hugging Face datasets and PyTorch.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.warehouse import versions
from include.warehouse.connection import transaction
from include.warehouse.files import fetch_image, place_of
from include.warehouse.pointer import shown_at
from include.warehouse.reading import query, rebatched, stream
from include.warehouse.tags import tagged

if TYPE_CHECKING:
    import pyarrow as pa

READER = "sluice_reader"
URL = "SLUICE_WAREHOUSE_URL"

Pictures = Literal["names", "paths", "bytes"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A version that is held open: nothing drops it before it is closed. `image` is its column of pictures."""

    dataset: str
    number: int
    fingerprint: str
    manifest: dict[str, Any]
    columns: tuple[str, ...]
    image: str | None
    split: str | None
    _connection: Connection = field(repr=False)
    _url: str = field(repr=False)  # it holds a password
    _types: dict[str, str] = field(repr=False)
    _pictures: Pictures
    _storage: Any

    def arrow(self) -> "pa.Table":
        """All rows, sorted by `_id`."""
        import pyarrow as pa

        return pa.Table.from_batches([self._with_pictures(batch) for batch in self._stream(0, 1)])

    def batches(self, rows: int = 1024, *, part: int = 0, of: int = 1) -> Iterator["pa.RecordBatch"]:
        """The rows in batches of so many, sorted by `_id`; each time from the beginning.

        Of several workers each takes its `part` (from 0) `of` all. Memory holds a few batches.
        """
        if rows < 1 or not 0 <= part < of:
            raise FatalError(
                f"rows = {rows}, part = {part}, of = {of} are no batches of a part.",
                fix="ask for 1 row or more, and for a part from 0 up to of - 1.",
            )
        for batch in rebatched(self._stream(part, of), rows):
            yield self._with_pictures(batch)

    def _stream(self, part: int, of: int) -> Iterator["pa.RecordBatch"]:
        table = f"{self.dataset}_v{self.number}"
        statement = query(self._connection, table, self._types, self.columns, split=self.split, part=part, of=of)
        return stream(self._url, statement, READER)

    def _with_pictures(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        if self._pictures == "names" or self.image not in self.columns:
            return batch
        import pyarrow as pa

        place = batch.schema.get_field_index(self.image)
        names = batch.column(place).to_pylist()
        storage, paths = self._storage, self._pictures == "paths"
        found = [
            None if n is None else str(place_of(storage, n, n)) if paths else fetch_image(storage, n, n)
            for n in names
        ]
        return batch.set_column(place, self.image, pa.array(found, pa.string() if paths else pa.binary()))


def load(
    dataset: str,
    *,
    version: int | None = None,
    as_of: datetime | None = None,
    tag: str | None = None,
    split: str | None = None,
    columns: Sequence[str] | None = None,
    pictures: Pictures = "names",
    storage: Any = None,
    url: str | None = None,
) -> "pa.Table":
    """A version's rows as an Arrow table, sorted by `_id`; `.to_pandas()` makes a frame of it.

    Which version: `version` by its number, `as_of` what the view showed at that time, `tag` by a name it was
    given; the current one if none of them is said. `split` is train, validation or test (all, if left out),
    `columns` are those to read. Numbers with a scale become float64, JSON and what Arrow does not know text.

    `pictures` says what stands in the image column: names within the object storage, paths, or the files' bytes,
    read from `storage`, its root (a Path, a UPath, …). `url` is the warehouse's, SLUICE_WAREHOUSE_URL if left out.

    Raises FatalError for a version, a time, a tag, a split or a column that is not there; RetriableError if the
    warehouse cannot be reached.
    """
    with opened(
        dataset, version=version, as_of=as_of, tag=tag, split=split, columns=columns, pictures=pictures,
        storage=storage, url=url,
    ) as found:  # fmt: skip
        return found.arrow()


@contextmanager
def opened(
    dataset: str,
    *,
    version: int | None = None,
    as_of: datetime | None = None,
    tag: str | None = None,
    split: str | None = None,
    columns: Sequence[str] | None = None,
    pictures: Pictures = "names",
    storage: Any = None,
    url: str | None = None,
) -> Iterator[Opened]:
    """Hold a version open, to read it in batches or more than once; what is asked for is as with `load`."""
    url = _url(url)
    with transaction(url, role=READER) as connection:
        found = _resolve(connection, dataset, version, as_of, tag)
    # In a transaction of its own, which may last for days: it holds nothing but the version's table.
    with transaction(url, role=READER) as connection:
        types = _hold(connection, found)
        yield Opened(
            dataset=dataset,
            number=found.version,
            fingerprint=found.fingerprint,
            manifest=found.manifest,
            columns=_columns(found, types, columns),
            image=_image(found, pictures, storage),
            split=_split(found, split),
            _connection=connection,
            _url=url,
            _types=types,
            _pictures=pictures,
            _storage=storage,
        )


def _url(url: str | None) -> str:
    if found := url or os.environ.get(URL):
        return found
    raise FatalError(f"Neither url nor {URL} says where the warehouse is.", fix=f"export {URL}=postgresql://….")


def _resolve(
    connection: Connection, dataset: str, version: int | None, as_of: datetime | None, tag: str | None
) -> versions.Version:
    asked = {"version": version, "as_of": as_of, "tag": tag}
    named = [name for name, value in asked.items() if value is not None]
    if len(named) > 1:
        raise FatalError(f"A version is named once, not by {' and '.join(named)}.", fix="leave all but one out.")
    if as_of is not None:
        version = shown_at(connection, dataset, as_of)
    elif tag is not None:
        version = tagged(connection, dataset, tag)
    known = versions.list_versions(connection, dataset)
    found = next((v for v in known if (v.current if version is None else v.version == version)), None)
    if found is None:
        there = ", ".join(str(v.version) for v in known if v.retired_at is None) or "none"
        what = "no current version" if version is None else f"no version {version}"
        raise FatalError(f"Dataset {dataset} has {what}; there is {there}.", fix="name one of these.")
    _refuse_retired(found)
    return found


def _hold(connection: Connection, found: versions.Version) -> dict[str, str]:
    """The version's columns, which until the transaction ends nobody can drop."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        try:
            cursor.execute(
                sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier("datasets", found.table))
            )
        except psycopg2.errors.UndefinedTable:
            raise FatalError(
                f"{found.table} has been retired just now.", fix="name another version of sluice.versions."
            ) from None
        return versions.column_types(cursor, found.table, "datasets")


def _refuse_retired(found: versions.Version) -> None:
    if found.retired_at is not None:
        raise FatalError(
            f"{found.table} was retired at {found.retired_at.isoformat()}: its rows are gone.",
            fix="name another version of sluice.versions.",
        )


def _columns(found: versions.Version, types: dict[str, str], asked: Sequence[str] | None) -> tuple[str, ...]:
    unknown = [name for name in asked or () if name not in types]
    if unknown:
        raise FatalError(
            f"{found.table} has no column {', '.join(unknown)}; it has {', '.join(types)}.", fix="name these."
        )
    return tuple(types if asked is None else asked)


def _split(found: versions.Version, asked: str | None) -> str | None:
    known = sorted({entry["split"] for entry in found.manifest.get("counts", ())})
    if asked is not None and asked not in known:
        raise FatalError(
            f"{found.table} has no split {asked!r}; it has {', '.join(known)}.", fix="name one of these."
        )
    return asked


def _image(found: versions.Version, pictures: Pictures, storage: Any) -> str | None:
    image = found.manifest.get("declaration", {}).get("image")
    if pictures != "names" and (image is None or storage is None):
        lacking = (
            "has no image column" if image is None else "has its pictures in an object storage, and none is given"
        )
        raise FatalError(
            f"pictures = {pictures!r}, but {found.table} {lacking}.",
            fix='leave pictures out, or give storage=Path("…"), the root of the object storage.',
        )
    return str(image) if image else None
