import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from include.core.errors import FatalError
from include.label.label_model import Patterns, consolidated, dawid_skene, label_model, majority
from include.label.vote_matrix import ABSTAIN, VoteMatrix

RIGHT = (0.9, 0.85, 0.75, 0.6, 0.55, 0.55)


def drawn(rows=20_000, classes=2, right=RIGHT, *, balance=None, one_sided=False):
    """Functions right in these shares, and the truth."""
    rng = np.random.default_rng(5)
    truth = rng.choice(classes, rows, p=balance)
    votes = np.full((rows, len(right)), ABSTAIN, dtype=np.int8)
    for place, share in enumerate(right):
        other = (truth + rng.integers(1, classes, rows)) % classes
        vote = np.where(rng.random(rows) < share, truth, other)
        speaks = (rng.random(rows) < 0.6) & (not one_sided or vote == place % classes)
        votes[speaks, place] = vote[speaks]
    return votes, truth


def accuracy(fitted, truth):
    told = ~np.isnan(fitted.probabilities[:, 0])
    return np.mean(fitted.probabilities[told].argmax(axis=1) == truth[told])


@pytest.mark.parametrize("errors", ["one_coin", "by_class"])
@pytest.mark.parametrize("abstaining", ["at_random", "by_class"])
@pytest.mark.parametrize("balance", [[0.5, 0.5], [0.8, 0.2], [0.5, 0.3, 0.2]])
def test_accuracies_and_balance_are_found_without_a_label_and_majority_is_beaten(errors, abstaining, balance):
    votes, truth = drawn(classes=len(balance), balance=balance)
    fitted = dawid_skene(votes, len(balance), errors=errors, abstaining=abstaining)
    assert fitted.accuracy == pytest.approx(np.array(RIGHT), abs=0.04)
    assert fitted.balance == pytest.approx(np.array(balance), abs=0.05)
    assert accuracy(fitted, truth) > accuracy(majority(votes, len(balance)), truth) + 0.01


def test_functions_for_one_class_alone_are_told_by_their_silence():
    votes, truth = drawn(one_sided=True)
    assert accuracy(dawid_skene(votes, 2), truth) > accuracy(majority(votes, 2), truth) + 0.01
    with pytest.raises(FatalError, match="Function 0 votes for class 0 alone"):
        dawid_skene(votes, 2, abstaining="at_random")
    with pytest.raises(FatalError, match="Function 0 votes for class 0 alone"):
        dawid_skene(votes, 2, errors="one_coin")


def test_probabilities_are_calibrated_where_the_model_is_true():
    votes, truth = drawn()
    believed = dawid_skene(votes, 2).probabilities[:, 1]
    likely = believed > 0.8
    assert np.mean(truth[likely]) == pytest.approx(np.mean(believed[likely]), abs=0.02)


def test_a_given_balance_is_kept_and_known_classes_are_certain_and_help():
    votes, truth = drawn(rows=2000, right=(0.45, 0.4, 0.7))
    known = np.full(len(votes), ABSTAIN)
    known[:200] = truth[:200]
    helped = dawid_skene(votes, 2, balance=[0.5, 0.5], known=known)
    assert helped.balance.tolist() == [0.5, 0.5]
    assert np.array_equal(helped.probabilities[:200].argmax(axis=1), truth[:200])
    assert set(helped.probabilities[:200].ravel()) == {0.0, 1.0}
    rest = slice(200, None)
    assert np.mean(helped.probabilities[rest].argmax(axis=1) == truth[rest]) > np.mean(
        dawid_skene(votes, 2).probabilities[rest].argmax(axis=1) == truth[rest]
    )


@given(
    arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-1, 2)), st.randoms()
)
@settings(max_examples=40, deadline=None)
def test_rows_in_another_order_get_the_same_probabilities_and_the_silent_none(votes, random):
    votes[0, 0] = 1
    order = list(range(len(votes)))
    random.shuffle(order)
    straight, turned = dawid_skene(votes, 3), dawid_skene(votes[order], 3)
    assert np.array_equal(straight.probabilities[order], turned.probabilities, equal_nan=True)
    assert np.array_equal(np.isnan(straight.probabilities[:, 0]), (votes == ABSTAIN).all(axis=1))
    told = straight.probabilities[~np.isnan(straight.probabilities[:, 0])]
    assert told.sum(axis=1) == pytest.approx(np.ones(len(told)))


def slowly(votes, classes, rounds):
    """Dawid and Skene row by row, an abstention being one vote among the others, with the same counts before."""
    believed = np.array([[(row == c).sum() + 1 / classes for c in range(classes)] for row in votes])
    believed /= believed.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        prior = (believed.sum(axis=0) + 1) / (believed.sum(axis=0) + 1).sum()
        joint = np.tile(prior, (len(votes), 1))
        for j, c in np.ndindex(votes.shape[1], classes):
            said = [believed[votes[:, j] == v, c].sum() for v in range(classes)]
            voting = (sum(said) + 1) / (believed[:, c].sum() + 2)
            counted = [s + 2 * (0.75 if v == c else 0.25 / (classes - 1)) for v, s in enumerate(said)]
            rates = [voting * one / sum(counted) for one in counted]
            joint[:, c] *= [1 - voting if v == ABSTAIN else rates[v] for v in votes[:, j]]
        believed = joint / joint.sum(axis=1, keepdims=True)
    return believed


@pytest.mark.parametrize("classes", [2, 3])
def test_patterns_give_what_em_row_by_row_gives(classes):
    votes, _ = drawn(rows=300, classes=classes)
    fitted, expected = dawid_skene(votes, classes), slowly(votes, classes, rounds=300)
    told = ~np.isnan(fitted.probabilities[:, 0])
    assert fitted.probabilities[told] == pytest.approx(expected[told], abs=2e-3)


@pytest.mark.parametrize("functions", [3, 60])
def test_patterns_give_the_rows_back_however_many_functions_there_are(functions):
    votes = np.random.default_rng(1).integers(-1, 2, (500, functions)).astype(np.int8)
    patterns = Patterns.of(votes, 2)
    assert np.array_equal(patterns.votes[patterns.of_row], votes)
    assert patterns.counts.sum() == 500


def test_majority_counts_votes():
    votes = np.array([[1, 1, 0], [0, 1, -1], [-1, -1, -1]], dtype=np.int8)
    fitted = majority(votes, 2)
    assert fitted.probabilities[:2] == pytest.approx(np.array([[1 / 3, 2 / 3], [0.5, 0.5]]))
    assert np.isnan(fitted.probabilities[2]).all()
    assert fitted.accuracy == pytest.approx(np.array([(2 / 3 + 0.5) / 2, (2 / 3 + 0.5) / 2, 1 / 3]))


def test_labels_come_in_the_form_that_peoples_votes_come_to():
    matrix = VoteMatrix(("f", "g"), ("neg", "pos"), np.array([[1, 1], [-1, -1], [0, -1]], dtype=np.int8))
    found = consolidated(matrix, majority(matrix.votes, 2), ["a", "b", "c"])
    assert found.labels == ["pos", None, "neg"]
    assert found.annotators == ("f", "g") and found.skill.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("model", [dawid_skene, majority])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"votes": np.full((3, 2), ABSTAIN, np.int8)}, "No labeling function voted on any of 3 rows"),
        ({"classes": 1}, "1 classes"),
        ({"balance": [0.5, 0.6]}, "is none of 2 classes"),
        ({"balance": [1.0, 0.0]}, "is none of 2 classes"),
        ({"known": np.array([1])}, "1 known classes are given for 2 rows"),
    ],
)
def test_what_cannot_be_fitted_is_refused(model, options, said):
    asked = {"votes": np.array([[0, 1], [1, 1]], np.int8), "classes": 2} | options
    with pytest.raises(FatalError, match=said):
        model(asked.pop("votes"), asked.pop("classes"), **asked)


def test_models_are_found_by_key_and_snorkel_says_how_to_get_it():
    assert label_model("dawid_skene") is dawid_skene
    with pytest.raises(FatalError, match="no label model 'magic'"):
        label_model("magic")
    found = label_model("snorkel")
    if importlib.util.find_spec("snorkel") is None:
        with pytest.raises(FatalError, match=r"'snorkel' is not available.*--extra snorkel"):
            found(np.array([[0, 1]], np.int8), 2)
