"""Distances between rows of features, dense or sparse, and rows that lie far apart."""

from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

# So many distances are held at once.
MOST_DISTANCES = 20_000_000


def to_nearest(rows: Any, others: Any) -> np.ndarray:
    """The Euclidean distance of n rows (n, f) to the nearest of m others (m, f); infinite without others."""
    from sklearn.metrics.pairwise import euclidean_distances

    if not others.shape[0]:
        return np.full(rows.shape[0], np.inf)
    step = max(1, MOST_DISTANCES // others.shape[0])
    parts = [
        euclidean_distances(rows[start : start + step], others).min(axis=1)
        for start in range(0, rows.shape[0], step)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def k_center(rows: Any, centres: Any, budget: int) -> np.ndarray:
    """Places of rows, each the farthest from all centres and all chosen before; the first row if none are."""
    distance = to_nearest(rows, centres)
    chosen: list[int] = []
    for _ in range(min(budget, rows.shape[0])):
        place = int(np.argmax(distance))
        chosen.append(place)
        distance = np.minimum(distance, to_nearest(rows, rows[[place]]))
        # A row alike a chosen one is at 0 too, and still comes before one that was chosen.
        distance[chosen] = -1
    return np.array(chosen, dtype=int)


def central(rows: Any, weights: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """Places of the rows nearest to the centres of k-means (k = budget) over weighted rows; no row twice."""
    from sklearn.cluster import KMeans
    from sklearn.metrics.pairwise import euclidean_distances

    if rows.shape[0] <= budget:
        return np.arange(rows.shape[0])
    found = KMeans(budget, n_init=1, random_state=seed).fit(rows, sample_weight=weights)
    distance = euclidean_distances(found.cluster_centers_, rows)
    chosen: list[int] = []
    for row in distance:
        row[chosen] = np.inf
        chosen.append(int(np.argmin(row)))
    return np.array(chosen, dtype=int)
