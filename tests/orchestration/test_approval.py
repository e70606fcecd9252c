"""The task that asks a person: what it makes of each event that Airflow resumes it with."""

from datetime import UTC, datetime

import pytest

from include import catalog
from include.core.refs import Augmented, Candidate, Gated, GateDecision, Outcome
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation, record

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
LACKING = Outcome(
    rule="every_digit_there", type="expect_column_distinct_values_to_contain_set", column="label",
    severity="warning", row_level=False, success=False, observed="['1', '3']",
)  # fmt: skip
AUDITED = Augmented(
    gated=Gated(
        candidate=Candidate(dataset="digit_photos", run="run_1", table="c", batches={}, rows=9, sql_hash="x"),
        table="passed", passed=9, quarantined=0, reasons={}, decision=GateDecision(decision="hold"),
        suite_hash="x", report="x",
    ),
    table="made", method="digits", made=0, removed=0,
)  # fmt: skip
APPROVE, REJECT = ["Approve"], ["Reject"]


@pytest.fixture
def approve(airflow_home, warehouse_url, monkeypatch):
    """The task of a run that the gate holds, ready to ask."""
    from include.orchestration.approval import approval_task

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    with transaction(warehouse_url) as connection:
        connection.cursor().execute("CREATE TABLE staging.made (_id text)")
        for stage, decision in (("gate", "hold"), ("audit", "publish")):
            judged = Validation(
                run="run_1", dataset="digit_photos", stage=stage, decision=GateDecision(decision=decision),
                rows=9, passed=9, quarantined=0, reasons={}, outcomes=(LACKING,) if stage == "gate" else (),
                batches={}, suite_hash="s", report="", at=AT,
            )  # fmt: skip
            record(connection, judged)
    return approval_task("digit_photos", AUDITED.model_dump(mode="json"))


def said(url):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT decision, decided_by, reason FROM sluice.approvals ORDER BY number")
        return cursor.fetchall()


def event(options, reason="", user="ada"):
    """What Airflow resumes a parked task with (models/hitl.py: as_resume_event_payload)."""
    return {
        "chosen_options": options, "params_input": {"reason": reason}, "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": f"{user}_id", "name": user}, "timedout": False,
    }  # fmt: skip


def test_the_task_asks_with_the_run_s_own_question_and_time(approve, warehouse_url):
    assert approve._ask()
    assert approve.subject == "Publish digit_photos? 1 warning"
    assert "`every_digit_there`, on `label`, failed, observed `['1', '3']`" in approve.body
    assert approve.response_timeout.total_seconds() == 3600 * catalog.dataset("digit_photos").gate.approve_within
    assert said(warehouse_url) == [("ask", None, "")]


def test_an_approval_is_on_record_with_who_and_why(approve, warehouse_url):
    approve._ask()
    found = approve.execute_complete({}, event(APPROVE, "an eight is rare"))
    assert found["chosen_options"] == APPROVE
    assert said(warehouse_url)[1:] == [("approve", "ada", "an eight is rare")]


def test_a_rejection_fails_the_task_for_good_and_so_does_asking_again(approve, warehouse_url):
    from airflow.sdk.exceptions import AirflowFailException

    approve._ask()
    with pytest.raises(AirflowFailException, match="ada rejected it: no eights"):
        approve.execute_complete({}, event(REJECT, "no eights"))
    with pytest.raises(AirflowFailException, match="ada rejected it: no eights"):
        approve.execute({})
    assert said(warehouse_url)[1:] == [("reject", "ada", "no eights")]


def test_the_scheduler_s_time_out_is_a_rejection(approve, warehouse_url):
    from airflow.sdk.exceptions import AirflowFailException

    approve._ask()
    lapsed = {"error": "The Human-in-the-loop response timeout has passed.", "error_type": "timeout"}
    with pytest.raises(AirflowFailException, match="nobody answered by"):
        approve.execute_complete({}, lapsed)
    assert [word[:2] for word in said(warehouse_url)] == [("ask", None), ("reject", None)]


def test_a_failure_of_airflow_s_own_is_no_answer_and_worth_another_try(approve, warehouse_url):
    from airflow.providers.standard.exceptions import HITLTriggerEventError

    approve._ask()
    with pytest.raises(HITLTriggerEventError):
        approve.execute_complete({}, {"error": "broke", "error_type": "unknown"})
    assert said(warehouse_url) == [("ask", None, "")]


def test_an_approval_without_a_reason_leaves_the_question_open(approve):
    approve._ask()
    assert (approve._settle(event(APPROVE)) - datetime.now(UTC)).total_seconds() > 3600
    assert approve._settle(event(APPROVE, "an eight is rare")) is None
