import numpy as np
import pytest

from include.core.errors import FatalError
from include.label.votes import Consolidated, Votes

CLASSES = ("neg", "pos")


def test_votes_are_the_same_in_whatever_order_they_come():
    said = [("b", "ann", "pos"), ("a", "bob", "neg"), ("a", "ann", "pos")]
    one, other = Votes.of(said, CLASSES), Votes.of(reversed(said), CLASSES)
    assert one.items == other.items == ("a", "b")
    assert one.annotators == other.annotators == ("ann", "bob")
    for name in ("item", "annotator", "label"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_votes_are_counted_by_item_and_class_also_where_nobody_voted():
    votes = Votes.of([("a", "ann", "pos"), ("a", "bob", "pos")], CLASSES, items=("a", "b"))
    assert votes.table().tolist() == [[0, 2], [0, 0]]


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ([("a", "ann", "maybe")], "'maybe', which is none of neg, pos"),
        ([("c", "ann", "pos")], "item 'c', which was not asked for"),
        ([("a", "ann", "pos"), ("a", "ann", "neg")], "answered twice for item 'a'"),
    ],
)
def test_a_bad_vote_is_refused_by_name(votes, said):
    with pytest.raises(FatalError, match=said):
        Votes.of(votes, CLASSES, items=("a", "b"))


def test_no_votes_are_no_label():
    nothing = Consolidated(("a", "b"), CLASSES, (), np.array([[np.nan, np.nan], [0.25, 0.75]]), np.empty(0))
    assert nothing.labels == [None, "pos"]
    assert np.isnan(nothing.confidence[0]) and nothing.confidence[1] == 0.75
