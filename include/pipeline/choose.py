"""Which rows are asked about next: of those that wait by a strategy, and of those labelled that are doubted."""

from collections.abc import Mapping

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.ask)
from sklearn.linear_model import LogisticRegression  # noqa: TID253

from include.core.seeds import seed_of
from include.label import choose as strategies
from include.label.learn import trained
from include.label.mislabelled import suspects
from include.label.out_of_sample import FOLDS, out_of_sample
from include.label.votes import Votes
from include.pipeline.pool import Rows
from include.specs import Dataset, Labelling


def choose(dataset: Dataset, declared: Labelling, rows: Rows, count: int) -> tuple[str, ...]:
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
        model = LogisticRegression(max_iter=1000, random_state=seed)
        features = rows.features
        probabilities = trained(model, features, rows.labels, len(declared.classes))
        pool = strategies.Pool(rows.keys, rows.labels, features=features, probabilities=probabilities)
    elif "strata" in needed:
        pool = strategies.Pool(rows.keys, rows.labels, strata=rows.table["_stratum"].to_numpy())
    return strategies.choose(declared.choose, pool, count, seed)


def doubted(dataset: Dataset, declared: Labelling, rows: Rows, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The rows whose label was given here and is likely wrong, by a model of all other labels; the worst first.

    At most the share `relabel` of a round; none while there are fewer labels than folds of each class.
    """
    most = round(declared.relabel * declared.batch)
    known = np.flatnonzero(rows.labels != strategies.UNLABELLED)
    counts = np.bincount(rows.labels[known], minlength=len(declared.classes))
    if not most or (counts < FOLDS).any():
        return ()
    seed = seed_of(dataset.name, declared.seed, "relabel")
    features, places = rows.features, {key: n for n, key in enumerate(rows.keys)}
    given = [declared.classes[place] for place in rows.labels[known]]
    keys = [rows.keys[place] for place in known]
    votes = Votes.of([(key, "label", label) for key, label in zip(keys, given, strict=True)], declared.classes)
    ordered = features[[places[key] for key in votes.items]]
    probabilities = out_of_sample(votes, ordered, seed=seed)
    of_item = dict(zip(keys, given, strict=True))
    found = suspects(votes.items, [of_item[key] for key in votes.items], probabilities, declared.classes)
    return tuple(one.item for one in found if one.item in labels)[:most]
