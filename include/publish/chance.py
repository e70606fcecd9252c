"""How likely two rows are alike by chance, and how many twins chance does not explain: pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)

# Estimates of chance are never exact: it is given the benefit of so many times as much.
BENEFIT = 3.0
# Columns that tell rows apart least add little, and their pairwise comparison costs the square.
MOST_COLUMNS = 40
# So many pairs that agree in one column say how often such pairs agree in another one.
TRIALS = 20
# Rows of a sample that have a rare value, at most.
RARE = 20


def unexplained(expected: Sequence[float], false_alarms: float) -> int:
    """How many of the twins found are more than chance explains; 0 if chance may have made them all.

    `expected` has for each twin the number of twins, at least as surprising as it, that a table without leaks
    holds on average. With these sorted, the k-th is too many where P(Poisson(BENEFIT · expected) ≥ k) is below
    `false_alarms` / (k (k + 1)). Those levels sum to `false_alarms` over all k, so a table without leaks
    raises an alarm no more often than that.
    """
    from scipy.special import gammainc

    if not len(expected):
        return 0
    number = np.arange(1, len(expected) + 1)
    # The regularised incomplete gamma function P(k, x): the probability of k events or more where x are expected.
    tail = gammainc(number, BENEFIT * np.sort(np.asarray(expected, dtype=np.float64)))
    beyond = np.flatnonzero(tail <= false_alarms / (number * (number + 1)))
    return int(beyond[-1]) + 1 if beyond.size else 0


def alone_noticed(expected: np.ndarray, false_alarms: float) -> float:
    """The share of these figures at which one twin alone is more than chance explains."""
    return float(np.mean(-np.expm1(-BENEFIT * expected) <= false_alarms / 2)) if expected.size else 0.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Features of n rows: `numeric` (n, f) float64, `categorical` (n, c) text; NaN and None for missing ones.

    Rows of one of the `groups` (n,) are never in two splits, however alike they are; without, each is its own.
    """

    numeric: np.ndarray
    categorical: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.numeric)


class Odds:
    """The probability that a row of the table, drawn at random, is alike a given one, learnt from a sample.

    Rows are alike whose numbers differ by no more than `width` (f,) and whose categories are equal. Column by
    column, the most telling first, the probability is multiplied by the largest of

    - the share of the sample that agrees in this column, itself and one more row counted: a value that no other
      row of n has is believed to have the probability 1/n, and no less;
    - that share over sqrt(1 - R²), R² being how well normal scores of the numbers before explain this one's: the
      density of a normal variable given others exceeds its own by no more;
    - how often pairs of two groups that agree in an earlier column, but not in all, agree in this one; for a rare
      value among pairs with a rare one.
    """

    def __init__(self, sample: Rows, width: np.ndarray) -> None:
        self._width = width
        self._sorted = [np.sort(column) for column in sample.numeric.T]
        self._known = [np.unique(_texts(column), return_counts=True) for column in sample.categorical.T]
        self._rows = len(sample)
        shares = self._shares(sample)
        self._order = np.argsort(shares.mean(axis=0), kind="stable")[:MOST_COLUMNS]
        self.share = shares.mean(axis=0)
        rare = shares[:, self._order] <= RARE / (self._rows + 1)
        self._least, self._least_if_rare = _agreements(
            self._matchable(sample), self._all_widths(sample), self._order, _groups(sample), rare
        )
        self._density = _densities(sample.numeric, self._order)

    def of(self, rows: Rows) -> np.ndarray:
        """The probability for each of these rows."""
        shares = self._shares(rows)[:, self._order]
        least = np.where(shares <= RARE / (self._rows + 1), self._least_if_rare, self._least)
        return np.prod(np.minimum(1, np.maximum(shares * self._density, least)), axis=1)

    def _shares(self, rows: Rows) -> np.ndarray:
        found = [
            (_within(known, values, width) + 1) / (self._rows + 1)
            for known, values, width in zip(self._sorted, rows.numeric.T, self._width, strict=True)
        ]
        for (names, counts), column in zip(self._known, rows.categorical.T, strict=True):
            texts = _texts(column)
            place = np.minimum(np.searchsorted(names, texts), len(names) - 1)
            found.append((np.where(names[place] == texts, counts[place], 0) + 1) / (self._rows + 1))
        return np.minimum(1, np.column_stack(found))

    def _matchable(self, rows: Rows) -> np.ndarray:
        """All columns as numbers: a category is the place of its name."""
        codes = [
            np.searchsorted(names, _texts(c))
            for (names, _), c in zip(self._known, rows.categorical.T, strict=True)
        ]
        return np.column_stack([*rows.numeric.T, *codes]).astype(np.float64)

    def _all_widths(self, rows: Rows) -> np.ndarray:
        return np.concatenate([self._width, np.zeros(rows.categorical.shape[1])])


def alike(first: np.ndarray, second: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Where two arrays of numbers agree, column by column; what is missing agrees with what is missing."""
    with np.errstate(invalid="ignore"):
        near = np.abs(first - second) <= width
    return near | (first == second) | (np.isnan(first) & np.isnan(second))


def _within(known: np.ndarray, values: np.ndarray, width: float) -> np.ndarray:
    """How many of the sorted values, NaN last, lie within `width` of each of `values`."""
    numbers = known[: len(known) - np.count_nonzero(np.isnan(known))]
    count = np.searchsorted(numbers, values + width, "right") - np.searchsorted(numbers, values - width, "left")
    return np.where(np.isnan(values), len(known) - len(numbers), count)


def _texts(column: np.ndarray) -> np.ndarray:
    return np.array(["\0" if value is None else f"={value}" for value in column], dtype=np.str_)


def _groups(rows: Rows) -> np.ndarray:
    return np.arange(len(rows)) if rows.groups is None else np.unique(rows.groups, return_inverse=True)[1]


def _agreements(
    columns: np.ndarray, width: np.ndarray, order: np.ndarray, groups: np.ndarray, rare: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each column in `order`: how often pairs that agree in an earlier one, but not in all, agree in it.

    First among all such pairs, then among those where its value is `rare` (n, columns in order), if they suffice.
    """
    least, least_if_rare = np.zeros(len(order)), np.zeros(len(order))
    for place, earlier in enumerate(order[:-1]):
        by_value = np.argsort(columns[:, earlier], kind="stable")
        agree = alike(columns[by_value[1:]], columns[by_value[:-1]], width)
        apart = groups[by_value[1:]] != groups[by_value[:-1]]
        trials = agree[:, earlier] & ~agree.all(axis=1) & apart
        if (count := np.count_nonzero(trials)) < TRIALS:
            continue
        hits, rarely = agree[trials][:, order], rare[by_value[1:]][trials]
        shares = (np.count_nonzero(hits, axis=0) + 1) / (count + 2)
        counts = np.count_nonzero(rarely, axis=0)
        if_rare = (np.count_nonzero(hits & rarely, axis=0) + 1) / (counts + 2)
        later = slice(place + 1, None)
        least[later] = np.maximum(least, shares)[later]
        least_if_rare[later] = np.maximum(least_if_rare, np.where(counts >= TRIALS, if_rare, shares))[later]
    return least, least_if_rare


def _densities(numeric: np.ndarray, order: np.ndarray) -> np.ndarray:
    """1 / sqrt(1 - R²) of each column in `order`, R² by the numbers before it; 1 for a category and a constant."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    density = np.ones(len(order))
    places = [p for p, column in enumerate(order) if column < numeric.shape[1] and _varies(numeric[:, column])]
    if places:
        chosen = np.nan_to_num(numeric[:, order[places]], nan=np.nan, posinf=np.inf, neginf=-np.inf)
        ranks = rankdata(chosen, axis=0, nan_policy="omit")
        scores = np.nan_to_num(ndtri((ranks - 0.5) / np.maximum(1, np.nanmax(ranks, axis=0) + 0.5)), nan=0.0)
        correlation = np.corrcoef(scores, rowvar=False).reshape(len(places), len(places))
        density[places] = 1 / np.diag(np.linalg.cholesky(correlation + 1e-9 * np.eye(len(places))))
    return density


def _varies(column: np.ndarray) -> bool:
    known = column[~np.isnan(column)]
    return bool(known.size > 1 and (known != known[0]).any())
