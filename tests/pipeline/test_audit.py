"""The audit: a version with a fault is rejected for good, and only an audited table is published."""

import pytest

from include.core.errors import FatalError, GateRejected
from include.core.refs import Augmented
from include.pipeline.augment import balance, unchanged


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        (
            """UPDATE staging."{0}" SET _parents = '{{3}}' WHERE _origin = 'smote'""",
            "parents are real rows of train failed: 71 rows",
        ),
        (
            """UPDATE staging."{0}" SET amount = amount + 1 WHERE _id = '8'""",
            "real rows are as they passed the gate failed: 1 rows, such as _id '8'",
        ),
        ("""UPDATE staging."{0}" SET _split = 'test' WHERE _id = '8'""", "no customer is in two splits failed"),
        ("""DELETE FROM staging."{0}" WHERE _id > '2'""", "enough_rows"),
    ],
)
def test_a_version_with_a_planted_fault_is_rejected_and_recorded(fraud, planted, says):
    fraud.expect(kwargs={"min_value": 100}, meta={"rule": "enough_rows"})
    made = fraud.balanced()
    fraud.execute(planted.format(made.table))
    with pytest.raises(GateRejected, match=says):
        fraud.audit(made)
    assert fraud.execute("SELECT stage, decision, passed FROM sluice.validations") == [("audit", "reject", 0)]
    with pytest.raises(FatalError, match=r"Only an audited table is published: .*its audit says reject, 0 rows"):
        fraud.publish(made)
    assert fraud.execute("SELECT to_regclass('datasets.fraud_v1')") == [(None,)]


def test_a_rejected_run_stays_rejected_when_its_table_is_mended(fraud):
    made = fraud.balanced()
    fraud.execute(f"""UPDATE staging."{made.table}" SET amount = amount + 1 WHERE _id = '8'""")
    with pytest.raises(GateRejected):
        fraud.audit(made)
    again = fraud.balanced()
    with pytest.raises(GateRejected, match="real rows are as they passed the gate failed"):
        fraud.audit(again)


@pytest.mark.parametrize(
    ("report_url", "where"),
    [
        ("https://airflow.example.org/sluice/data-docs/", "https://airflow.example.org/sluice/data-docs/fraud/"),
        ("", "/fraud/"),
    ],
)
def test_a_rejection_says_where_its_report_is_served(fraud, report_url, where):
    made = fraud.balanced()
    fraud.execute(f"""UPDATE staging."{made.table}" SET amount = amount + 1 WHERE _id = '8'""")
    with pytest.raises(GateRejected) as caught:
        fraud.audit(made, report_url=report_url)
    served = caught.value.problem.partition("Report: ")[2]
    assert served.startswith(where if report_url else f"{fraud.reports}{where}")
    assert served.endswith("audit.html.")


def test_the_report_names_the_run_and_the_try_that_made_it(fraud):
    fraud.audit(fraud.balanced(), attempt=2)
    (path,) = fraud.execute("SELECT report FROM sluice.validations")[0]
    assert "run_1, try 2" in (fraud.reports / path).read_text()


def test_a_retry_of_the_audit_checks_again_and_records_once(fraud):
    made = fraud.balanced()
    for _retry in range(2):
        assert fraud.audit(made) == made
    assert fraud.execute("SELECT decision, rows, passed FROM sluice.validations") == [("publish", 191, 191)]
    (path,) = fraud.execute("SELECT report FROM sluice.validations")[0]
    assert "parents are real rows of train" in (fraud.reports / path).read_text()


def test_a_table_that_was_never_audited_is_not_published(fraud):
    made = unchanged(fraud.url, fraud.dataset, fraud.passed())
    with pytest.raises(FatalError, match="has 120 rows, its audit says none"):
        fraud.publish(made)


def test_a_table_that_was_swept_is_refused(fraud):
    made = Augmented(gated=fraud.passed(), table="fraud__gone", method="none", made=0, removed=0)
    for step in (fraud.audit, fraud.publish):
        with pytest.raises(FatalError, match=r"staging\.fraud__gone does not exist.*Fix: trigger a new run"):
            step(made)


def test_a_payment_copied_into_another_split_is_rejected_and_kept_with_the_judgement(fraud):
    dataset = fraud.dataset.model_copy(update={"text": ("reference",), "passthrough": ()})
    told = "a long story that no other payment tells, of a lamp that arrived on a Tuesday, in three pieces, unpaid"
    gated = fraud.passed()
    fraud.execute("UPDATE staging.passed SET reference = %s WHERE _id IN ('3', '8')", told)
    with pytest.raises(GateRejected, match=r"no text of reference is in two splits failed: 1 of 1 in 120 rows"):
        fraud.audit(balance(fraud.url, dataset, gated), dataset)
    ((evidence, report),) = fraud.execute("SELECT evidence -> 'leakage', report FROM sluice.validations")
    (text,) = [compared for compared in evidence["compared"] if compared["kind"] == "text"]
    assert (evidence["holds"], text["leaks"], text["examples"]) == (False, 1, [["8", "3"]])
    page = (fraud.reports / report).read_text()
    assert "Nothing of one split is in another" in page
    assert "8 = 3" in page
