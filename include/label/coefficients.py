"""Chance-corrected agreement: each coefficient for many resamples of the items at once.

A coefficient is prepared from votes once. What comes out is evaluated at `times` (b, u), how often each of u units
(an item, or all items with the same votes) was drawn in each of b resamples; the value (b,) is NaN where it is
0/0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label.votes import Votes

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Weights = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """`units` (u,) int64 is how often each unit occurs, `value` takes (b, u) to (b,).

    `cells` is how many numbers it holds for each resample, besides its units.
    """

    units: np.ndarray
    value: Callable[[np.ndarray], np.ndarray]
    cells: int = 1


def krippendorff(votes: Votes, level: Level = "nominal") -> Prepared:
    """Krippendorff's α = 1 − D_o / D_e over the items with two votes or more.

    D_o is the mean squared difference δ² of pairs of votes within items, D_e that of all pairs; an item of m votes
    gives each of its m(m−1) ordered pairs the weight 1/(m−1). δ² is by level of measurement: nominal 0 or 1;
    ordinal, by the order of `classes`, the squared number of votes from one class to the other, half of either's
    own; interval (a − b)², ratio ((a − b)/(a + b))². Krippendorff: "Computing Krippendorff's alpha-reliability",
    2011. 0/0 where all votes are alike. Raises FatalError where interval or ratio is asked for classes that are no
    numbers.
    """
    counts, units = _patterns(votes, least=2)
    width = counts.shape[1]
    within = _coincidences(counts)
    fixed = None if level == "ordinal" else _differences(votes.classes, level)

    def value(times: np.ndarray) -> np.ndarray:
        coincidences = (within @ times.T).T.reshape(-1, width, width)
        margins = coincidences.sum(axis=2)
        squared = _ranks_apart(margins) ** 2 if fixed is None else fixed
        observed = (coincidences * squared).sum(axis=(1, 2))
        expected = (margins[:, :, None] * margins[:, None, :] * squared).sum(axis=(1, 2))
        return 1 - (margins.sum(axis=1) - 1) * _ratio(observed, expected)

    return Prepared(units, value, width * width)


def fleiss(votes: Votes) -> Prepared:
    """Fleiss' κ, by statsmodels.

    Fleiss: "Measuring nominal scale agreement among many raters", Psychological Bulletin 76, 1971. 0/0 where all
    votes are alike. Raises FatalError where items have unequal numbers of votes.
    """
    from statsmodels.stats.inter_rater import fleiss_kappa

    counts, units = _patterns(votes, least=1)
    numbers = np.unique(counts.sum(axis=1)).astype(int)
    if len(numbers) > 1:
        raise FatalError(
            f"Fleiss' kappa needs equally many votes for each item, and there are {numbers[0]} to {numbers[-1]}.",
            fix="measure agreement by krippendorff, which allows for missing votes.",
        )

    def value(times: np.ndarray) -> np.ndarray:
        alike = np.count_nonzero(times @ counts, axis=1) < 2
        drawn = (np.repeat(counts, row, axis=0) for row in times)
        return np.array([np.nan if same else fleiss_kappa(t) for same, t in zip(alike, drawn, strict=True)])

    return Prepared(units, value)


def gwet_ac1(votes: Votes) -> Prepared:
    """Gwet's AC1 = (p_a − p_e) / (1 − p_e), p_e = Σ π_k (1 − π_k) / (q − 1) over the q classes.

    p_a is the mean share of pairs of votes that agree, over items with two or more; π_k the mean share of votes
    for class k, over all items voted on. Gwet: "Computing inter-rater reliability and its variance in the presence
    of high agreement", Br. J. Math. Stat. Psych. 61, 2008. It is 1, not 0/0, where all votes are alike.
    """
    counts, units = _patterns(votes, least=1)
    number = counts.sum(axis=1)
    paired = number > 1
    agree = np.where(paired, (counts * (counts - 1)).sum(axis=1) / np.maximum(1, number * (number - 1)), 0)
    shares = counts / number[:, None]

    def value(times: np.ndarray) -> np.ndarray:
        observed = _ratio(times @ agree, times @ paired.astype(float))
        shown = times @ shares / times.sum(axis=1)[:, None]
        expected = (shown * (1 - shown)).sum(axis=1) / (len(votes.classes) - 1)
        return (observed - expected) / (1 - expected)

    return Prepared(units, value)


def cohen(votes: Votes, weights: Weights = "none") -> Prepared:
    """Cohen's κ = 1 − Σ w o / Σ w e over the table of two annotators' classes, o observed and e by its margins.

    w is 1 off the diagonal, or the distance of the two classes in `classes`, or its square (Cohen: "Weighted
    kappa", Psych. Bull. 70, 1968). Of more annotators it is the mean of all pairs (Light: "Measures of response
    agreement", Psych. Bull. 76, 1971), each pair counting by the items that it shares; pairs that are 0/0, both
    saying one and the same class throughout, are left out. One formula for a stack of tables, since scikit-learn's
    takes 1 ms for each of the thousands of tables of a bootstrap; at one table they are equal.
    """
    from scipy.sparse import csr_array

    pairs, item, first, second = shared(votes)
    width, place = len(votes.classes), np.arange(len(votes.classes))
    apart = np.abs(place[:, None] - place[None, :]).astype(float)
    cost = {"none": (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}[weights]
    rows, row = np.unique(item, return_inverse=True)
    number, pair = np.unique(pairs, return_inverse=True)
    cell = (pair.astype(np.int64) * width + first) * width + second
    cells = csr_array((np.ones(len(cell)), (cell, row)), shape=(len(number) * width * width, len(rows)))

    def value(times: np.ndarray) -> np.ndarray:
        tables = (cells @ times.T).T.reshape(len(times), len(number), width, width)
        total = tables.sum(axis=(2, 3))
        by_chance = tables.sum(axis=3)[..., :, None] * tables.sum(axis=2)[..., None, :]
        kappa = 1 - total * _ratio((tables * cost).sum(axis=(2, 3)), (by_chance * cost).sum(axis=(2, 3)))
        counted = np.where(np.isnan(kappa), 0, total)
        return _ratio((np.nan_to_num(kappa) * counted).sum(axis=1), counted.sum(axis=1))

    return Prepared(np.ones(len(rows), dtype=np.int64), value, cells.shape[0])


def shared(votes: Votes) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of votes on one item: the pair of annotators as first · annotators + second, item, both labels.

    The annotator that comes first in `votes.annotators` is the first of the pair.
    """
    one, two = _pairs_within(votes.item)
    pair = votes.annotator[one].astype(np.int64) * len(votes.annotators) + votes.annotator[two]
    return pair, votes.item[one], votes.label[one], votes.label[two]


def _pairs_within(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of all pairs of rows of one group; `group` (n,) is sorted."""
    most = int(np.bincount(group).max()) if len(group) else 0
    starts = [np.flatnonzero(group[step:] == group[:-step]) for step in range(1, most)]
    one = np.concatenate([np.empty(0, dtype=np.int64), *starts])
    two = np.concatenate([np.empty(0, dtype=np.int64), *(s + step for step, s in enumerate(starts, start=1))])
    return one, two


def _coincidences(counts: np.ndarray) -> Any:
    """Krippendorff's coincidences (classes · classes, u), sparse, of units with these counts (u, classes)."""
    from scipy.sparse import csr_array

    width = counts.shape[1]
    unit, label = np.nonzero(counts)
    count = counts[unit, label]
    one, two = _pairs_within(unit)
    both = count[one] * count[two]
    values = np.concatenate([count * (count - 1), both, both])
    cells = np.concatenate(
        [label * width + label, label[one] * width + label[two], label[two] * width + label[one]]
    )
    units = np.concatenate([unit, unit[one], unit[one]])
    return csr_array(
        (values / (counts.sum(axis=1) - 1)[units], (cells, units)), shape=(width * width, len(counts))
    )


def _patterns(votes: Votes, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct counts of votes by class (u, classes) among items with `least` votes, and how often each occurs."""
    table = votes.table()
    distinct, often = np.unique(table[table.sum(axis=1) >= least], axis=0, return_counts=True)
    return distinct.astype(float), often


def _differences(classes: tuple[str, ...], level: Level) -> np.ndarray:
    if level == "nominal":
        return 1 - np.eye(len(classes))
    try:
        number = np.array([float(label) for label in classes])
    except ValueError:
        raise FatalError(
            f"The {level} level needs numbers for classes, and these are {', '.join(classes)}.",
            fix="measure agreement at the ordinal level, by the order of the classes, or at the nominal one.",
        ) from None
    apart = (number[:, None] - number[None, :]) ** 2
    return apart if level == "interval" else _ratio(apart, (number[:, None] + number[None, :]) ** 2, empty=0.0)


def _ranks_apart(margins: np.ndarray) -> np.ndarray:
    """(b, k, k): how many votes lie between the middles of two classes in their order, given the votes (b, k)."""
    middle = np.cumsum(margins, axis=1) - margins / 2
    return np.abs(middle[:, :, None] - middle[:, None, :])


def _ratio(part: np.ndarray, whole: np.ndarray, empty: float = np.nan) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), empty), where=whole > 0)
