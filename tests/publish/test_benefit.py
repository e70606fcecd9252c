"""Balancing judged: figures for every contender, the same each time, and a rule where it is asked for."""

import numpy as np
import pytest

from include.core.refs import Augmented, Candidate, Gated, GateDecision
from include.publish.benefit import judge_balancing
from include.specs import Balance, Dataset

ROWS = 1500
DATASET = Dataset(
    name="pay", sources=("shop",), key="id", label="fraud", group="customer", numeric=("a", "b"),
    categorical=("kind",), balance=Balance(method="random_over", must_help="average_precision"),
)  # fmt: skip
MADE = Augmented(
    gated=Gated(
        candidate=Candidate(dataset="pay", run="r", table="x", batches={}, rows=8, sql_hash="x"), table="gated",
        passed=8, quarantined=0, reasons={}, decision=GateDecision(decision="publish"), suite_hash="x", report="x",
    ),
    table="version", method="random_over", made=0, removed=0,
)  # fmt: skip
CONTENDERS = ["nothing", "class weights", "random oversampling", "balanced", "tuned threshold"]


@pytest.fixture
def judged(drawn):
    """Judges rows of so many classes, after the statement `made` has changed the version, not the gated rows."""

    def judge(made, dataset=DATASET, classes=2):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(2, ROWS))
        label = np.digitize(a + b**2 / 2 + rng.normal(0, 0.5, ROWS), (1.8, 3.2)[: classes - 1])
        a[::50] = np.nan
        columns = {"a": a, "b": b, "kind": rng.choice(["x", "y"], ROWS), "fraud": label.astype(str)}
        columns["customer"] = np.array([f"c{n // 2}" for n in range(ROWS)])
        drawn.fill(columns, drawn.parted(rng, ROWS))
        with drawn.connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS staging.gated")
            cursor.execute("CREATE TABLE staging.gated AS SELECT * FROM staging.version")
            cursor.execute(made)
        return judge_balancing(drawn.connection, dataset, MADE)

    return judge


COPIES = """INSERT INTO staging.version SELECT _id || ':' || n, _split, 'smote', a, b, kind, fraud, customer
    FROM staging.gated, generate_series(1, 8) n WHERE _split = 'train' AND fraud = '1'"""
WRONG = """UPDATE staging.version SET fraud = CASE fraud WHEN '1' THEN '0' ELSE '1' END WHERE _split = 'train'"""


def test_every_contender_is_scored_with_both_learners_and_the_same_each_time(judged):
    found = judged(COPIES)
    scores = found.evidence["scores"]
    assert [(s["learner"], s["contender"]) for s in scores] == [
        (learner, name) for learner in ("logistic regression", "gradient boosting") for name in CONTENDERS
    ]
    by = {(s["learner"], s["contender"]): s for s in scores}
    # Copies of the rare class raise what is predicted, and the threshold for it alone does not.
    for learner in ("logistic regression", "gradient boosting"):
        inflated = by[learner, "balanced"]["mean_prediction_to_prevalence"]
        assert inflated > 1.2 * by[learner, "nothing"]["mean_prediction_to_prevalence"]
        tuned = by[learner, "tuned threshold"]
        assert tuned["average_precision"] == by[learner, "nothing"]["average_precision"]
        assert tuned["threshold"] < 0.5
    assert found.evidence["classes"] == ["1"]
    assert found.outcomes[0].success
    assert judged(COPIES) == found


def test_a_version_that_makes_models_worse_breaks_the_rule_where_it_is_asked_for(judged):
    (outcome,) = judged(WRONG).outcomes
    assert (outcome.success, outcome.severity) == (False, "critical")
    assert outcome.observed.startswith("-0.")
    silent = DATASET.model_copy(update={"balance": Balance(method="random_over")})
    assert judged(WRONG, silent).outcomes == ()


def test_of_more_classes_each_is_scored_against_the_rest_and_no_threshold_is_tuned(judged):
    found = judged(COPIES, classes=3)
    assert found.evidence["classes"] == ["0", "1", "2"]
    assert [s["contender"] for s in found.evidence["scores"][:4]] == CONTENDERS[:4]


def test_what_cannot_be_judged_says_why_and_breaks_the_rule_where_it_is_asked_for(judged):
    found = judged("DELETE FROM staging.version WHERE _split = 'validation' AND fraud = '1'")
    assert found.evidence["not_judged"] == "validation has fewer than 5 rows of a second class"
    assert found.outcomes[0].exception == found.evidence["not_judged"]


def test_a_dataset_without_a_balance_is_not_judged(judged):
    assert judged(COPIES, DATASET.model_copy(update={"balance": None})) is None
