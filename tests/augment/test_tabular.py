"""Balancing: what imbalanced-learn draws, with parents and weights, and clear refusals."""

import imblearn.over_sampling as over
import imblearn.under_sampling as under
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from include.augment import neighbours
from include.augment.registry import BALANCERS, balancer, recipe, resolve
from include.augment.samplers import Points
from include.augment.tabular import Train, balance
from include.catalog import DATASETS
from include.core.errors import FatalError
from include.specs import Balance

SEED = 3
NUMERIC_ONLY = ["smote", "borderline_smote", "adasyn"]
PEERS = {
    "smote": lambda targets: over.SMOTE(sampling_strategy=targets, random_state=SEED, k_neighbors=3),
    "borderline_smote": lambda targets: over.BorderlineSMOTE(
        sampling_strategy=targets, random_state=SEED, k_neighbors=3
    ),
    "adasyn": lambda targets: over.ADASYN(sampling_strategy=targets, random_state=SEED, n_neighbors=3),
}


def train(classes=(60, 25, 15), *, categorical=False, numeric=2, seed=0):
    """Overlapping clouds of three classes; the second feature has a hundred times the unit of the first."""
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.array(["a", "b", "c"][: len(classes)]), classes)
    centre = np.repeat(np.arange(len(classes)) * 0.8, classes)
    points = centre[:, None] + draw.normal(size=(len(labels), numeric))
    order = draw.permutation(len(labels))
    kinds = draw.choice(["x", "y", "z"], size=(len(labels), 2)).astype(object)
    return Train(
        ids=np.array([f"r{n}" for n in range(len(labels))]),
        labels=labels[order],
        numeric=(points * np.array([1.0, 100.0])[:numeric])[order],
        categorical=kinds if categorical else kinds[:, :0],
        numeric_names=("small", "large")[:numeric],
        categorical_names=("kind", "sort") if categorical else (),
    )


def points(of, exact=True):
    return Points(of.numeric, of.categorical, of.labels, exact)


def declared(method, **changes):
    return Balance(**({"method": method, "neighbours": 3} | changes))


def made_by(sampler, before, matrix):
    resampled, labels = sampler.fit_resample(matrix, before.labels)
    return resampled[len(before.labels) :], labels[len(before.labels) :]


@pytest.mark.parametrize("method", [*NUMERIC_ONLY, "smotenc"])
def test_a_made_row_lies_between_its_parents_by_its_weight(method):
    before = train(categorical=method == "smotenc")
    made = balance(before, declared(method), SEED)
    first, second = before.numeric[made.first], before.numeric[made.second]
    np.testing.assert_array_equal(made.numeric, first + made.weight[:, None] * (second - first))
    assert made.weight.min() >= 0
    assert made.weight.max() < 1


@pytest.mark.parametrize("method", [*NUMERIC_ONLY, "smotenc"])
def test_both_parents_are_of_the_made_rows_class(method):
    before = train(categorical=method == "smotenc")
    made = balance(before, declared(method), SEED)
    assert set(made.labels) == {"b", "c"}
    assert (before.labels[made.first] == made.labels).all()
    assert (before.labels[made.second] == made.labels).all()


@pytest.mark.parametrize("method", NUMERIC_ONLY)
def test_the_rows_are_those_that_imbalanced_learn_makes_from_standardised_features(method):
    before = train()
    scaler = StandardScaler().fit(before.numeric)
    expected, labels = made_by(PEERS[method]({"b": 60, "c": 60}), before, scaler.transform(before.numeric))
    made = balance(before, declared(method), SEED)
    np.testing.assert_array_equal(made.labels, labels)
    np.testing.assert_allclose(made.numeric, scaler.inverse_transform(expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("method", NUMERIC_ONLY)
def test_the_drawing_is_bit_for_bit_that_of_imbalanced_learn(monkeypatch, method, exact):
    """By the fast search, too, where it looks through every cell."""
    monkeypatch.setattr(neighbours, "FEWEST_PAIRS", 0)
    monkeypatch.setattr(neighbours, "MOST_TREE_FEATURES", 0)
    before = train()
    drawn = resolve(balancer(method).implementation)(points(before, exact), {"b": 50, "c": 60}, 3, SEED)
    expected, _ = made_by(PEERS[method]({"b": 50, "c": 60}), before, before.numeric)
    first, second = before.numeric[drawn.first], before.numeric[drawn.second]
    np.testing.assert_array_equal(first + drawn.weight[:, None] * (second - first), expected)


def test_smotenc_takes_the_categories_that_imbalanced_learn_takes():
    before = train(categorical=True)
    scaler = StandardScaler().fit(before.numeric)
    mixed = np.hstack([scaler.transform(before.numeric).astype(object), before.categorical])
    peer = over.SMOTENC([2, 3], sampling_strategy={"b": 60, "c": 60}, random_state=SEED, k_neighbors=3)
    expected, _ = made_by(peer, before, mixed)
    made = balance(before, declared("smotenc"), SEED)
    np.testing.assert_array_equal(made.categorical, expected[:, 2:])
    np.testing.assert_allclose(made.numeric, scaler.inverse_transform(expected[:, :2].astype(float)), atol=1e-9)


def test_random_over_sampling_copies_the_rows_that_imbalanced_learn_copies():
    before = train(categorical=True)
    peer = over.RandomOverSampler(sampling_strategy={"b": 60, "c": 60}, random_state=SEED)
    expected, labels = made_by(peer, before, before.numeric)
    made = balance(before, declared("random_over"), SEED)
    np.testing.assert_array_equal(made.numeric, expected)
    np.testing.assert_array_equal(made.labels, labels)
    np.testing.assert_array_equal(made.categorical, before.categorical[made.first])
    assert set(made.second) == {-1}


def test_random_under_sampling_leaves_out_the_rows_that_imbalanced_learn_leaves_out():
    before = train()
    peer = under.RandomUnderSampler(sampling_strategy={"a": 30, "b": 25, "c": 15}, random_state=SEED)
    peer.fit_resample(before.numeric, before.labels)
    made = balance(before, declared("random_under", ratio=0.5), SEED)
    assert sorted(made.removed) == sorted(set(range(100)) - set(peer.sample_indices_))
    assert len(made.removed) == 30
    assert len(made.first) == 0


def test_ratio_is_the_smaller_classes_share_of_the_largest():
    made = balance(train(), declared("smote", ratio=0.4), SEED)
    assert {label: int((made.labels == label).sum()) for label in "abc"} == {"a": 0, "b": 0, "c": 9}


def test_a_balanced_train_split_stays_as_it_is():
    made = balance(train((20, 20)), declared("smote"), SEED)
    assert (len(made.first), made.numeric.shape, len(made.removed)) == (0, (0, 2), 0)


def test_a_large_unit_does_not_decide_alone_who_is_a_neighbour():
    """In raw units `large` outweighs `small` a hundredfold: neighbours would be sought on it alone."""
    before = train()
    raw = resolve(balancer("smote").implementation)(points(before), {"c": 60}, 3, SEED)
    made = balance(before, declared("smote"), SEED)
    last = made.labels == "c"
    assert (made.second[last] != raw.second).any()


def test_gaps_are_filled_with_trains_median_before_neighbours_are_sought():
    before = train((6, 4), numeric=1)
    before.numeric[:, 0] = [0, 1, 2, 3, 4, 5, 6, 7, 8, np.nan]
    made = balance(before, declared("random_over"), SEED)
    assert np.isnan(made.numeric).any() == (9 in made.first)
    made = balance(before, declared("smote", impute="median"), SEED)
    filled = before.numeric[:, 0].copy()
    filled[9] = 4.0
    np.testing.assert_array_equal(
        made.numeric[:, 0], filled[made.first] + made.weight * (filled[made.second] - filled[made.first])
    )


def gap(before, value=np.nan, rows=slice(4, 6)):
    before.numeric[rows, 0] = value
    return before


def without_category(before):
    before.categorical[7, 1] = None
    return before


@pytest.mark.parametrize(
    ("before", "balancing", "says"),
    [
        (train((30,)), declared("smote"), r"two classes or more in train; found 'a' \(30 rows\)\. Fix: collect"),
        (train((0,)), declared("smote"), "two classes or more in train; found none"),
        (
            train((30, 3)),
            declared("smote"),
            r"with 3 neighbours needs 4 train rows of every smaller class; class 'b' has 3\. Fix: .*"
            "neighbours=2 or fewer, or balance method random_over",
        ),
        (gap(train()), declared("smote"), r"small is missing in 2 of 100 train rows.*Fix: .*impute=\"median\""),
        (
            gap(train(), rows=slice(None)),
            declared("smote", impute="median"),
            "small has no median: all of 100 train rows",
        ),
        (gap(train(), np.inf), declared("smote", impute="median"), "small is infinite in 2 of 100 train rows"),
        (
            without_category(train(categorical=True)),
            declared("smotenc"),
            r"Categorical feature sort is missing in 1 of 100.*coalesce\(sort, 'unknown'\)",
        ),
        (
            train(categorical=True),
            declared("smote"),
            "cannot take categorical features.* kind, sort.*Fix: .*smotenc",
        ),
        (train(), declared("smotenc"), "needs categorical features.*Fix: declare balance method smote"),
        (train(numeric=0), declared("smote"), "interpolates numeric features, and the dataset declares none"),
        (train(), declared("smoot"), "no balance method 'smoot'.*Fix: declare one of adasyn, borderline_smote"),
    ],
)
def test_what_cannot_be_balanced_is_refused_with_numbers_and_a_fix(before, balancing, says):
    with pytest.raises(FatalError, match=says):
        balance(before, balancing, SEED)


@pytest.mark.parametrize("method", ["borderline_smote", "adasyn"])
def test_methods_that_need_a_border_refuse_classes_that_lie_far_apart(method):
    before = train((40, 20))
    before.numeric[before.labels == "b"] += 1e6
    with pytest.raises(
        FatalError, match=f"{method} starts from rows that lie between classes, and class 'b' has none"
    ):
        balance(before, declared(method), SEED)


def test_every_key_of_the_registry_and_the_catalog_resolves():
    for key in BALANCERS:
        assert callable(resolve(balancer(key).implementation))
    for dataset in DATASETS:
        if dataset.balance:
            balancer(dataset.balance.method)
        if dataset.augment:
            recipe(dataset.augment.recipe)
