import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB

from include.core.errors import FatalError
from include.label.out_of_sample import out_of_sample
from include.label.votes import Votes
from tests.label.crowds import coins, simulated


@pytest.fixture(scope="module")
def crowd():
    """Truth, noisy votes, and two features that tell the three classes."""
    truth, votes = simulated(3, coins([0.75] * 6, 3), items=300, each=2)
    centres = np.array([[0, 0], [3, 0], [0, 3]])
    return truth, votes, centres[truth] + np.random.default_rng(4).normal(size=(300, 2))


@pytest.mark.parametrize("as_given", [np.asarray, csr_array])
def test_a_model_learns_from_noisy_votes_what_most_say(crowd, as_given):
    truth, votes, features = crowd
    found = out_of_sample(votes, as_given(features), seed=1)
    assert np.allclose(found.sum(axis=1), 1)
    majority = votes.table().argmax(axis=1)
    assert np.mean(found.argmax(axis=1) == truth) > np.mean(majority == truth) + 0.05


def test_no_vote_on_an_item_changes_its_own_probabilities(crowd):
    _, votes, features = crowd
    turned = votes.label.copy()
    own = votes.item == 17
    turned[own] = (turned[own] + 1) % 3
    other = dataclasses.replace(votes, label=turned)
    before, after = (out_of_sample(v, features, seed=1, model=GaussianNB()) for v in (votes, other))
    assert np.array_equal(before[17], after[17])
    assert not np.array_equal(before, after)


def test_the_seed_alone_decides(crowd):
    _, votes, features = crowd
    assert np.array_equal(out_of_sample(votes, features, seed=1), out_of_sample(votes, features, seed=1))
    assert not np.array_equal(out_of_sample(votes, features, seed=1), out_of_sample(votes, features, seed=2))


def test_a_class_that_a_fold_never_saw_has_no_probability():
    votes = Votes.of([(f"{n}", "ann", "b" if n == 3 else "a") for n in range(10)], ("a", "b", "c"))
    found = out_of_sample(votes, np.zeros((10, 1)), seed=1, model=DummyClassifier(), folds=2)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[3].tolist() == [1, 0, 0] and (found[:, 2] == 0).all()


@pytest.mark.parametrize(("rows", "items"), [(3, 8), (4, 4)])
def test_features_of_other_items_and_too_few_items_are_refused(rows, items):
    votes = Votes.of([(f"{n}", "ann", "a") for n in range(items)], ("a", "b"))
    with pytest.raises(FatalError, match=f"there are {rows} rows and votes on {items}"):
        out_of_sample(votes, np.zeros((rows, 1)), seed=1)
