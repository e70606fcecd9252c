"""The audit's checks, each against a version in which exactly that fault was planted."""

import pytest

from include.core.refs import Augmented, Candidate, Gated, GateDecision, Outcome
from include.publish.audit import audit, decide
from include.specs import Dataset, GatePolicy
from include.warehouse.connection import transaction

DATASET = Dataset(
    name="fraud", sources=("shop",), key="id", group="customer", numeric=("amount",), categorical=("device",),
    passthrough=("note",), label="is_fraud",
)  # fmt: skip
# Customers 1 to 4 have two payments each; customer 4 is in test.
GATED = """
CREATE TABLE staging.gated AS SELECT n AS id, (n + 1) / 2 AS customer, n * 1.5 AS amount, 'phone' AS device,
    nullif('note ' || n, 'note 3') AS note, n > 4 AS is_fraud, n::text AS _id,
    CASE WHEN n > 6 THEN 'test' ELSE 'train' END AS _split
FROM generate_series(1, 8) n;
"""
VERSION = """
CREATE TABLE staging.version AS SELECT *, 'real' AS _origin, '{}'::text[] AS _parents, NULL::text AS _method,
    NULL::jsonb AS _params, NULL::bigint AS _seed FROM staging.gated;
INSERT INTO staging.version (amount, device, is_fraud, _id, _split, _origin, _parents, _method, _params, _seed)
VALUES (8, 'phone', true, 'smote:1:5:6', 'train', 'smote', '{5,6}', 'smote', '{"weight": 0.3}', 7),
       (9, 'phone', true, 'smote:2:6:5', 'train', 'smote', '{6,5}', 'smote', '{"weight": 0}', 7);
"""
REFS = Augmented(
    gated=Gated(
        candidate=Candidate(dataset="fraud", run="r", table="x", batches={}, rows=8, sql_hash="x"),
        table="gated", passed=8, quarantined=0, reasons={}, decision=GateDecision(decision="publish"),
        suite_hash="x", report="x",
    ),
    table="version", method="smote", made=2, removed=0,
)  # fmt: skip


@pytest.fixture
def failures(warehouse_url):
    """Runs the audit after a statement, and returns the rules that failed with their counts."""

    def run(statement="", augmented=REFS, dataset=DATASET):
        with transaction(warehouse_url) as connection:
            connection.cursor().execute(GATED + VERSION + statement)
            outcomes = audit(connection, dataset, augmented).outcomes
        assert all((o.unexpected == 0) == o.success for o in outcomes)
        return {o.rule: o.observed for o in outcomes if not o.success}

    return run


def test_a_sound_version_breaks_no_rule(failures):
    assert failures() == {}


@pytest.mark.parametrize(
    ("planted", "broken"),
    [
        (
            "UPDATE staging.version SET _parents = '{5,7}' WHERE _id = 'smote:1:5:6'",
            {"parents are real rows of train": "1 rows, such as _id 'smote:1:5:6'"},
        ),
        (
            "UPDATE staging.version SET _parents = '{5,nobody}' WHERE _id = 'smote:1:5:6'",
            {"parents are real rows of train": "1 rows, such as _id 'smote:1:5:6'"},
        ),
        (
            "UPDATE staging.version SET _parents = '{5,1}' WHERE _id = 'smote:1:5:6'",
            {"made rows have their parents' label": "1 rows, such as _id 'smote:1:5:6'"},
        ),
        (
            "UPDATE staging.version SET _parents = '{}' WHERE _id = 'smote:1:5:6'",
            {"made rows say how and from what they were made": "1 rows, such as _id 'smote:1:5:6'"},
        ),
        (
            "UPDATE staging.version SET _seed = NULL WHERE _id = 'smote:1:5:6'",
            {"made rows say how and from what they were made": "1 rows, such as _id 'smote:1:5:6'"},
        ),
        (
            "UPDATE staging.version SET _split = 'test' WHERE _id = 'smote:2:6:5'",
            {"made rows are in train only": "1 rows, such as _id 'smote:2:6:5'"},
        ),
        (
            "UPDATE staging.version SET amount = 'NaN' WHERE _id = 'smote:2:6:5'",
            {"interpolated amount is present and finite": "1 rows, such as _id 'smote:2:6:5'"},
        ),
        (
            "UPDATE staging.version SET device = NULL WHERE _id = 'smote:2:6:5'",
            {"interpolated device is present": "1 rows, such as _id 'smote:2:6:5'"},
        ),
        (
            "UPDATE staging.version SET amount = amount + 0.01 WHERE _id = '3'",
            {"real rows are as they passed the gate": "1 rows, such as _id '3'"},
        ),
        (
            "UPDATE staging.version SET note = '' WHERE _id = '3'",
            {"real rows are as they passed the gate": "1 rows, such as _id '3'"},
        ),
        (
            "DELETE FROM staging.version WHERE _id = '2'",
            {"no more rows are left out than reported": "1 rows, such as _id '2'"},
        ),
        (
            "DELETE FROM staging.version WHERE _id = '7'",
            {
                "no more rows are left out than reported": "1 rows, such as _id '7'",
                "only rows of train are left out": "1 rows, such as _id '7'",
            },
        ),
        (
            "INSERT INTO staging.version (id, customer, is_fraud, _id, _split, _origin, _parents)"
            " VALUES (9, 9, true, '9', 'train', 'real', '{}')",
            {"every real row passed the gate": "1 rows, such as _id '9'"},
        ),
        (
            "UPDATE staging.version SET _origin = 'found' WHERE _id = 'smote:1:5:6'",
            {"every row has a known origin": "1 rows, such as _id 'smote:1:5:6'"},
        ),
        (
            "UPDATE staging.version SET _parents = '{1}' WHERE _id = '2'",
            {"real rows have no parents": "1 rows, such as _id '2'"},
        ),
        (
            "DELETE FROM staging.version WHERE _id = 'smote:2:6:5'",
            {"as many rows are made as were reported": "1 rows, 2 expected, such as _id 'smote:1:5:6'"},
        ),
        (
            "DELETE FROM staging.gated WHERE _id = '8'; DELETE FROM staging.version WHERE _id = '8'",
            {"the gate's rows are all there": "7 rows, 8 expected, such as _id '1'"},
        ),
        (
            "UPDATE staging.version SET _id = 'smote:1:5:6' WHERE _id = 'smote:2:6:5'",
            {"no _id occurs twice": "1 rows, such as _id 'smote:1:5:6'"},
        ),
    ],
)
def test_a_planted_fault_breaks_its_rule_and_is_named(failures, planted, broken):
    assert failures(planted) == broken


def test_a_key_in_two_splits_is_found(failures):
    planted = """UPDATE staging.gated SET id = 7 WHERE id = 5; UPDATE staging.version SET id = 7 WHERE id = 5"""
    assert failures(planted) == {"no id is in two splits": "1 rows, such as _id '5'"}


def test_a_group_in_two_splits_is_found(failures):
    planted = "UPDATE staging.{} SET customer = 4 WHERE id = 1;"
    assert failures(planted.format("gated") + planted.format("version")) == {
        "no customer is in two splits": "1 rows, such as _id '1'"
    }


def test_a_row_in_two_splits_is_found(failures):
    planted = "INSERT INTO staging.version SELECT * FROM staging.version WHERE _id = '8';"
    planted += "UPDATE staging.version SET _split = 'train' WHERE _id = '8' AND ctid > '(0,10)'"
    assert set(failures(planted)) >= {"no _id is in two splits", "no _id occurs twice", "no id is in two splits"}


def test_rows_that_under_sampling_left_out_are_no_loss(failures):
    removed = REFS.model_copy(update={"removed": 2})
    assert failures("DELETE FROM staging.version WHERE _id IN ('1', '2')", removed) == {}


def test_under_sampling_that_leaves_out_a_test_row_is_found(failures):
    removed = REFS.model_copy(update={"removed": 2})
    assert failures("DELETE FROM staging.version WHERE _id IN ('1', '7')", removed) == {
        "only rows of train are left out": "1 rows, such as _id '7'"
    }


def outcome(rule, *, success=False, severity="critical", **more):
    facts = {"type": "t", "column": None, "row_level": True, "success": success, "severity": severity}
    return Outcome(rule=rule, **facts, **more)


def test_any_critical_failure_rejects_and_the_rest_is_told():
    decision = decide(
        [
            outcome("held", success=True),
            outcome("broken", unexpected=3),
            outcome("odd", severity="warning", observed="12"),
            outcome("strange", severity="warning"),
            outcome("scarce", severity="info", unexpected=1),
            outcome("crashed", severity="info", exception="no such column"),
        ],
        GatePolicy(),
    )
    assert decision == GateDecision(
        decision="reject",
        reasons=("broken failed in 3 rows", "crashed could not be judged: no such column"),
        warnings=("odd failed: 12", "strange failed"),
    )


@pytest.mark.parametrize(
    ("severity", "on_warning", "decision"),
    [
        ("warning", "publish", "publish"), ("warning", "approve", "hold"),
        ("info", "publish", "publish"), ("info", "approve", "publish"),
    ],
)  # fmt: skip
def test_a_warning_alone_is_told_or_holds_as_declared_and_never_rejects(severity, on_warning, decision):
    policy = GatePolicy(on_warning=on_warning)
    assert decide([outcome("odd", severity=severity, unexpected=1)], policy).decision == decision
