import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from include.core.errors import FatalError
from include.label.vote_matrix import VoteMatrix, as_table

CLASSES = ("neg", "pos")
MATRIX = VoteMatrix(
    ("a", "b", "c"), CLASSES, np.array([[1, 1, -1], [1, 0, -1], [-1, 0, -1], [-1, -1, -1]], dtype=np.int8)
)


def test_coverage_overlaps_conflicts_polarity_and_accuracy_are_told_by_function():
    a, b, c = MATRIX.report(np.array([1, 0, -1, 0]))
    assert (a.coverage, a.overlaps, a.conflicts, a.polarity) == (0.5, 0.5, 0.25, ("pos",))
    assert (b.coverage, b.overlaps, b.conflicts, b.polarity) == (0.75, 0.5, 0.25, ("neg", "pos"))
    assert (a.correct, a.incorrect, a.accuracy) == (1, 1, 0.5)
    assert (b.correct, b.incorrect, b.accuracy) == (2, 0, 1.0)
    assert (c.coverage, c.polarity) == (0, ()) and np.isnan(c.accuracy)
    assert MATRIX.covered == 0.75


def test_without_known_classes_nothing_is_said_of_accuracy():
    assert all(np.isnan(report.accuracy) for report in MATRIX.report())


def test_the_table_has_a_line_for_each_function():
    lines = as_table(MATRIX.report(np.array([1, 0, -1, 0]))).splitlines()
    assert len(lines) == 4
    assert lines[1].split() == ["a", "50.0%", "50.0%", "25.0%", "50.0%", "pos"]
    assert lines[3].split() == ["c", "0.0%", "0.0%", "0.0%", "nothing"]


@given(arrays(np.int8, st.tuples(st.integers(0, 8), st.integers(1, 4)), elements=st.integers(-1, 2)))
def test_conflicts_are_overlaps_and_overlaps_are_covered(votes):
    matrix = VoteMatrix(tuple("abcd"[: votes.shape[1]]), ("x", "y", "z"), votes)
    for place, report in enumerate(matrix.report()):
        assert report.conflicts <= report.overlaps <= report.coverage
        others = np.delete(votes, place, axis=1)
        slow = [
            v[place] != -1 and any(o not in (-1, v[place]) for o in rest)
            for v, rest in zip(votes, others, strict=True)
        ]
        assert report.conflicts == pytest.approx(np.mean(slow) if slow else 0)


@pytest.mark.parametrize(
    ("votes", "said"),
    [(np.zeros((2, 2), np.int8), "shape"), (np.full((2, 3), 2, np.int8), "2 classes")],
)
def test_votes_that_fit_nothing_are_refused(votes, said):
    with pytest.raises(FatalError, match=said):
        VoteMatrix(("a", "b", "c"), CLASSES, votes)
