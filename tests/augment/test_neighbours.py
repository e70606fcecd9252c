"""The fast search: what it finds, among many rows, is what a search through all pairs finds."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from include.augment.neighbours import Cells, FastNeighbours


@pytest.fixture(scope="module")
def rows():
    """20,000 rows of 20 independent normal features, the worst case, far from the origin."""
    return np.random.RandomState(7).randn(20_000, 20) + 1000


def found_by_all_pairs(rows, queries, count):
    return NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows).kneighbors(queries)


def recall(found, true):
    return np.mean([len(set(a) & set(b)) for a, b in zip(found, true, strict=True)]) / true.shape[1]


def test_looking_through_every_cell_finds_the_very_neighbours_and_distances(rows):
    distances, found = Cells(rows, share=1.0).nearest(rows[:2000], 6)
    true_distances, true = found_by_all_pairs(rows, rows[:2000], 6)
    assert (found == true).all()
    assert np.abs(distances - true_distances)[:, 1:].max() < 1e-6


def test_looking_through_a_fifth_of_the_cells_misses_few(rows):
    """The fewer the rows, the more are missed, which is why of fewer rows a larger share is looked through."""
    true = found_by_all_pairs(rows, rows[:2000], 6)[1]
    assert 0.9 < recall(Cells(rows, share=0.2).nearest(rows[:2000], 6)[1], true) < 0.99
    assert recall(Cells(rows).nearest(rows[:2000], 6)[1], true) == 1


def test_rows_in_groups_are_found_all(rows):
    grouped = rows / 20 + np.random.RandomState(1).randn(40, 20).repeat(500, axis=0)
    _, found = Cells(grouped, share=0.2).nearest(grouped[::10], 6)
    assert recall(found, found_by_all_pairs(grouped, grouped[::10], 6)[1]) > 0.999


def test_no_number_of_threads_and_no_company_of_other_queries_changes_what_is_found(rows):
    cells = Cells(rows, share=0.2)
    distances, found = cells.nearest(rows[:10_000], 6, threads=1)
    again, same = cells.nearest(rows[:10_000], 6, threads=3)
    assert (found == same).all() and (distances == again).all()
    assert (cells.nearest(rows[4000:4100], 6)[1] == found[4000:4100]).all()


def test_among_equal_rows_the_first_ones_are_found_and_small_cells_never_lack_neighbours(rows):
    doubled = np.vstack([rows[:300]] * 8)
    distances, found = Cells(doubled, share=0.01).nearest(doubled[:300], 8)
    assert (found == np.arange(300)[:, None] + 300 * np.arange(8)).all()
    assert (distances == 0).all()
    _, found = Cells(rows[:400], share=0.01).nearest(rows[:400], 100)
    assert [len(set(of_one)) for of_one in found] == [100] * 400


def test_few_rows_and_few_features_are_left_to_scikit_learn(rows):
    few = FastNeighbours(6).fit(rows[:500])
    assert (
        few.kneighbors(rows[:500], return_distance=False) == found_by_all_pairs(rows[:500], rows[:500], 6)[1]
    ).all()
    narrow = FastNeighbours(6).fit(rows[:, :3])
    assert narrow.kneighbors(rows[:100, :3])[1].shape == (100, 6)
    assert few.kneighbors_graph(rows[:5]).shape == (5, 500)
