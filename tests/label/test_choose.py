from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from include.core.errors import FatalError
from include.label.choose import STRATEGIES, UNLABELLED, Pool, choose, needs

ROWS = 60


def pool(order=None, *, as_sparse=False, **changed):
    """Three clumps of rows, of which some are labelled; `order` turns the rows."""
    rng = np.random.default_rng(4)
    truth = np.arange(ROWS) % 3
    features = np.eye(3)[truth] * 5 + rng.normal(size=(ROWS, 3)).round(1)
    probabilities = rng.dirichlet([1, 1, 1], ROWS).round(1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.where(np.arange(ROWS) < 6, truth, UNLABELLED)
    votes = np.full((ROWS, 2), UNLABELLED)
    votes[:6] = np.stack([truth[:6], (truth[:6] + (np.arange(6) == 1)) % 3], axis=1)
    parts = {
        "labels": labels,
        "features": features,
        "probabilities": probabilities,
        "strata": truth,
        "votes": votes,
    }
    order = np.arange(ROWS) if order is None else np.asarray(order)
    turned = {name: value[order] for name, value in (parts | changed).items() if value is not None}
    if as_sparse:
        turned["features"] = sparse.csr_matrix(turned["features"])
    return Pool([f"k{place:02d}" for place in order], **turned)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@given(st.permutations(range(ROWS)), st.integers(0, 3))
@settings(max_examples=5, deadline=None)
def test_what_is_chosen_depends_on_seed_and_keys_and_not_on_the_order_of_the_rows(strategy, order, seed):
    assert choose(strategy, pool(), 7, seed) == choose(strategy, pool(order), 7, seed)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_unlabelled_rows_are_chosen_each_once_up_to_the_budget_and_to_the_last(strategy):
    without = pool(votes=None)
    free = {key for key, label in zip(without.keys, without.labels, strict=True) if label == UNLABELLED}
    some = choose(strategy, without, 10, 1)
    assert len(set(some)) == len(some) == 10 and set(some) <= free
    assert set(choose(strategy, without, 1000, 1)) == free


@pytest.mark.parametrize("strategy", ["random", "stratified", "least_confident"])
def test_another_seed_draws_others_and_breaks_ties_otherwise(strategy):
    even = pool(probabilities=np.full((ROWS, 3), 1 / 3))
    assert choose(strategy, even, 9, 1) != choose(strategy, even, 9, 2)


@pytest.mark.parametrize("strategy", ["snowball", "k_center", "diverse_margin"])
def test_sparse_features_give_what_dense_ones_give(strategy):
    assert choose(strategy, pool(), 5, 1) == choose(strategy, pool(as_sparse=True), 5, 1)


def by_hand(strategy, probabilities, budget=1):
    rows = np.array(probabilities)
    keys = [chr(ord("a") + place) for place in range(len(rows))]
    return choose(strategy, Pool(keys, np.full(len(rows), UNLABELLED), probabilities=rows), budget, 0)


def test_least_confident_margin_and_entropy_each_want_what_the_survey_says():
    rows = [[0.50, 0.49, 0.01], [0.40, 0.30, 0.30], [0.38, 0.24, 0.38], [0.9, 0.05, 0.05]]
    assert by_hand("least_confident", rows) == ("c",)
    assert by_hand("margin", rows, 2) == ("c", "a")
    assert by_hand("entropy", rows) == ("b",)


def test_stratified_gives_each_stratum_its_share_and_the_smallest_one_at_least():
    strata = np.array(["a"] * 40 + ["b"] * 17 + ["c"] * 3)
    labels = np.full(ROWS, UNLABELLED)

    def counts(budget):
        chosen = choose("stratified", pool(strata=strata, labels=labels), budget, 1)
        return [sum(strata[int(key[1:])] == name for key in chosen) for name in "abc"]

    assert counts(6) == [4, 1, 1]
    assert counts(12) == [8, 3, 1]
    assert counts(2) == [1, 1, 0]
    assert counts(60) == [40, 17, 3]


def test_snowball_takes_the_neighbours_of_the_rare_class():
    features = np.arange(10.0)[:, None]
    labels = np.full(10, UNLABELLED)
    labels[[0, 1, 8]] = [0, 0, 1]
    keys = list("abcdefghij")
    assert set(choose("snowball", Pool(keys, labels, features), 3, 1)) == {"h", "j", "g"}
    assert choose("snowball", Pool(keys, labels, features, rare=0), 2, 1) == ("c", "d")
    with pytest.raises(FatalError, match="starts from known rows of a rare class"):
        choose("snowball", Pool(keys, labels, features, rare=2), 3, 1)


def test_k_center_takes_the_farthest_row_each_time():
    features = np.array([0.0, 1, 10, 11, 100, 100])[:, None]
    labels = np.array([0, *[UNLABELLED] * 5])
    chosen = choose("k_center", Pool(list("abcdef"), labels, features), 5, 1)
    assert chosen[0] in "ef" and chosen[1] == "d" and set(chosen[2:4]) == {"b", "c"} and chosen[4] in "ef"


def test_diverse_margin_spreads_over_what_margin_takes_in_one_place():
    features = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [50.0]])
    sure = np.array([0.51, 0.52, 0.53, 0.55, 0.56, 0.99])
    rows = Pool(list("abcdef"), np.full(6, UNLABELLED), features, np.column_stack([sure, 1 - sure]))
    assert set(choose("margin", rows, 2, 1)) == {"a", "b"}
    near, far = sorted(choose("diverse_margin", Pool(
        list("abcde"), rows.labels[:5], features[:5], rows.probabilities[:5]), 2, 1))  # fmt: skip
    assert near in "abc" and far in "de"


def test_activelab_asks_again_about_a_row_on_which_annotators_differ():
    truth = np.arange(40) % 2
    sure = np.where(truth[:, None] == np.arange(2), 0.95, 0.05)
    votes = np.tile(truth[:, None], 3)
    votes[:6, 2] = 1 - votes[:6, 2]
    votes[0, 1] = 1 - votes[0, 1]
    votes[20:] = UNLABELLED
    keys = [f"k{place:02d}" for place in range(40)]
    asked = Pool(keys, np.where(np.arange(40) < 20, truth, UNLABELLED), probabilities=sure, votes=votes)
    assert choose("activelab", asked, 1, 1) == ("k00",)
    assert all(key >= "k20" for key in choose("activelab", replace(asked, votes=None), 20, 1))


@pytest.mark.parametrize(
    ("strategy", "rows", "budget", "said"),
    [
        ("magic", pool(), 5, "no strategy 'magic'"),
        ("margin", pool(probabilities=None), 5, "margin needs probabilities"),
        ("k_center", pool(features=None), 5, "k_center needs features"),
        ("random", pool(), 0, "budget is 0"),
        ("random", Pool(["a"], np.array([0, 1])), 1, "labels has 2 rows, and there are 1 keys"),
        ("random", Pool(["a", "a"], np.array([0, 1])), 1, "come twice"),
        ("margin", pool(probabilities=np.full((ROWS, 3), np.nan)), 1, "probabilities are missing"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(strategy, rows, budget, said):
    with pytest.raises(FatalError, match=said):
        choose(strategy, rows, budget, 1)


def test_a_strategy_tells_what_it_needs():
    assert needs("diverse_margin") == ("probabilities", "features")
