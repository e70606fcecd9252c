import numpy as np
import pytest

from include.core.errors import FatalError
from include.label.consolidate import METHODS, Besides, calibrated, consolidate, crowdlab, majority, tied
from include.label.votes import Votes
from tests.label.crowds import coins, simulated

CLASSES = ("neg", "pos")


@pytest.fixture(scope="module")
def crowd():
    """Truth, votes of six annotators on 400 items of 3 classes, and a model that is the surer the righter."""
    truth, votes = simulated(1, coins([0.9, 0.85, 0.8, 0.7, 0.6, 0.4], 3), items=400, each=2)
    seen = np.exp(1.5 * np.eye(3)[truth] + np.random.default_rng(2).normal(size=(400, 3)))
    return truth, votes, seen / seen.sum(axis=1, keepdims=True)


def accuracy(consolidated, truth):
    return np.mean(consolidated.probabilities.argmax(axis=1) == truth)


def test_majority_is_the_share_of_votes_and_ties_are_told():
    votes = Votes.of(
        [("x", "ann", "pos"), ("x", "bob", "neg"), ("y", "ann", "pos"), ("y", "bob", "pos"), ("y", "cid", "neg")],
        CLASSES, items=("x", "y", "z"),
    )  # fmt: skip
    found = majority(votes)
    assert found.labels == ["neg", "pos", None]
    assert found.confidence[:2].tolist() == [0.5, 2 / 3]
    assert tied(found) == ("x",)


def test_by_majority_annotators_are_judged_by_the_others():
    votes = Votes.of([("x", who, "pos") for who in ("ann", "bob")] + [("x", "cid", "neg")], CLASSES)
    # Of the others, ann and bob each see a tie, cid two who agree.
    assert majority(votes).skill.tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(majority(Votes.of([("x", "ann", "pos")], CLASSES)).skill).all()


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_keeps_items_classes_and_annotators_and_gives_probabilities(crowd, method):
    truth, votes, model = crowd
    found = consolidate(votes, method, Besides(model, np.array([0.9, 0.85, 0.8, 0.7, 0.6, 0.4])))
    assert (found.items, found.classes, found.annotators) == (votes.items, votes.classes, votes.annotators)
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    assert ((found.skill >= 0) & (found.skill <= 1)).all()
    assert accuracy(found, truth) > 0.65


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_leaves_items_without_votes_without_a_label(crowd, method):
    _, votes, model = crowd
    more = Votes((*votes.items, "z"), votes.annotators, votes.classes, votes.item, votes.annotator, votes.label)
    known = Besides(np.vstack([model, [[1, 0, 0]]]), np.full(6, 0.7))
    found = consolidate(more, method, known)
    assert found.labels[-1] is None
    assert np.allclose(
        found.probabilities[:-1], consolidate(votes, method, Besides(model, known.skill)).probabilities
    )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_refuses_a_round_in_which_everyone_abstained(method):
    with pytest.raises(FatalError, match="None of 2 items has a vote: everyone abstained"):
        consolidate(Votes.of([], CLASSES, items=("x", "y")), method)


def test_two_labels_and_a_model_are_better_than_either(crowd):
    truth, votes, model = crowd
    found = accuracy(crowdlab(votes, Besides(model)), truth)
    assert found > np.mean(model.argmax(axis=1) == truth)
    assert found > accuracy(consolidate(votes, "one_coin"), truth)


def test_crowdlab_has_cleanlabs_own_confidence_in_its_labels(crowd):
    from cleanlab.multiannotator import get_label_quality_multiannotator

    _, votes, model = crowd
    labels = np.full((400, 6), np.nan)
    labels[votes.item, votes.annotator] = votes.label
    known = get_label_quality_multiannotator(labels, model, verbose=False)["label_quality"]
    found = crowdlab(votes, Besides(model))
    theirs = known["consensus_label"].to_numpy()
    assert np.allclose(found.probabilities[np.arange(400), theirs], known["consensus_quality_score"])
    # Its labels are the likeliest ones by the weights of one round before.
    assert np.mean(found.probabilities.argmax(axis=1) == theirs) > 0.95


def test_crowdlab_tells_good_annotators_from_bad_ones(crowd):
    _, votes, model = crowd
    skill = crowdlab(votes, Besides(model)).skill
    assert skill[:3].min() > skill[3:].max() and skill[5] == skill.min()


def test_gold_counts_a_good_annotator_for_more_than_two_poor_ones():
    votes = Votes.of([("x", "ann", "pos"), ("x", "bob", "neg"), ("x", "cid", "neg")], CLASSES)
    assert consolidate(votes, "gold", Besides(skill=np.array([0.95, 0.6, 0.6]))).labels == ["pos"]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("crowdlab", "needs a model's probabilities for 1 items × 2 classes, and has none"),
        ("gold", "only where each annotator's accuracy on gold items is known"),
        ("mean", "no way to consolidate votes called 'mean'.*crowdlab, dawid_skene, gold, majority, one_coin"),
    ],
)
def test_what_a_method_lacks_is_named(method, said):
    with pytest.raises(FatalError, match=said):
        consolidate(Votes.of([("x", "ann", "pos")], CLASSES), method)


def test_crowdlab_needs_an_item_that_two_have_labelled():
    votes = Votes.of([("x", "ann", "pos"), ("y", "bob", "neg")], CLASSES)
    with pytest.raises(FatalError, match="no item has the votes of two"):
        consolidate(votes, "crowdlab", Besides(np.full((2, 2), 0.5)))


def test_probabilities_of_other_items_are_refused():
    votes = Votes.of([("x", "ann", "pos"), ("x", "bob", "neg")], CLASSES)
    with pytest.raises(FatalError, match="1 items × 2 classes, and has 3 × 2"):
        consolidate(votes, "crowdlab", Besides(np.full((3, 2), 0.5)))


@pytest.mark.parametrize("method", ["crowdlab", "dawid_skene"])
def test_gold_items_make_confidence_as_often_right_as_it_says(crowd, method):
    truth, votes, model = crowd
    found = consolidate(votes, method, Besides(model))
    gold = {item: votes.classes[answer] for item, answer in zip(votes.items[:100], truth[:100], strict=True)}
    after = calibrated(found, gold)
    assert after.labels == found.labels
    assert np.allclose(after.probabilities.sum(axis=1), 1)
    gap, before = (abs(c.confidence[100:].mean() - accuracy(c, truth)) for c in (after, found))
    assert gap < min(0.05, before)


def test_calibrating_leaves_items_without_votes_without_a_label(crowd):
    truth, votes, _ = crowd
    more = Votes((*votes.items, "z"), votes.annotators, votes.classes, votes.item, votes.annotator, votes.label)
    gold = {item: votes.classes[answer] for item, answer in zip(votes.items, truth, strict=True)}
    assert calibrated(consolidate(more), gold).labels[-1] is None


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        ({"00001": "a"}, "by 30 labelled gold items or more, and there are 1"),
        ({"00001": "maybe"}, "'maybe', which is none"),
    ],
)
def test_too_little_gold_and_gold_of_no_class_are_refused(crowd, gold, said):
    with pytest.raises(FatalError, match=said):
        calibrated(consolidate(crowd[1]), gold)


def test_a_single_class_is_certain_by_every_method():
    votes = Votes.of([("x", "ann", "a"), ("x", "bob", "a")], ("a",))
    known = Besides(np.ones((1, 1)), np.array([1.0, 0.5]))
    assert all(consolidate(votes, method, known).confidence == [1.0] for method in METHODS)
