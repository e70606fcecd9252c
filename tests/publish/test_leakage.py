"""The proof: entities and time besides content, what it keeps, and when it cannot be given."""

from datetime import UTC, datetime

import numpy as np
import pytest

from include.core.refs import Augmented, Candidate, Finding, Gated, GateDecision, Outcome
from include.publish.leakage import ORDER, prove
from include.specs import Dataset, Leakage, Split

MADE = Augmented(
    gated=Gated(
        candidate=Candidate(dataset="pay", run="r", table="x", batches={}, rows=8, sql_hash="x"), table="gated",
        passed=8, quarantined=0, reasons={}, decision=GateDecision(decision="publish"), suite_hash="x", report="x",
    ),
    table="version", method="none", made=0, removed=0,
)  # fmt: skip
SPLIT = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def held(rule, success=True):
    return Outcome(
        rule=rule, type="sluice_audit", column=None, severity="critical", row_level=True, success=success
    )  # fmt: skip


SOUND = Finding(name="rows", outcomes=(held("no id is in two splits"), held("every row has an _id")))


@pytest.fixture
def proof(drawn):
    """Proves a dataset's table of eight rows; `columns` by name."""

    def run(columns, rows=SOUND, storage=None, **declared):
        dataset = Dataset(name="pay", sources=("shop",), key="id", label="fraud", **declared)
        drawn.fill({name: np.array(values, dtype=object) for name, values in columns.items()}, SPLIT)
        return prove(drawn.connection, dataset, MADE, rows, storage)

    return run


def failed(finding):
    return {o.rule: o.observed for o in finding.outcomes if not o.success}


def test_a_card_in_two_splits_is_found_with_a_row_of_either(proof):
    cards = ["a", "b", None, None, "b", "c", "d", None]
    found = proof({"card": cards}, passthrough=("card",), leakage=Leakage(entities=("card",)))
    assert failed(found) == {"no card is in two splits": "1 of 1 in 8 rows, such as 'r000001' and 'r000004'"}
    assert found.evidence["holds"] is False
    assert found.evidence["rules"] == {"no id is in two splits": True}
    cards[4] = "e"
    clean = proof({"card": cards}, passthrough=("card",), leakage=Leakage(entities=("card",)))
    assert (failed(clean), clean.evidence["holds"]) == ({}, True)


@pytest.mark.parametrize("declared", [{"leakage": Leakage(time_ordered=True)}, {"split": Split(test_from=APRIL)}])
def test_a_row_of_train_that_is_later_than_one_of_test_is_found(proof, declared):
    times = [f"2026-0{month}-01" for month in (1, 1, 2, 3, 4, 4, 5, 6)]
    assert failed(proof({"at": times}, time="at", **declared)) == {}
    times[1] = "2026-05-02"
    assert failed(proof({"at": times}, time="at", **declared)) == {
        ORDER: "1 of 1 in 8 rows, such as 'r000001' and 'r000004'"
    }
    times[1] = None
    assert failed(proof({"at": times}, time="at", **declared)) == {
        ORDER: "1 of 1 in 8 rows, such as 'r000001' and 'r000001'"
    }


def test_where_time_is_not_declared_to_be_in_order_it_is_not_looked_at(proof):
    assert proof({"at": ["2026-01-01"] * 8}, time="at").outcomes == ()


def test_a_leak_of_a_kind_that_is_declared_a_warning_is_one(proof):
    leakage = Leakage(entities=("card",), severity={"entity": "warning"})
    (outcome,) = proof({"card": ["a"] * 8}, passthrough=("card",), leakage=leakage).outcomes
    assert (outcome.success, outcome.severity) == (False, "warning")


def test_rows_with_faults_of_their_own_are_not_compared_and_that_is_kept(proof):
    broken = Finding(name="rows", outcomes=(held("no _id occurs twice", success=False),))
    found = proof({"card": ["a"] * 8}, rows=broken, passthrough=("card",), leakage=Leakage(entities=("card",)))
    assert found.outcomes == ()
    assert found.evidence["not_compared"] == "the rows have faults of their own"
    assert found.evidence["holds"] is False


def test_images_without_a_storage_cannot_be_judged(proof):
    (outcome,) = proof({"image": ["a.png"] * 8}, image="image").outcomes
    assert outcome.exception == "the audit was given no object storage to read them from"
