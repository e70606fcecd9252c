"""A held run is published when a person approved exactly it, in time; nothing takes a rejection back."""

import json
from datetime import timedelta

import psycopg2
import pytest

from include.core.errors import FatalError, GateRejected
from include.core.refs import GateDecision, Outcome
from include.pipeline.approve import answer, ask, lapse
from include.specs import GatePolicy
from include.validate.suite import load_suite
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation, record
from include.warehouse.versions import manifest

RULES = [
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "severity": "critical"},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "max_value": 14},
     "severity": "warning", "meta": {"rule": "amount_small"}},
]  # fmt: skip
ODD = Outcome(
    rule="amount_small", type="expect_column_values_to_be_between", column="amount", severity="warning",
    row_level=True, success=False, unexpected=4,
)  # fmt: skip


class Held:
    """Run `run_1` of `fraud`, which its gate holds for four amounts above 14."""

    run = "run_1"

    def __init__(self, fraud, decision="hold"):
        self.fraud, self.at = fraud, fraud.at
        self.dataset = fraud.dataset.model_copy(update={"gate": GatePolicy(on_warning="approve")})
        (fraud.suites / "fraud.json").write_text(json.dumps({"expectations": RULES}))
        self.made = fraud.balanced(self.run, dataset=self.dataset)
        decided = GateDecision(decision=decision, warnings=("amount_small failed in 4 rows",))
        suite = load_suite(fraud.suites, "fraud", self.dataset.columns)
        judged = Validation(
            run=self.run, dataset="fraud", stage="gate", decision=decided, rows=123, passed=120, quarantined=3,
            reasons={"amount_positive": 3}, outcomes=(ODD,), batches={"shop": 1}, suite_hash=suite.hash,
            report="fraud/run_1/gate.html", at=fraud.at,
        )  # fmt: skip
        with transaction(fraud.url) as connection:
            record(connection, judged)
        self.audited = fraud.audit(self.made, self.dataset)

    def ask(self, hours=0, **options):
        at = self.at + timedelta(hours=hours)
        return ask(self.fraud.url, self.dataset, self.audited, suites=self.fraud.suites, at=at, **options)

    def answer(self, approve=True, reason="it is the sale", hours=1):
        at = self.at + timedelta(hours=hours)
        return answer(
            self.fraud.url, self.dataset, self.run, approve=approve, by="ada", reason=reason, at=at
        )  # fmt: skip

    def publish(self):
        return self.fraud.publish(self.audited, self.dataset)

    def words(self):
        return self.fraud.execute(
            "SELECT number, decision, decided_by, reason, asked_until, decided_at FROM sluice.approvals ORDER BY 1"
        )

    def versions(self):
        return self.fraud.execute("SELECT count(*) FROM sluice.versions")[0][0]


@pytest.fixture
def held(fraud):
    return Held(fraud)


def test_the_question_says_what_failed_with_numbers_rows_and_reports(held):
    question = held.ask(report_url="https://here/reports/")
    assert question.subject == "Publish fraud? 1 warning"
    assert question.until == held.at + timedelta(hours=24)
    made = held.made.made
    assert question.body == (
        f"{120 + made} rows of `fraud` are ready to be published. Of 123 candidate rows 3 are in quarantine."
        " 1 warning holds the run:\n\n"
        "- **gate**: `amount_small`, on `amount`, failed in 4 of 123 rows (3.25%), expected `max_value 14`,"
        " such as\n"
        "  - row `30`: `amount` is `14.2857142857142857`\n"
        "  - row `60`: `amount` is `14.1428571428571429`\n\n"
        "Reports: [gate](https://here/reports/fraud/run_1/gate.html)"
        f" · [audit](https://here/reports/{held.fraud.execute(REPORT)[0][0]})\n\n"
        "Run `run_1`, of shop as of batch 1. Without an answer by **2026-05-02 12:00 UTC** it is rejected; a"
        " rejection cannot be taken back. An approval needs a reason."
    )


REPORT = "SELECT report FROM sluice.validations WHERE stage = 'audit'"


def test_a_suite_that_has_changed_since_tells_nothing_of_other_rules(held):
    (held.fraud.suites / "fraud.json").write_text(json.dumps({"expectations": RULES, "notes": "other"}))
    assert "such as" in held.ask().body
    changed = [RULES[0], RULES[1] | {"kwargs": {"column": "amount", "max_value": 1}}]
    (held.fraud.suites / "fraud.json").write_text(json.dumps({"expectations": changed}))
    assert "such as" not in held.ask().body


def test_an_approved_run_is_published_with_who_why_and_when_in_its_manifest(held):
    held.ask()
    assert held.answer() is None
    version = held.publish()
    with transaction(held.fraud.url) as connection:
        approval = manifest(connection, "fraud", version.version)["approval"]
    ((digest,),) = held.fraud.execute("SELECT sluice.shown('run_1', 'fraud')")
    assert approval == {
        "by": "ada", "reason": "it is the sale", "at": "2026-05-01T13:00:00+00:00",
        "asked_at": "2026-05-01T12:00:00+00:00", "shown": digest,
    }  # fmt: skip
    # A publication that is tried again finds what it had done.
    assert held.publish() == version


def test_a_held_run_is_not_published_before_somebody_approved_it(held):
    for asked in (False, True):
        if asked:
            held.ask()
        with pytest.raises(FatalError, match=r"was held, and nobody has approved it as it stands\. Fix: answer"):
            held.publish()
    assert held.versions() == 0


def test_a_rejection_ends_the_run_and_nothing_takes_it_back(held):
    held.ask()
    with pytest.raises(GateRejected, match=r"held for its warnings, and ada rejected it: a fault\. The published"):
        held.answer(approve=False, reason="a fault")
    for late in (held.ask, held.answer, held.publish):
        with pytest.raises(GateRejected, match="ada rejected it: a fault"):
            late()
    assert [word[:4] for word in held.words()] == [(1, "ask", None, ""), (2, "reject", "ada", "a fault")]
    assert held.versions() == 0


def test_without_an_answer_in_time_it_is_rejected(held):
    held.ask()
    with pytest.raises(GateRejected, match="nobody answered by 2026-05-02 12:00 UTC"):
        lapse(held.fraud.url, held.dataset, "run_1", at=held.at + timedelta(hours=24, seconds=9))
    with pytest.raises(GateRejected, match="nobody answered by"):
        held.publish()


@pytest.mark.parametrize("hours", [24, 24.001])
def test_an_answer_counts_until_the_declared_time_and_not_after(held, hours):
    held.ask()
    if hours == 24:
        assert held.answer(hours=hours) is None
        assert held.publish().version == 1
    else:
        with pytest.raises(GateRejected, match="ada answered after 2026-05-02 12:00 UTC"):
            held.answer(hours=hours)
        assert held.words()[-1][1:3] == ("reject", None)


def test_an_approval_without_a_reason_is_no_answer(held):
    question = held.ask()
    assert held.answer(reason=" \n") == question.until
    assert [word[1] for word in held.words()] == ["ask"]
    with pytest.raises(GateRejected, match=r"and ada rejected it\. The"):
        held.answer(approve=False, reason="")


def test_asking_again_takes_an_approval_back_until_the_next_one(held):
    held.ask()
    held.answer()
    held.ask(hours=30)
    with pytest.raises(FatalError, match="nobody has approved it"):
        held.publish()
    held.answer(reason="still the sale", hours=31)
    with transaction(held.fraud.url) as connection:
        approval = manifest(connection, "fraud", held.publish().version)["approval"]
    assert (approval["reason"], approval["asked_at"]) == ("still the sale", "2026-05-02T18:00:00+00:00")


def test_a_question_that_is_still_open_keeps_its_time_however_often_it_is_asked(held):
    first = held.ask()
    assert held.ask(hours=23).until == first.until
    with pytest.raises(GateRejected, match="nobody answered by 2026-05-02 12:00 UTC"):
        held.ask(hours=25)
    assert [word[1] for word in held.words()] == ["ask", "ask", "reject"]


def test_an_approval_is_of_what_was_shown_and_of_nothing_else(held):
    held.ask()
    held.answer()
    with transaction(held.fraud.url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.approvals SELECT run, dataset, 3, 'approve', 'eve', 'other', 'another digest',"
            " NULL, decided_at FROM sluice.approvals WHERE number = 2"
        )
    with pytest.raises(FatalError, match="nobody has approved it as it stands"):
        held.publish()


def test_the_database_refuses_what_was_held_or_rejected_whoever_publishes(held):
    def publish(run):
        held.fraud.execute("CREATE TABLE staging.made (id int)")
        held.fraud.execute(
            "SELECT sluice.publish('fraud', 'made', 'f', jsonb_build_object('run', %s), now())", run
        )

    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="held, and nobody has approved it"):
        publish("run_1")
    held.fraud.execute("DROP TABLE staging.made")
    held.fraud.execute(
        "INSERT INTO sluice.validations SELECT 'run_2', dataset, stage, 'reject', rows, passed, quarantined,"
        " reasons, outcomes, batches, suite_hash, report, judged_at FROM sluice.validations WHERE stage = 'gate'"
    )
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="Run run_2 of fraud was rejected"):
        publish("run_2")


@pytest.mark.parametrize(
    "statement", ["UPDATE sluice.approvals SET decision = 'approve'", "DELETE FROM sluice.approvals"]
)
def test_what_was_said_is_never_changed(held, warehouse_admin_url, statement):
    held.ask()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        held.fraud.execute(statement)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="never change"):
        with transaction(warehouse_admin_url, role=None) as connection:
            connection.cursor().execute(statement)


def test_nobody_is_asked_about_a_run_that_nothing_holds(fraud):
    passed = Held(fraud, decision="publish")
    assert passed.ask() is None
    assert passed.words() == []
    assert passed.publish().version == 1


def test_nobody_is_asked_about_a_run_that_was_not_audited(held):
    other = held.fraud.balanced("run_2", dataset=held.dataset)
    with pytest.raises(FatalError, match="run_2 of fraud has not been judged by gate and audit"):
        ask(held.fraud.url, held.dataset, other, suites=held.fraud.suites, at=held.at)


def test_nobody_is_asked_about_rows_that_are_gone(held):
    held.fraud.execute(f"DROP TABLE staging.{held.audited.table}")
    with pytest.raises(FatalError, match=r"does not exist\. Fix: trigger a new run"):
        held.ask()


def test_an_answer_that_nobody_asked_for_is_refused(held):
    with pytest.raises(FatalError, match="Nobody was asked about run run_1 of fraud"):
        held.answer()
