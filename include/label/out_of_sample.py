"""A model's probabilities of each item's classes, from votes on other items alone."""

from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.label.votes import Votes, refuse_none

FOLDS = 5


def out_of_sample(votes: Votes, features: Any, *, seed: int, model: Any = None, folds: int = FOLDS) -> np.ndarray:
    """Probabilities (items, classes) float64; `features` (items, f), dense or sparse, in the order of the items.

    Every vote is an example, so that an item on which annotators differ teaches each of their classes a part.
    Items are dealt to `folds` by a hash of their key; the probabilities of an item are of a model that saw no vote
    on it. `model` is a scikit-learn classifier, cloned for each fold; by default extremely randomised trees
    (Geurts, Ernst, Wehenkel, Mach. Learn. 63, 2006), and for sparse features logistic regression.

    Raises FatalError without votes, with fewer voted items than folds, and where features are not one row an item.
    """
    from sklearn.base import clone

    refuse_none(votes)
    voted = np.unique(votes.item)
    if features.shape[0] != len(votes.items) or len(voted) < folds:
        raise FatalError(
            f"A model of {folds} folds needs a row of features for each of {len(votes.items)} items, and votes on "
            f"{folds} items; there are {features.shape[0]} rows and votes on {len(voted)}.",
            fix="give each item its features, or label more items first.",
        )
    fold = _dealt(votes, voted, folds, seed)
    chosen = model if model is not None else _usual(features, seed)
    probabilities = np.zeros((len(votes.items), len(votes.classes)))
    for number in range(folds):
        train, test = fold[votes.item] != number, fold == number
        labels = votes.label[train]
        if len(known := np.unique(labels)) == 1:
            probabilities[test, known[0]] = 1
            continue
        fitted = clone(chosen).fit(features[votes.item[train]], labels)
        probabilities[np.ix_(test, fitted.classes_)] = fitted.predict_proba(features[test])
    return probabilities


def _dealt(votes: Votes, voted: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each item; those voted on are dealt evenly."""
    drawn = np.array([seed_of(seed, item) for item in votes.items])
    fold = drawn % folds
    fold[voted[np.argsort(drawn[voted], kind="stable")]] = np.arange(len(voted)) % folds
    return fold


def _usual(features: Any, seed: int) -> Any:
    from scipy.sparse import issparse
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression

    if issparse(features):
        return LogisticRegression(max_iter=300)
    # A leaf of one vote would repeat that vote's error.
    return ExtraTreesClassifier(n_estimators=200, min_samples_leaf=2, random_state=seed)
