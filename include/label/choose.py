"""Which rows to label next: strategies by key, over arrays of features and of a model's probabilities.

Rows are put in the order of a hash of seed and key before anything else, and the first of equals is taken: what is
chosen depends on seed and keys, never on how the rows come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label import diversity
from include.label.turn import shuffled

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class Pool:
    """n rows: `labels` (n,) has the place of each row's class, UNLABELLED where it has none.

    What a strategy needs besides: `features` (n, f), an array or a sparse matrix; `probabilities` (n, k) of a
    model trained on the labelled rows; `strata` (n,); `votes` (n, annotators), places of classes, UNLABELLED where
    an annotator was not asked; `rare`, the place of the class that snowball goes after, else the rarest one known.
    """

    keys: Sequence[str]
    labels: np.ndarray
    features: Any = None
    probabilities: Any = None
    strata: Any = None
    votes: Any = None
    rare: int | None = None


@dataclass(frozen=True, slots=True)
class Strategy:
    """`choose` gets the pool, the unlabelled places, the budget and the seed, and returns places, the first ones
    first; `needs` names the pool's arrays that it reads.
    """

    choose: Callable[[Pool, np.ndarray, int, int], np.ndarray]
    needs: tuple[str, ...] = ()


def choose(strategy: str, pool: Pool, budget: int, seed: int) -> tuple[str, ...]:
    """The keys of at most `budget` rows to label next, the most wanted first.

    They are unlabelled ones, but for `activelab` with `votes`, which may ask another annotator about a labelled
    row. Raises FatalError for an unknown strategy, and for one that lacks what it needs.
    """
    chosen = _known(strategy)
    _refuse(strategy, chosen, pool, budget)
    order = shuffled(pool.keys, seed)
    ordered = _taken(pool, order)
    places = chosen.choose(ordered, np.flatnonzero(ordered.labels == UNLABELLED), budget, seed)
    return tuple(pool.keys[place] for place in order[places[:budget]])


def _random(pool: Pool, free: np.ndarray, budget: int, seed: int) -> np.ndarray:
    return free[:budget]


def _stratified(pool: Pool, free: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """Of each stratum its share of the rows, by largest remainder; one at least, if the budget is for as many."""
    names, of_row, counts = np.unique(np.asarray(pool.strata)[free], return_inverse=True, return_counts=True)
    wanted = counts / max(1, len(free)) * min(budget, len(free))
    quota = np.maximum(np.floor(wanted).astype(int), int(budget >= len(names)))
    while quota.sum() < min(budget, len(free)):
        quota[np.where(quota < counts, wanted - quota, -np.inf).argmax()] += 1
    while quota.sum() > budget:
        quota[(quota - wanted + (quota > 1) * len(free)).argmax()] -= 1
    turn = np.empty(len(free), dtype=int)
    for stratum in range(len(names)):
        members = np.flatnonzero(of_row == stratum)
        turn[members] = np.arange(len(members))
    return free[turn < quota[of_row]]


def _snowball(pool: Pool, free: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """The rows nearest to a known row of a rare class."""
    labelled = pool.labels[pool.labels != UNLABELLED]
    classes, counts = np.unique(labelled, return_counts=True)
    rare = pool.rare if pool.rare is not None else int(classes[counts.argmin()]) if len(classes) else UNLABELLED
    known = np.flatnonzero(pool.labels == rare) if rare != UNLABELLED else np.empty(0, dtype=int)
    if not len(known):
        raise FatalError(
            "Snowball starts from known rows of a rare class, and there is none.",
            fix="label a first batch with random or stratified, or give one of the class by hand.",
        )
    return free[
        np.argsort(diversity.to_nearest(pool.features[free], pool.features[known]), kind="stable")[:budget]
    ]


def _k_center(pool: Pool, free: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """Sener, Savarese: "Active learning for convolutional neural networks: a core-set approach", ICLR 2018."""
    labelled = pool.features[np.flatnonzero(pool.labels != UNLABELLED)]
    return free[diversity.k_center(pool.features[free], labelled, budget)]


def _diverse_margin(pool: Pool, free: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """Zhdanov: "Diverse mini-batch active learning", arXiv 1901.05954, 2019: of the ten times as many rows of the
    least margin the one nearest to each centre of k-means, rows weighing 1 - margin."""
    margin = _margins(pool, free)
    candidates = np.argsort(margin, kind="stable")[: 10 * budget]
    weights = 1 - margin[candidates] + 1e-9
    return free[candidates[diversity.central(pool.features[free[candidates]], weights, budget, seed)]]


def _activelab(pool: Pool, free: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """Goh, Mueller: "ActiveLab: active learning with re-labeling by multiple annotators", 2023, in cleanlab."""
    from cleanlab.multiannotator import get_active_learning_scores

    open_scores = get_active_learning_scores(pred_probs_unlabeled=pool.probabilities[free])[1]
    places, scores = free, open_scores
    if pool.votes is not None and len(again := np.flatnonzero((pool.votes != UNLABELLED).any(axis=1))):
        votes = np.where(pool.votes[again] == UNLABELLED, np.nan, pool.votes[again].astype(float))
        votes = votes[:, ~np.isnan(votes).all(axis=0)]
        labelled, unlabelled = get_active_learning_scores(
            votes, pool.probabilities[again], pool.probabilities[free]
        )
        places, scores = np.concatenate([free, again]), np.concatenate([unlabelled, labelled])
    by_place = np.argsort(places, kind="stable")
    return places[by_place][np.argsort(scores[by_place], kind="stable")[:budget]]


def _by(score: Callable[[Pool, np.ndarray], np.ndarray]) -> Callable[[Pool, np.ndarray, int, int], np.ndarray]:
    """The rows of the least score. Settles: "Active learning literature survey", 2009, has the three of them."""
    return lambda pool, free, budget, seed: free[np.argsort(score(pool, free), kind="stable")[:budget]]


def _confidence(pool: Pool, free: np.ndarray) -> np.ndarray:
    return pool.probabilities[free].max(axis=1)


def _margins(pool: Pool, free: np.ndarray) -> np.ndarray:
    two = np.sort(pool.probabilities[free], axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]


def _certainty(pool: Pool, free: np.ndarray) -> np.ndarray:
    share = pool.probabilities[free]
    return np.sum(share * np.log(np.maximum(share, 1e-300)), axis=1)


STRATEGIES: dict[str, Strategy] = {
    "random": Strategy(_random),
    "stratified": Strategy(_stratified, ("strata",)),
    "snowball": Strategy(_snowball, ("features",)),
    "least_confident": Strategy(_by(_confidence), ("probabilities",)),
    "margin": Strategy(_by(_margins), ("probabilities",)),
    "entropy": Strategy(_by(_certainty), ("probabilities",)),
    "k_center": Strategy(_k_center, ("features",)),
    "diverse_margin": Strategy(_diverse_margin, ("probabilities", "features")),
    "activelab": Strategy(_activelab, ("probabilities",)),
}


def needs(strategy: str) -> tuple[str, ...]:
    """Which arrays of the pool the strategy reads. Raises FatalError for an unknown one."""
    return _known(strategy).needs


def _known(strategy: str) -> Strategy:
    if strategy not in STRATEGIES:
        raise FatalError(
            f"There is no strategy {strategy!r}.", fix=f"declare one of {', '.join(sorted(STRATEGIES))}."
        )
    return STRATEGIES[strategy]


def _taken(pool: Pool, order: np.ndarray) -> Pool:
    arrays = {
        name: value[order]
        for name in ("labels", "features", "probabilities", "strata", "votes")
        if (value := getattr(pool, name)) is not None
    }
    return replace(pool, keys=[pool.keys[place] for place in order], **arrays)


def _refuse(name: str, strategy: Strategy, pool: Pool, budget: int) -> None:
    if budget < 1:
        raise FatalError(f"The budget is {budget} rows.", fix="ask for one row or more.")
    for need in strategy.needs:
        if getattr(pool, need) is None:
            raise FatalError(
                f"The strategy {name} needs {need}.", fix=f"give the pool its {need}, or take random."
            )
    for array in ("labels", "features", "probabilities", "strata", "votes"):
        value = getattr(pool, array)
        if value is not None and value.shape[0] != len(pool.keys):
            raise FatalError(
                f"{array} has {value.shape[0]} rows, and there are {len(pool.keys)} keys.",
                fix="give every array one row a key.",
            )
    if pool.probabilities is not None and not np.isfinite(pool.probabilities).all():
        raise FatalError(
            "A model's probabilities are missing for some rows.", fix="predict every row of the pool."
        )
