import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from include.core.errors import FatalError
from include.label.learn import Course, Plan, Rows, learn, next_round

IMAGES, DIGITS = load_digits(n_class=3, return_X_y=True)
IMAGES, DIGITS = IMAGES[:300] / 16, DIGITS[:300].astype(str)
KEYS = [f"k{place:03d}" for place in range(300)]
TRUTH = dict(zip(KEYS, DIGITS, strict=True))
ROWS = Rows(KEYS, IMAGES, ("0", "1", "2"), {key: TRUTH[key] for key in KEYS[:50]})
MODEL = LogisticRegression(C=10, max_iter=200)


def told(keys):
    return {key: TRUTH[key] for key in keys}


def test_the_loop_ends_at_the_target_and_counts_every_label():
    course, labels = learn(ROWS, told, MODEL, Plan(batch=5, budget=200, target=0.95), seed=1)
    assert course.ended == "target" and course.rounds[-1].score >= 0.95 and course.rounds[-1].chosen == ()
    assert course.rounds[0].score is None and course.rounds[0].labels == 50
    assert course.rounds[-1].labels == 50 + len(labels) < 120
    assert not set(labels) & set(ROWS.validation)


def test_the_loop_ends_at_the_budget_which_is_never_exceeded():
    course, labels = learn(ROWS, told, MODEL, Plan(batch=20, budget=85, target=1.1), seed=1)
    assert course.ended == "budget" and len(labels) == 35


def test_the_loop_ends_without_gain_and_where_nothing_is_left():
    course, _ = learn(ROWS, told, MODEL, Plan(batch=20, budget=1000, patience=2), seed=1)
    assert course.ended == "no gain" and course.rounds[-1].labels < 300
    course, _ = learn(ROWS, told, MODEL, Plan(batch=100, budget=1000, patience=99), seed=1)
    assert course.ended == "nothing left" and course.rounds[-1].labels == 300


def test_a_round_at_a_time_is_the_loop_and_the_order_of_the_rows_changes_nothing():
    plan = Plan(batch=10, budget=100, strategy="diverse_margin")
    whole, _ = learn(ROWS, told, MODEL, plan, seed=3)
    turned = np.random.default_rng(1).permutation(300)
    other = Rows([KEYS[place] for place in turned], IMAGES[turned], ROWS.classes, ROWS.validation)
    course, labels = Course(), {}
    while not course.ended:
        course = next_round(course, other, labels, MODEL, plan, seed=3)
        labels |= told(course.rounds[-1].chosen)
    assert course == whole
    assert next_round(course, other, labels, MODEL, plan, seed=3) is course


def test_rows_that_the_annotators_leave_out_may_be_asked_for_again():
    course, labels = learn(ROWS, lambda keys: told(keys[:2]), MODEL, Plan(batch=4, budget=60), seed=1)
    assert course.ended == "budget" and len(labels) == 10


@pytest.mark.parametrize(
    ("known", "answer", "said"),
    [
        ({"x": "1"}, told, "a label for 'x', which is no row"),
        ({"k200": "7"}, told, "'k200' is labelled '7', which is none of 0, 1, 2"),
        ({"k001": "1"}, told, "'k001' is both for training and for validation"),
        ({}, lambda keys: {}, "Of 5 rows asked for, 0 were labelled, and 0 others"),
        ({}, lambda keys: {"k000": "1"}, "0 were labelled, and 1 others"),
    ],
)
def test_labels_that_fit_nothing_are_refused(known, answer, said):
    with pytest.raises(FatalError, match=said):
        learn(ROWS, answer, MODEL, Plan(batch=5, budget=100), seed=1, known=known)
