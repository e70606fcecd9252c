"""Which images of train are multiplied, and one shard's share of the work, from storage to storage."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.core.seeds import seed_of
from include.specs import Dataset
from include.warehouse.files import fetch_image


class Parent(NamedTuple):
    """A real row of train, where its image lies, and how many variants it gets."""

    id: str
    path: str
    copies: int


class Variant(NamedTuple):
    """A made row: its id, its image, its parent, which copy it is and from which seed."""

    id: str
    path: str
    parent: str
    copy: int
    seed: int


def needs(counts: Mapping[str, int], ratio: float) -> dict[str, int]:
    """How many rows each class lacks to have `ratio` of the largest one's."""
    wanted = round(ratio * max(counts.values(), default=0))
    return {label: wanted - count for label, count in counts.items() if count < wanted}


def parents(connection: Connection, dataset: Dataset, table: str, ratio: float) -> Iterator[Parent]:
    """The rows to multiply: a class's copies are spread evenly, the rest going to the first ids.

    Raises FatalError for one class only, a missing label or a missing image path.
    """
    names = {
        "label": sql.Identifier(dataset.label),
        "image": sql.Identifier(str(dataset.image)),
        "table": sql.Identifier(table),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT {label}::text, count(*), count(*) - count({image}) FROM staging.{table}"
                " WHERE _split = 'train' GROUP BY 1"
            ).format(**names)
        )
        found = cursor.fetchall()
    _refuse_gaps(dataset, found)
    counts = {label: count for label, count, _ in found}
    lacking = needs(counts, ratio)
    with connection.cursor("parents") as cursor:
        cursor.itersize = 10_000
        cursor.execute(
            sql.SQL(
                "SELECT _id, {image}, {label}::text,"
                ' row_number() OVER (PARTITION BY {label} ORDER BY _id COLLATE "C") - 1'
                " FROM staging.{table} WHERE _split = 'train' AND {label}::text = ANY(%s)"
            ).format(**names),
            (list(lacking),),
        )
        for row, path, label, place in cursor:
            each, rest = divmod(lacking[label], counts[label])
            if copies := each + (place < rest):
                yield Parent(row, path, copies)


def shard_of(row: str, shards: int) -> int:
    """The shard that multiplies this row."""
    return seed_of("shard", row) % shards


def multiply(dataset: Dataset, chosen: Iterator[Parent], storage: Any) -> tuple[list[Variant], dict[str, Any]]:
    """Make every variant of the given rows, write it under its content's hash, and return rows and parameters.

    `storage` is the root of the object storage (a pathlib.Path or like one). A file that is already there
    with the same bytes is left alone, so a retry neither doubles nor disturbs anything.
    """
    from include.augment.images import Variants, decode, one_thread

    declared = dataset.augment
    if declared is None:
        raise FatalError(f"Dataset {dataset.name} declares no augmentation.", fix="declare Augment(recipe=…).")
    variants = Variants(declared.recipe, declared.params, declared.pack)
    made = []
    with one_thread():
        for parent in chosen:
            image = decode(fetch_image(storage, parent.path, parent.id), parent.id, parent.path)
            for copy in range(1, parent.copies + 1):
                seed = seed_of(dataset.name, dataset.seed, parent.id, copy)
                path = _store(storage, variants.png(image, seed))
                made.append(Variant(f"{declared.recipe}:{copy}:{parent.id}", path, parent.id, copy, seed))
    return made, variants.params


def _refuse_gaps(dataset: Dataset, found: list[tuple[str | None, int, int]]) -> None:
    unlabelled = sum(count for label, count, _ in found if label is None)
    pictureless = sum(missing for _, _, missing in found)
    for name, count in ((dataset.label, unlabelled), (dataset.image, pictureless)):
        if count:
            raise FatalError(
                f"The column {name} is missing in {count} train rows of dataset {dataset.name}.",
                fix=f"expect it not to be null, as critical, in the suite {dataset.name}.json.",
            )
    if len(found) < 2:
        only = ", ".join(f"{label!r} ({count} rows)" for label, count, _ in found) or "none"
        raise FatalError(
            f"Augmentation to a class ratio needs two classes or more in train; found {only}.",
            fix="collect rows of the other class, or take augment out of the dataset's declaration.",
        )


@failpoint("images.store")
def _store(storage: Any, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = f"images/{digest[:2]}/{digest}.png"
    place = storage / path
    if not (place.exists() and _same(place, data)):
        try:
            place.write_bytes(data)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return path


def _same(place: Any, data: bytes) -> bool:
    """A killed run may have left part of a file under the whole one's name."""
    with place.open("rb") as file:
        return bool(file.read() == data)
