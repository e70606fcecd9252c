"""The six dimensions' scores: how far each rule holds, the mean of its rules, and a course over runs."""

import pytest

from include.core.dimensions import DIMENSIONS, conformity, courses, percent, points, scores
from include.core.refs import Outcome


def outcome(dimension="validity", *, unexpected=None, success=True, row_level=True, exception=None):
    return Outcome(
        rule="r", type="t", column=None, severity="critical", row_level=row_level, success=success,
        exception=exception, unexpected=unexpected, dimension=dimension,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "rows", "holds"),
    [
        (outcome(unexpected=0), 200, 1.0),
        (outcome(unexpected=3, success=False), 200, 0.985),
        # A rule with `mostly` holds, and yet not in every row.
        (outcome(unexpected=3, success=True), 200, 0.985),
        (outcome(unexpected=200, success=False), 200, 0.0),
        # An audit may count more than the rows: each parent of a made row.
        (outcome(unexpected=300, success=False), 200, 0.0),
        (outcome(unexpected=0), 0, 1.0),
        (outcome(row_level=False), 200, 1.0),
        (outcome(row_level=False, success=False), 200, 0.0),
        (outcome(unexpected=0, success=False, exception="broke"), 200, 0.0),
    ],
)
def test_a_rule_holds_by_the_share_of_its_rows_or_as_a_whole(said, rows, holds):
    assert conformity(said, rows) == holds


def test_a_dimension_s_score_is_the_mean_over_its_rules_and_none_without_a_rule():
    found = scores(
        [
            outcome("completeness", unexpected=10, success=False), outcome("completeness", unexpected=0),
            outcome("accuracy", row_level=False, success=False), outcome("validity", unexpected=0),
            outcome(None, unexpected=50, success=False),
        ],
        100,
    )  # fmt: skip
    assert [(s.dimension, s.value, s.rules, s.broken) for s in found] == [
        ("completeness", 0.95, 2, 1), ("accuracy", 0.0, 1, 1), ("consistency", None, 0, 0),
        ("timeliness", None, 0, 0), ("uniqueness", None, 0, 0), ("validity", 1.0, 1, 0),
    ]  # fmt: skip


def test_a_course_goes_over_the_runs_that_measured_its_dimension():
    def run(bad):
        return [outcome(unexpected=bad, success=not bad)], 100

    found = dict(zip(DIMENSIONS, courses([run(50), ([outcome("accuracy")], 100), run(0), run(25)]), strict=True))
    assert found["validity"].values == (0.5, 1.0, 0.75)
    assert found["validity"].score.value == 0.75
    assert found["validity"].told == "validity: 75 %; over the last 3 runs 50 % to 100 %"
    # Measured once, and not by the last run.
    assert (found["accuracy"].values, found["accuracy"].score.value) == ((1.0,), None)
    assert found["accuracy"].told == "accuracy: no rule measures it"
    assert (found["timeliness"].values, found["timeliness"].points) == ((), ())


def test_without_a_judgement_there_are_six_empty_courses():
    assert [(course.score.dimension, course.values) for course in courses([])] == [(d, ()) for d in DIMENSIONS]


def test_a_course_is_drawn_with_one_at_the_top_and_the_lowest_score_at_the_bottom():
    assert points([0.5, 1.0, 0.75]) == ((3.0, 25.0), (60.0, 3.0), (117.0, 14.0))
    # What varies little is drawn on one axis, so that noise does not look like a collapse.
    assert points([0.99, 1.0]) == ((3.0, 14.0), (117.0, 3.0))
    assert points([1.0]) == ((117.0, 3.0),)


@pytest.mark.parametrize(
    ("value", "told"), [(1, "100 %"), (0.99999, "99.99 %"), (0.985, "98.5 %"), (0.29, "29 %"), (0, "0 %")]
)
def test_only_what_is_whole_is_called_a_hundred_percent(value, told):
    assert percent(value) == told
