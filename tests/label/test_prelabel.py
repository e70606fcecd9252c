import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from include.core.errors import FatalError
from include.label.prelabel import audited, calibrated, prelabel

CLASSES = ("neg", "pos")
SURE = np.linspace(0.5, 1, 100)
KEYS = [f"k{n:03d}" for n in range(100)]
PROBABILITIES = np.column_stack([1 - SURE, SURE])


def keys(part):
    return {p.key for p in part}


def test_every_row_is_labelled_or_audited_or_reviewed_by_its_confidence():
    done = prelabel(KEYS, PROBABILITIES, CLASSES, threshold=0.9, audit=0.1, seed=3)
    sure = {key for key, share in zip(KEYS, SURE, strict=True) if share >= 0.9}
    assert keys(done.labelled) | keys(done.audited) == sure
    assert keys(done.review) == set(KEYS) - sure
    assert len(done.audited) == round(0.1 * len(sure)) and not keys(done.labelled) & keys(done.audited)
    assert all(p.label == "pos" for p in done.labelled)
    assert min(p.confidence for p in done.labelled) >= 0.9


def test_the_order_of_the_rows_changes_nothing_and_the_seed_changes_the_audit_alone():
    turned = np.random.default_rng(1).permutation(100)
    one = prelabel(KEYS, PROBABILITIES, CLASSES, threshold=0.7, audit=0.2, seed=3)
    other = prelabel([KEYS[p] for p in turned], PROBABILITIES[turned], CLASSES, threshold=0.7, audit=0.2, seed=3)
    assert one == other
    again = prelabel(KEYS, PROBABILITIES, CLASSES, threshold=0.7, audit=0.2, seed=4)
    assert again.audited != one.audited and again.review == one.review


def test_the_models_share_is_capped_at_its_surest_rows_and_even_ones_are_drawn():
    done = prelabel(KEYS, PROBABILITIES, CLASSES, threshold=0.6, most=0.1, audit=0)
    assert keys(done.labelled) == set(KEYS[90:])
    even = np.tile([0.05, 0.95], (100, 1))
    drawn = prelabel(KEYS, even, CLASSES, threshold=0.6, most=0.1, audit=0, seed=1)
    assert keys(drawn.labelled) == keys(
        prelabel(KEYS[::-1], even, CLASSES, threshold=0.6, most=0.1, audit=0, seed=1).labelled
    )
    assert keys(drawn.labelled) != set(KEYS[90:])


def test_one_row_at_least_is_audited_if_the_model_labels_any():
    done = prelabel(KEYS, PROBABILITIES, CLASSES, threshold=0.99, audit=0.01)
    assert len(done.audited) == 1
    nothing = prelabel(KEYS, PROBABILITIES * 0 + 0.5, CLASSES, threshold=0.99)
    assert not nothing.audited and not nothing.labelled and len(nothing.review) == 100
    assert prelabel([], np.empty((0, 2)), CLASSES, threshold=0.9).review == ()


def test_the_audit_compares_with_peoples_answers_as_wilson_does():
    done = prelabel(KEYS, PROBABILITIES, CLASSES, threshold=0.5, audit=0.1)
    answers = {p.key: "pos" if n < 8 else "neg" for n, p in enumerate(done.audited)}
    found = audited(done, answers)
    assert (found.rows, found.right) == (10, 8)
    # Of 8 in 10: the interval that textbooks give.
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert not found.overconfident
    assert audited(done, dict.fromkeys(answers, "neg")).overconfident
    with pytest.raises(FatalError, match="None of 10 audited rows"):
        audited(done, {})


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_makes_an_overconfident_model_honest_whatever_the_order_of_the_rows(method):
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 2000)
    # One measurement ten times over: naive Bayes takes it for ten.
    x = np.repeat((y + rng.normal(size=2000))[:, None], 10, axis=1)
    train, test = slice(0, 400), slice(400, None)
    names = [str(n) for n in range(400)]
    labels = np.array(["benign" if one else "malignant" for one in y])
    made = calibrated(GaussianNB(), x[train], labels[train], names, method=method, seed=1)
    turned = np.random.default_rng(0).permutation(400)
    again = calibrated(
        GaussianNB(), pd.DataFrame(x[train]).iloc[turned], labels[train][turned], [names[p] for p in turned],
        method=method, seed=1,
    )  # fmt: skip
    assert again.predict_proba(pd.DataFrame(x[test])) == pytest.approx(made.predict_proba(x[test]))

    def brier(model):
        at = list(model.classes_).index("benign")
        return np.mean((model.predict_proba(x[test])[:, at] - y[test]) ** 2)

    assert brier(made) < brier(GaussianNB().fit(x[train], labels[train]))


@pytest.mark.parametrize("labels", [["a"] * 20, ["a"] * 18 + ["b"] * 2])
def test_too_few_labels_cannot_calibrate(labels):
    with pytest.raises(FatalError, match="cannot be calibrated in 5 folds"):
        calibrated(GaussianNB(), np.zeros((20, 1)), labels, [str(n) for n in range(20)])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"probabilities": PROBABILITIES[:, :1]}, "have the shape"),
        ({"probabilities": PROBABILITIES * 0.5}, "do not sum to 1"),
        ({"probabilities": PROBABILITIES * np.nan}, "are missing"),
        ({"threshold": 90}, "threshold is 90"),
        ({"audit": -0.1}, "audit is -0.1"),
    ],
)
def test_what_is_no_probability_is_refused(options, said):
    asked = {"keys": KEYS, "probabilities": PROBABILITIES, "classes": CLASSES, "threshold": 0.9} | options
    with pytest.raises(FatalError, match=said):
        prelabel(**asked)
