import numpy as np
import pytest

from include.core.errors import FatalError
from include.label.dawid_skene import dawid_skene, known_skill, one_coin
from include.label.votes import Votes
from tests.label.crowds import coins, simulated, votes_from

# Dawid and Skene 1979, table 1: 45 patients, whom anaesthetist 1 judged three times and four others once each.
PATIENTS = """1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343
    1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111
    1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233
    3333432 1111111 1111111 1212111 2322222 1211111 2222222"""
OBSERVER = (0, 0, 0, 1, 2, 3, 4)


def accuracy(consolidated, truth):
    return np.mean(consolidated.probabilities.argmax(axis=1) == truth)


def test_the_papers_data_give_the_papers_estimates():
    """Class shares are 0.40, 0.42, 0.11 and 0.07; anaesthetist 1 takes class 1 for 2 one time in nine."""
    answers = np.array([[int(c) - 1 for c in row] for row in PATIENTS.split()])
    found = dawid_skene(votes_from(answers, np.array(OBSERVER), tuple("1234")), smoothing=0)
    assert found.arrived
    assert found.prior.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.confusion[0, 0].round(2).tolist() == [0.89, 0.11, 0.0, 0.0]


@pytest.mark.parametrize("model", [dawid_skene, one_coin])
def test_spammers_are_seen_through(model):
    skill = [0.9] * 8 + [0.25] * 4
    truth, votes = simulated(1, coins(skill, 4))
    found = model(votes).consolidated
    majority = votes.table().argmax(axis=1)
    assert accuracy(found, truth) > np.mean(majority == truth) + 0.03
    assert np.abs(found.skill - skill).max() < 0.12
    assert np.allclose(found.probabilities.sum(axis=1), 1)


def test_who_mixes_up_two_classes_is_understood_by_the_full_model_alone():
    swapped = np.array([[0.1, 0.9, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]])
    right = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    truth, votes = simulated(2, np.stack([right] * 4 + [swapped] * 2), each=4)
    full, coin = dawid_skene(votes), one_coin(votes)
    assert accuracy(full.consolidated, truth) > accuracy(coin.consolidated, truth) + 0.03
    assert np.abs(full.confusion[4] - swapped).max() < 0.1


def test_few_votes_of_many_annotators_are_smoothed_into_the_one_coin_model():
    truth, votes = simulated(3, coins(np.linspace(0.45, 0.9, 40), 8), items=300)
    raw, smooth = dawid_skene(votes, smoothing=0), dawid_skene(votes)
    assert accuracy(smooth.consolidated, truth) > accuracy(raw.consolidated, truth) + 0.02


def test_confidence_is_as_often_right_as_it_says_where_the_model_holds():
    truth, votes = simulated(4, coins(np.linspace(0.4, 0.9, 20), 4), items=6000)
    found = one_coin(votes).consolidated
    right = found.probabilities.argmax(axis=1) == truth
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.0)):
        those = (found.confidence > low) & (found.confidence <= high)
        assert abs(right[those].mean() - found.confidence[those].mean()) < 0.05


def test_an_item_without_votes_has_no_label_and_changes_no_other():
    _, votes = simulated(5, coins([0.8] * 5, 3), items=50)
    more = Votes((*votes.items, "z"), votes.annotators, votes.classes, votes.item, votes.annotator, votes.label)
    one, two = dawid_skene(votes).consolidated, dawid_skene(more).consolidated
    assert np.isnan(two.probabilities[-1]).all() and two.labels[-1] is None
    assert np.array_equal(one.probabilities, two.probabilities[:-1])


def test_thousands_of_votes_on_an_item_do_not_underflow():
    answers = np.tile(np.array([0, 0, 1]), (2, 1000))
    answers[1] = 1 - answers[1]
    found = one_coin(votes_from(answers, np.arange(3000), ("a", "b"))).consolidated
    assert found.labels == ["a", "b"] and np.isfinite(found.probabilities).all()


def test_known_accuracies_weigh_votes_by_their_log_odds():
    votes = Votes.of([("x", "ann", "a"), ("x", "bob", "b"), ("x", "cid", "b")], ("a", "b"))
    found = known_skill(votes, np.array([0.9, 0.7, 0.7]))
    odds = 0.9 / 0.1 * (0.3 / 0.7) ** 2
    assert found.probabilities[0, 0] == pytest.approx(odds / (1 + odds))


def test_annotators_all_alike_are_no_division_by_zero():
    found = dawid_skene(votes_from(np.zeros((10, 2), dtype=int), np.arange(2), ("a", "b")))
    assert set(found.consolidated.labels) == {"a"} and np.isfinite(found.consolidated.probabilities).all()


def test_a_single_class_is_certain():
    found = one_coin(votes_from(np.zeros((3, 2), dtype=int), np.arange(2), ("a",)))
    assert found.consolidated.confidence.tolist() == [1, 1, 1]


@pytest.mark.parametrize("model", [dawid_skene, one_coin])
def test_one_vote_an_item_is_refused_since_it_would_seem_certain(model):
    with pytest.raises(FatalError, match="No item has two votes"):
        model(votes_from(np.array([[0], [1]]), np.zeros((2, 1), dtype=int), ("a", "b")))


@pytest.mark.parametrize("model", [dawid_skene, one_coin, lambda votes: known_skill(votes, np.empty(0))])
def test_no_votes_are_refused(model):
    with pytest.raises(FatalError, match="None of 2 items has a vote"):
        model(Votes.of([], ("a", "b"), items=("x", "y")))
