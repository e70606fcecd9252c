"""Which of the rows that wait are asked about next: the declared strategy, over what is known of all rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.specs import Dataset, Labelling
from include.warehouse import bulk
from include.warehouse.files import fetch_image
from include.warehouse.staging import queue_name

# Texts as so many numbers, which distances still tell apart.
DIMENSIONS = 100


def choose(
    connection: Connection,
    dataset: Dataset,
    known: Mapping[str, str],
    count: int,
    *,
    declared: Labelling,
    storage: Any,
) -> tuple[str, ...]:
    """The keys of `count` rows or fewer that wait for a label, the most wanted first.

    `known` are labels that were landed since the rows were written. A strategy that learns from labels begins at
    random: until there are two classes of them. Raises FatalError for an unknown strategy, and for one that lacks
    what it needs.
    """
    from include.label import choose as strategies

    needed = strategies.needs(declared.choose)
    rows = _rows(connection, dataset, declared, features="features" in needed or "probabilities" in needed)
    keys = rows["_id"].to_pylist()
    labels = [known.get(key, label) for key, label in zip(keys, rows["_label"].to_pylist(), strict=True)]
    pool = strategies.Pool(keys=keys, labels=_places(labels, declared.classes))
    seed = seed_of(dataset.name, declared.seed, "choose")
    learns = {"features", "probabilities"} & set(needed)
    if learns and len({label for label in labels if label is not None}) < 2:
        return strategies.choose("random", pool, count, seed)
    if learns:
        features = _features(dataset, rows, storage, seed)
        probabilities = _probabilities(features, pool.labels, len(declared.classes), seed)
        pool = strategies.Pool(keys=keys, labels=pool.labels, features=features, probabilities=probabilities)
    if "strata" in needed:
        pool = strategies.Pool(keys=keys, labels=pool.labels, strata=rows["_stratum"].to_numpy())
    return strategies.choose(declared.choose, pool, count, seed)


def _rows(connection: Connection, dataset: Dataset, declared: Labelling, *, features: bool) -> Any:
    columns: list[sql.Composable] = [sql.SQL("_id"), sql.SQL("_label")]
    types = {"_id": "string", "_label": "string"}
    if declared.strata:
        columns.append(sql.SQL("coalesce({}::text, '') AS _stratum").format(sql.Identifier(declared.strata)))
        types["_stratum"] = "string"
    if features:
        for kind, alias, names in (
            ("float8", "double", dataset.numeric),
            ("text", "string", (*dataset.categorical, *dataset.text, *([dataset.image] if dataset.image else []))),
        ):
            columns += [sql.SQL("{0}::{1} AS {0}").format(sql.Identifier(n), sql.SQL(kind)) for n in names]
            types |= dict.fromkeys(names, alias)
    query = sql.SQL('SELECT {} FROM staging.{} ORDER BY _id COLLATE "C"').format(
        sql.SQL(", ").join(columns), sql.Identifier(queue_name(dataset.name))
    )
    return bulk.read(connection, query, types)


def _places(labels: Sequence[str | None], classes: Sequence[str]) -> Any:
    import numpy as np

    from include.label.choose import UNLABELLED

    places = {name: place for place, name in enumerate(classes)}
    if unknown := sorted({label for label in labels if label is not None} - places.keys()):
        raise FatalError(
            f"Rows are labelled {', '.join(map(repr, unknown))}, which is none of {', '.join(classes)}.",
            fix="add the class to the dataset's labelling, or map it in the dataset's SQL.",
        )
    return np.array([UNLABELLED if label is None else places[label] for label in labels], dtype=np.int64)


def _features(dataset: Dataset, rows: Any, storage: Any, seed: int) -> Any:
    """(n, f): the dataset's features, each of its texts as numbers, its pictures as pixels."""
    import numpy as np

    from include.label import features

    parts = []
    if dataset.numeric or dataset.categorical:
        parts.append(features.table(rows.to_pandas(), dataset.numeric, dataset.categorical))
    for column in dataset.text:
        parts.append(features.text(rows[column].to_pylist(), dimensions=DIMENSIONS, seed=seed))
    if dataset.image:
        paths = zip(rows[dataset.image].to_pylist(), rows["_id"].to_pylist(), strict=True)
        parts.append(features.images([fetch_image(storage, path, row) for path, row in paths]))
    if not parts:
        raise FatalError(
            f"Dataset {dataset.name} declares no features, which the strategy learns from.",
            fix="declare numeric, categorical, text or image columns, or choose random.",
        )
    return np.hstack(parts)


def _probabilities(features: Any, labels: Any, classes: int, seed: int) -> Any:
    """(n, classes) of a logistic regression that was trained on the labelled rows; 0 for a class that none has."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    known = labels >= 0
    model = LogisticRegression(max_iter=1000, random_state=seed).fit(features[known], labels[known])
    probabilities = np.zeros((len(labels), classes))
    probabilities[:, model.classes_] = model.predict_proba(features)
    return probabilities
