"""The rows that passed the gate as labelling sees them: keys, the classes that are known, features."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.ask)
import pyarrow as pa  # noqa: TID253
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.label import features
from include.label.choose import UNLABELLED
from include.specs import Dataset, Labelling
from include.warehouse import bulk
from include.warehouse.files import fetch_image
from include.warehouse.staging import exists, queue_name

# Texts as so many numbers, which distances still tell apart.
DIMENSIONS = 100


class Features:
    """The features of the n rows of a curation, reckoned once, when the first of them is asked for.

    `storage` is the root of the object storage, from which pictures are fetched: not within a transaction.
    """

    def __init__(self, dataset: Dataset, keys: Sequence[str], table: pa.Table, storage: Any, seed: int) -> None:
        self._dataset, self._keys, self._table, self._storage, self._seed = dataset, keys, table, storage, seed

    def reckon(self) -> None:
        """Reckon them now, where what follows must not wait for the storage."""
        _ = self.all

    @cached_property
    def all(self) -> np.ndarray:
        """(n, f): the dataset's numbers and categories, each of its texts as numbers, its pictures as pixels."""
        dataset, table, parts = self._dataset, self._table, []
        if dataset.numeric or dataset.categorical:
            parts.append(features.table(table.to_pandas(), dataset.numeric, dataset.categorical))
        for column in dataset.text:
            parts.append(features.text(table[column].to_pylist(), dimensions=DIMENSIONS, seed=self._seed))
        if dataset.image:
            paths = zip(table[dataset.image].to_pylist(), self._keys, strict=True)
            parts.append(features.images([fetch_image(self._storage, path, row) for path, row in paths]))
        if not parts:
            raise FatalError(
                f"Dataset {dataset.name} declares no features, from which a model could learn.",
                fix="declare numeric, categorical, text or image columns; or choose random, and no validation.",
            )
        return np.hstack(parts)


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows by key: `labels` (n,) is the place of each one's class, UNLABELLED where it has none; `table` has the
    dataset's features as columns, `_label` as it was curated, and `_stratum` where strata are declared. `given`
    are the keys of rows that got their label here.

    `places` (n,) are the rows' places among all that were read, of which `reckoned` has the features.
    """

    keys: tuple[str, ...]
    labels: np.ndarray
    table: pa.Table
    places: np.ndarray
    reckoned: Features
    given: frozenset[str] = frozenset()

    @property
    def features(self) -> np.ndarray:
        """(n, f), whose f columns are the same for all that was read at once."""
        return self.reckoned.all[self.places]

    @property
    def classes(self) -> int:
        """How many classes have a label."""
        return len(np.unique(self.labels[self.labels != UNLABELLED]))

    @property
    def waiting(self) -> tuple[str, ...]:
        """The keys of the rows that have no label."""
        return tuple(self.keys[place] for place in np.flatnonzero(self.labels == UNLABELLED))

    @property
    def from_source(self) -> dict[str, str]:
        """The labels that the sources themselves know: a curation has those that were given here before, too."""
        return {key: label for key, label in self._curated() if label is not None and key not in self.given}

    def without(self, keys: Collection[str]) -> "Rows":
        kept = np.array([key not in keys for key in self.keys], dtype=bool)
        names = tuple(key for key, stays in zip(self.keys, kept, strict=True) if stays)
        return replace(
            self, keys=names, labels=self.labels[kept], table=self.table.filter(pa.array(kept)),
            places=self.places[kept],
        )  # fmt: skip

    def knowing(self, given: Mapping[str, str], classes: Sequence[str]) -> "Rows":
        """The rows with these labels from here, and where there is none with those of the curation.

        Raises FatalError for a label that is none of the classes.
        """
        labels = [given.get(key, label) for key, label in self._curated()]
        return replace(self, labels=_places(labels, classes), given=frozenset(given))

    def _curated(self) -> Iterator[tuple[str, str | None]]:
        return zip(self.keys, self.table["_label"].to_pylist(), strict=True)


def read(connection: Connection, dataset: Dataset, declared: Labelling, storage: Any) -> Rows:
    """All rows of the newest curation, with the labels that they have there; `knowing` adds those of since then.

    Raises FatalError before the dataset was curated for the first time, and for a label that is none of the
    declared classes.
    """
    with connection.cursor() as cursor:
        if not exists(cursor, queue_name(dataset.name)):
            raise FatalError(
                f"No row of {dataset.name} has passed the gate yet, so there is nothing to label.",
                fix=f"run curate_{dataset.name} first.",
            )
    columns: list[sql.Composable] = [sql.SQL("_id"), sql.SQL("_label")]
    types = {"_id": "string", "_label": "string"}
    if declared.strata:
        columns.append(sql.SQL("coalesce({}::text, '') AS _stratum").format(sql.Identifier(declared.strata)))
        types["_stratum"] = "string"
    words = (*dataset.categorical, *dataset.text, *([dataset.image] if dataset.image else []))
    for kind, alias, names in (("float8", "double", dataset.numeric), ("text", "string", words)):
        columns += [sql.SQL("{0}::{1} AS {0}").format(sql.Identifier(n), sql.SQL(kind)) for n in names]
        types |= dict.fromkeys(names, alias)
    query = sql.SQL('SELECT {} FROM staging.{} ORDER BY _id COLLATE "C"').format(
        sql.SQL(", ").join(columns), sql.Identifier(queue_name(dataset.name))
    )
    found = bulk.read(connection, query, types)
    keys = tuple(found["_id"].to_pylist())
    reckoned = Features(dataset, keys, found, storage, seed_of(dataset.name, declared.seed, "features"))
    labels = _places(found["_label"].to_pylist(), declared.classes)
    return Rows(keys, labels, found, np.arange(len(keys)), reckoned)


def _places(labels: Sequence[str | None], classes: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(classes)}
    if unknown := sorted({label for label in labels if label is not None} - places.keys()):
        raise FatalError(
            f"Rows are labelled {', '.join(map(repr, unknown))}, which is none of {', '.join(classes)}.",
            fix="add the class to the dataset's labelling, or map it in the dataset's SQL.",
        )
    return np.array([UNLABELLED if label is None else places[label] for label in labels], dtype=np.int64)
