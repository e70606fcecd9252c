"""Which of the rows that wait are asked about next, by the declared strategy."""

from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
from sklearn.linear_model import LogisticRegression  # noqa: TID253

from include.core.seeds import seed_of
from include.label import choose as strategies
from include.pipeline.pool import Rows, features_of
from include.specs import Dataset, Labelling


def choose(dataset: Dataset, declared: Labelling, rows: Rows, count: int, storage: Any) -> tuple[str, ...]:
    """The keys of `count` rows or fewer that wait for a label, the most wanted first.

    A strategy that learns from labels begins at random: until there are two classes of them. Raises FatalError for
    an unknown strategy, and for one that lacks what it needs.
    """
    needed = strategies.needs(declared.choose)
    seed = seed_of(dataset.name, declared.seed, "choose")
    pool = strategies.Pool(keys=rows.keys, labels=rows.labels)
    if {"features", "probabilities"} & set(needed):
        if rows.classes < 2:
            return strategies.choose("random", pool, count, seed)
        features = features_of(dataset, rows, storage, seed)
        probabilities = _probabilities(features, rows.labels, len(declared.classes), seed)
        pool = strategies.Pool(rows.keys, rows.labels, features=features, probabilities=probabilities)
    elif "strata" in needed:
        pool = strategies.Pool(rows.keys, rows.labels, strata=rows.table["_stratum"].to_numpy())
    return strategies.choose(declared.choose, pool, count, seed)


def _probabilities(features: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """(n, classes) of a logistic regression that was trained on the labelled rows; 0 for a class that none has."""
    known = labels != strategies.UNLABELLED
    model = LogisticRegression(max_iter=1000, random_state=seed).fit(features[known], labels[known])
    probabilities = np.zeros((len(labels), classes))
    probabilities[:, model.classes_] = model.predict_proba(features)
    return probabilities
