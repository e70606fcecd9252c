"""The rows that passed the gate as labelling sees them: keys, the classes that are known, features."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
import pyarrow as pa  # noqa: TID253
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.label import features
from include.label.choose import UNLABELLED
from include.specs import Dataset, Labelling
from include.warehouse import bulk
from include.warehouse.files import fetch_image
from include.warehouse.staging import queue_name

# Texts as so many numbers, which distances still tell apart.
DIMENSIONS = 100


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows by key: `labels` (n,) is the place of each one's class, UNLABELLED where it has none; `table` has the
    dataset's features as columns, and `_stratum` where strata are declared."""

    keys: tuple[str, ...]
    labels: np.ndarray
    table: pa.Table

    @property
    def classes(self) -> int:
        """How many classes have a label."""
        return len(np.unique(self.labels[self.labels != UNLABELLED]))

    def without(self, keys: Collection[str]) -> "Rows":
        kept = np.array([key not in keys for key in self.keys], dtype=bool)
        names = tuple(key for key, stays in zip(self.keys, kept, strict=True) if stays)
        return replace(self, keys=names, labels=self.labels[kept], table=self.table.filter(pa.array(kept)))


def read(connection: Connection, dataset: Dataset, declared: Labelling, known: Mapping[str, str]) -> Rows:
    """All rows of the newest curation. `known` are labels that were landed since.

    Raises FatalError for a label that is none of the declared classes.
    """
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
    keys = found["_id"].to_pylist()
    labels = [known.get(key, label) for key, label in zip(keys, found["_label"].to_pylist(), strict=True)]
    return Rows(tuple(keys), _places(labels, declared.classes), found)


def features_of(dataset: Dataset, rows: Rows, storage: Any, seed: int) -> np.ndarray:
    """(n, f): the dataset's numbers and categories, each of its texts as numbers, its pictures as pixels."""
    parts = []
    if dataset.numeric or dataset.categorical:
        parts.append(features.table(rows.table.to_pandas(), dataset.numeric, dataset.categorical))
    for column in dataset.text:
        parts.append(features.text(rows.table[column].to_pylist(), dimensions=DIMENSIONS, seed=seed))
    if dataset.image:
        paths = zip(rows.table[dataset.image].to_pylist(), rows.keys, strict=True)
        parts.append(features.images([fetch_image(storage, path, row) for path, row in paths]))
    if not parts:
        raise FatalError(
            f"Dataset {dataset.name} declares no features, from which a model could learn.",
            fix="declare numeric, categorical, text or image columns; or choose random, without a model.",
        )
    return np.hstack(parts)


def _places(labels: Sequence[str | None], classes: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(classes)}
    if unknown := sorted({label for label in labels if label is not None} - places.keys()):
        raise FatalError(
            f"Rows are labelled {', '.join(map(repr, unknown))}, which is none of {', '.join(classes)}.",
            fix="add the class to the dataset's labelling, or map it in the dataset's SQL.",
        )
    return np.array([UNLABELLED if label is None else places[label] for label in labels], dtype=np.int64)
