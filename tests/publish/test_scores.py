"""Scores of predictions, against numbers worked out by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from include.publish.scores import average_precision, gain, scores

TRUTH = np.array([True, False, True, False, False, False, False, True])


def test_measures_of_a_small_case_are_those_worked_out_by_hand():
    found = scores(TRUTH, np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.2, 0.1, 0.1]))
    assert found["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 8) / 3)
    assert found["roc_auc"] == pytest.approx((5 + 4 + 0.5) / 15)
    assert found["recall_at_precision"] == pytest.approx(2 / 3)
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.09 + 0.16 + 0.09 + 0.04 + 0.01 + 0.81) / 8)
    assert found["mean_prediction_to_prevalence"] == pytest.approx(3.5 / 3)


def test_the_calibration_slope_is_one_for_true_probabilities_and_lower_for_exaggerated_ones():
    rng = np.random.default_rng(0)
    odds = rng.normal(-1, 1.2, 40_000)
    truth = rng.random(40_000) < 1 / (1 + np.exp(-odds))
    assert scores(truth, 1 / (1 + np.exp(-odds)))["calibration_slope"] == pytest.approx(1, abs=0.05)
    assert scores(truth, 1 / (1 + np.exp(-2 * odds)))["calibration_slope"] == pytest.approx(0.5, abs=0.03)
    assert scores(truth, np.full(40_000, 0.3))["calibration_slope"] == 0


def test_weighted_average_precision_is_scikit_learns_ties_included():
    rng = np.random.default_rng(0)
    truth, score = rng.random(300) < 0.2, np.round(rng.random(300), 1)
    weights = rng.integers(0, 4, (5, 300)).astype(float)
    expected = [average_precision_score(truth, score, sample_weight=weight) for weight in weights]
    assert average_precision(truth, score, weights).tolist() == pytest.approx(expected)


def test_the_gain_is_the_difference_and_its_interval_holds_it():
    rng = np.random.default_rng(0)
    truth = rng.random(2000) < 0.1
    good, poor = truth + rng.normal(0, 0.5, 2000), truth + rng.normal(0, 2, 2000)
    difference, low, high = gain(truth, good, poor, np.arange(2000) // 4, 7)
    assert difference == pytest.approx(average_precision_score(truth, good) - average_precision_score(truth, poor))
    assert 0 < low < difference < high
    assert gain(truth, good, poor, np.arange(2000) // 4, 7) == (difference, low, high)
    assert gain(truth, good, good, np.arange(2000) // 4, 7) == (0, 0, 0)
