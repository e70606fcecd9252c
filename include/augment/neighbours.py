"""The nearest neighbours of many rows with many features, several times faster than by comparing all pairs.

Rows are parted into cells around centres, as an inverted file does (Jégou, Douze, Schmid: "Product quantization
for nearest neighbor search", PAMI 33, 2011). For each query the nearest fifth of the cells, or 30,000 rows' worth
of them, is looked through: in single precision with a bound on its error; what can be among the nearest is then
measured in double precision. So a neighbour is missed only if its cell is far. Fewer than 1 in 100 are on normal
data of 20 independent features, which is the worst case. No number of threads changes anything.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by the registry)
from sklearn.base import BaseEstimator  # noqa: TID253
from sklearn.neighbors import NearestNeighbors  # noqa: TID253

# For fewer pairs, or features few enough for a tree, scikit-learn's own search is the better one.
FEWEST_PAIRS, MOST_TREE_FEATURES = 100_000_000, 15
# The share of the cells that is looked through, and of how many rows that is at least.
SHARE, FEWEST_ROWS = 0.2, 30_000
# How many of the nearest cells bound a query's distance beforehand.
FIRST_CELLS = 4
# Queries looked at together: more of them hold more memory, fewer spend more on calls.
TOGETHER = 4096


class FastNeighbours(BaseEstimator):
    """scikit-learn's `NearestNeighbors` for Euclidean distances, as far as imbalanced-learn asks for it."""

    def __init__(self, n_neighbors: int = 5, threads: int = 1) -> None:
        self.n_neighbors = n_neighbors
        self.threads = threads

    def fit(self, rows: np.ndarray, _labels: Any = None) -> "FastNeighbours":
        """`rows` is (n, f), finite."""
        self._plain = NearestNeighbors(n_neighbors=self.n_neighbors).fit(rows)
        self._rows = np.ascontiguousarray(rows, dtype=np.float64)
        self._cells: Cells | None = None
        return self

    def kneighbors(
        self, queries: np.ndarray, n_neighbors: int | None = None, return_distance: bool = True
    ) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        """The n_neighbors nearest rows of each query, nearest first, the first row first among equally near ones.

        Indices (m, n_neighbors); with `return_distance` distances of the same shape before them.
        """
        count = n_neighbors or self.n_neighbors
        if len(queries) * len(self._rows) < FEWEST_PAIRS or self._rows.shape[1] <= MOST_TREE_FEATURES:
            return self._plain.kneighbors(queries, count, return_distance)
        if self._cells is None:
            self._cells = Cells(self._rows)
        distances, found = self._cells.nearest(np.asarray(queries, np.float64), count, self.threads)
        return (distances, found) if return_distance else found

    def kneighbors_graph(self, *arguments: Any, **options: Any) -> Any:
        """As scikit-learn's: imbalanced-learn takes nothing for a search that lacks it, and never calls it."""
        return self._plain.kneighbors_graph(*arguments, **options)


class Cells:
    """Rows in cells: those of cell c are `order[starts[c]:starts[c + 1]]`. `share` of them is looked through."""

    def __init__(self, rows: np.ndarray, share: float | None = None) -> None:
        self._middle = rows.mean(axis=0)
        self._rows = rows - self._middle
        centres = _centres(self._rows, max(2 * FIRST_CELLS, round(np.sqrt(len(rows)))))
        self._centres = _as_rows(centres)
        share = share or max(SHARE, min(1.0, FEWEST_ROWS / len(rows)))
        self._looked = max(FIRST_CELLS, round(share * len(centres)))
        cell = _nearest_centre(self._rows, centres)
        self._order = np.argsort(cell, kind="stable")
        self._starts = np.searchsorted(cell[self._order], np.arange(len(self._centres) + 1))
        self._single = _as_rows(self._rows[self._order])
        self._longest = float(np.einsum("ij,ij->i", self._rows, self._rows).max())

    def nearest(self, queries: np.ndarray, count: int, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Distances and indices (m, count) of each query's nearest rows. There must be `count` rows."""
        parts = [queries[start : start + TOGETHER] - self._middle for start in range(0, len(queries), TOGETHER)]
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda part: self._search(part, count), parts))
        distances, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        return distances, rows

    def _search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        norms = np.einsum("ij,ij->i", queries, queries)
        single = _as_queries(queries)
        away = single @ self._centres.T
        # A sum of f + 1 products errs by less than (f + 1)·2⁻²⁴ of their magnitudes' sum (Higham, "Accuracy and
        # Stability of Numerical Algorithms", 3.1), and the rounding of both factors adds as much again.
        error = (queries.shape[1] + 4) * 2.0**-22 * (norms + self._longest)
        limit = (self._bound(away, single, count) + 2 * error).astype(np.float32)
        of_query, places = self._passing(_nearest(away, self._looked), single, limit)
        lacking = np.bincount(of_query, minlength=len(queries)) < count
        if lacking.any():
            # Cells of few rows: these queries are compared with every row.
            everywhere = np.repeat(lacking[:, None], len(self._centres), axis=1)
            of_all, all_places = self._passing(everywhere, single, limit)
            kept = ~lacking[of_query]
            of_query, places = np.append(of_query[kept], of_all), np.append(places[kept], all_places)
        return self._measured(queries, of_query, places, count)

    def _bound(self, away: np.ndarray, single: np.ndarray, count: int) -> np.ndarray:
        """What |y|² - 2xy is at most for each query's `count` nearest rows, judged by its nearest cells' rows."""
        best = np.full((len(single), count), np.inf, dtype=np.float32)
        cells = _nearest(away, FIRST_CELLS)
        for cell in np.flatnonzero(cells.any(axis=0)):
            near = np.flatnonzero(cells[:, cell])
            rows = self._single[self._starts[cell] : self._starts[cell + 1]]
            best[near] = np.partition(np.hstack([best[near], single[near] @ rows.T]), count - 1, axis=1)[:, :count]
        return best.max(axis=1).astype(np.float64)

    def _passing(self, looked: np.ndarray, single: np.ndarray, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a query and the place of a row that may be near it; `looked` (m, cells) says where."""
        of_query, places = [], []
        for cell in np.flatnonzero(looked.any(axis=0)):
            start, end = self._starts[cell], self._starts[cell + 1]
            if start == end:
                continue
            near = np.flatnonzero(looked[:, cell])
            passed = _true(single[near] @ self._single[start:end].T <= limit[near, None])
            query, place = np.divmod(passed, end - start)
            of_query.append(near[query])
            places.append(start + place)
        return np.concatenate(of_query), np.concatenate(places)

    def _measured(
        self, queries: np.ndarray, of_query: np.ndarray, places: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `count` nearest of the rows that passed, by distances in double precision."""
        rows = self._order[places]
        apart = queries[of_query] - self._rows[rows]
        squared = np.einsum("ij,ij->i", apart, apart)
        ranked = np.lexsort((rows, squared, of_query))
        firsts = np.searchsorted(of_query[ranked], np.arange(len(queries)))
        chosen = ranked[firsts[:, None] + np.arange(count)]
        return np.sqrt(squared[chosen]), rows[chosen]


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _centres(rows: np.ndarray, count: int) -> np.ndarray:
    """Centres of cells: four rounds of Lloyd's algorithm on a sample, which is the same for the same rows."""
    sample = rows[np.random.RandomState(0).permutation(len(rows))[: 32 * count]]
    centres = sample[:count]
    for _ in range(4):
        cell = _nearest_centre(sample, centres)
        sums = np.column_stack([np.bincount(cell, feature, count) for feature in sample.T])
        sizes = np.bincount(cell, minlength=len(centres))[:, None]
        centres = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres)
    return centres


def _nearest_centre(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    towards = _as_rows(centres).T
    parts = [rows[start : start + TOGETHER] for start in range(0, len(rows), TOGETHER)]
    with ThreadPoolExecutor(cores()) as pool:
        return np.concatenate(list(pool.map(lambda part: (_as_queries(part) @ towards).argmin(axis=1), parts)))


def _as_queries(rows: np.ndarray) -> np.ndarray:
    """(-2x, 1) in single precision. A product with (y, |y|²) is |x - y|², but for a term that is the query's."""
    return np.column_stack([-2 * rows, np.ones(len(rows))]).astype(np.float32)


def _as_rows(rows: np.ndarray) -> np.ndarray:
    """(y, |y|²) in single precision."""
    return np.column_stack([rows, np.einsum("ij,ij->i", rows, rows)]).astype(np.float32)


def _nearest(away: np.ndarray, count: int) -> np.ndarray:
    """Which cells are a query's `count` nearest: truth values in the shape of `away`, (m, cells)."""
    looked = np.ones(away.shape, dtype=bool)
    if count < away.shape[1]:
        np.put_along_axis(looked, np.argpartition(away, count, axis=1)[:, count:], False, axis=1)
    return looked


def _true(mask: np.ndarray) -> np.ndarray:
    """The flat places of the few that are true: eight at a time are looked at."""
    flat = mask.ravel()
    whole = len(flat) // 8 * 8
    words = np.flatnonzero(flat[:whole].view(np.uint64))
    word, place = np.nonzero(flat[:whole].reshape(-1, 8)[words])
    return np.concatenate([words[word] * 8 + place, whole + np.flatnonzero(flat[whole:])])
