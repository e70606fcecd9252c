import numpy as np
import pytest

from include.core.annotations import Item
from include.core.errors import FatalError
from include.label.annotators import GoldScore, below, calibration_round, disputed, on_gold, skill, with_gold
from include.label.consolidate import majority
from include.label.votes import Consolidated, Votes

CLASSES = ("neg", "pos")


def answered(**right):
    """Each annotator answers ten gold items, of which so many right."""
    said = [
        (f"gold {item}", who, "pos" if item < count else "neg")
        for who, count in right.items()
        for item in range(10)
    ]
    return Votes.of(said, CLASSES), {f"gold {item}": "pos" for item in range(10)}


def test_gold_items_are_mixed_in_by_share_in_an_order_that_does_not_show_them():
    items, gold = [f"item {n:02}" for n in range(18)], [f"item g{n}" for n in range(9)]
    found = with_gold(items, gold, 0.1, seed=4)
    assert len(found) == 20 and set(items) < set(found)
    assert found == with_gold(items[::-1], gold[::-1], 0.1, seed=4)
    assert found != with_gold(items, gold, 0.1, seed=5)
    assert list(found) != sorted(found)


def test_a_gold_item_that_is_asked_anyway_is_not_asked_twice():
    assert sorted(with_gold(["a", "b"], ["a", "c"], 1 / 3, seed=1)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("share", "said"), [(1.0, "share of gold items of 1 is none"), (0.5, "takes 3 gold items, and there are 1")]
)
def test_shares_that_cannot_be_met_are_refused(share, said):
    with pytest.raises(FatalError, match=said):
        with_gold(["a", "b", "c"], ["g"], share, seed=1)


def test_annotators_are_scored_on_gold_with_wilsons_interval():
    """8 of 10: the centre is (8 + z²/2) / (10 + z²), which gives 0.490 to 0.943."""
    votes, gold = answered(ann=8)
    (score,) = on_gold(votes, gold)
    assert score == GoldScore("ann", 8, 10, 0.8, pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_items_that_are_not_gold_do_not_count_and_who_answered_none_has_no_score():
    votes = Votes.of([("g", "ann", "pos"), ("x", "ann", "neg"), ("x", "bob", "neg")], CLASSES)
    ann, bob = on_gold(votes, {"g": "pos", "unasked": "neg"})
    assert (ann.right, ann.answered) == (1, 1)
    assert bob == GoldScore("bob", 0, 0, None, None, None)


def test_below_a_bound_is_who_surely_is():
    votes, gold = answered(ann=10, bob=6, cid=1)
    scores = on_gold(votes, gold)
    # bob's 0.6 is below 0.8, but his interval reaches to 0.83.
    assert below(scores, 0.8) == ("cid",)
    assert below(scores, 0.9) == ("bob", "cid")


def test_skill_leans_towards_the_mean_of_all_where_little_is_known():
    scores = [
        GoldScore("ann", 90, 100, 0.9, None, None),
        GoldScore("bob", 0, 0, None, None, None),
        GoldScore("cid", 1, 1, 1.0, None, None),
    ]
    mean = 91 / 101
    assert skill(scores).tolist() == pytest.approx([(90 + 2 * mean) / 102, mean, (1 + 2 * mean) / 3])


def test_gold_that_nobody_answered_or_that_is_no_class_is_refused():
    votes, _ = answered(ann=8)
    with pytest.raises(FatalError, match="No annotator answered a gold item"):
        skill(on_gold(votes, {"another": "pos"}))
    with pytest.raises(FatalError, match="'maybe', which is none of neg, pos"):
        on_gold(votes, {"gold 1": "maybe"})


@pytest.fixture
def split():
    said = {"even": "np", "three to one": "nnnp", "agreed": "nn", "once": "p", "three ways": "npp"}
    names = {"n": "neg", "p": "pos"}
    votes = [(item, f"a{place}", names[label]) for item, row in said.items() for place, label in enumerate(row)]
    return Votes.of(votes, CLASSES)


def test_what_divides_annotators_most_comes_first(split):
    found = disputed(split)
    assert [d.item for d in found] == ["even", "three ways", "three to one"]
    assert found[0].entropy == 1.0 and found[0].said == (("a0", "neg"), ("a1", "pos"))
    assert [d.item for d in disputed(split, most=1)] == ["even"]


def test_equally_divided_items_come_by_confidence_then_by_key():
    votes = Votes.of(
        [(item, who, label) for item in "xyz" for who, label in (("a", "neg"), ("b", "pos"))], CLASSES
    )
    sure = Consolidated(
        votes.items, CLASSES, votes.annotators, np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]]), np.ones(2)
    )
    assert [d.item for d in disputed(votes, sure)] == ["y", "x", "z"]
    assert [d.item for d in disputed(votes)] == ["x", "y", "z"]
    assert disputed(votes, sure)[0].confidence == 0.6 and disputed(votes)[0].confidence is None


def test_the_confidence_of_other_items_is_refused(split):
    with pytest.raises(FatalError, match="of different items"):
        disputed(split, majority(Votes.of([("else", "ann", "neg")], CLASSES)))


def test_a_calibration_round_shows_the_guideline_and_what_was_said_but_not_by_whom(split):
    items = {key: Item(key=key, data={"text": f"text of {key}"}) for key in split.items}
    (item,) = calibration_round(disputed(split)[2:], items, "Sarcasm is negative.")
    assert item.key == "three to one"
    assert item.data == {
        "text": "text of three to one", "guideline": "Sarcasm is negative.", "said": "neg 3, pos 1",
    }  # fmt: skip
    assert "guideline" not in items["three to one"].data
