"""What balancing is compared with is drawn from real rows, and sees nothing of validation."""

import numpy as np

from include.publish.contenders import COMMON, Encoding, Examples, learners, oversampled, tuned_threshold


def examples(rows=600):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, 2))
    labels = np.where(numbers[:, 0] + rng.normal(0, 0.6, rows) > 1.6, "1", "0")
    kinds = rng.choice(["x", "y"], (rows, 1)).astype(object)
    return Examples(numbers, kinds, labels, np.array([f"g{n // 3}" for n in range(rows)]))


def test_oversampling_draws_rows_of_the_smaller_classes_until_all_are_as_large():
    labels = np.array(["a"] * 5 + ["b"] * 2 + ["c"])
    drawn = oversampled(labels, 7)
    assert drawn[:8].tolist() == list(range(8))
    assert sorted(labels[drawn]) == ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    assert oversampled(labels, 7).tolist() == drawn.tolist() != oversampled(labels, 8).tolist()


def test_categories_become_columns_and_rare_or_unknown_ones_none():
    kinds = np.array([["x"]] * COMMON + [[None]] * COMMON + [["rare"]], dtype=object)
    rows = len(kinds)
    train = Examples(np.zeros((rows, 1)), kinds, np.full(rows, "0"), np.full(rows, "g"))
    shown = np.array([["x"], [None], ["new"]], dtype=object)
    asked = Examples(np.ones((3, 1)), shown, train.labels[:3], train.groups[:3])
    assert Encoding(train).of(asked).tolist() == [[1, 0, 1], [1, 1, 0], [1, 0, 0]]


def test_the_threshold_of_a_rare_class_is_low_and_always_the_same():
    train, make = examples(), learners(7)["logistic regression"]
    threshold = tuned_threshold(make, train, "1")
    assert 0.05 < threshold < 0.6
    assert tuned_threshold(make, train, "1") == threshold
