"""Judging a candidate: each row passes or is quarantined, each decision is on record, a retry changes nothing."""

import pytest

from include.core.errors import FatalError, GateRejected
from include.specs import Drift, GatePolicy
from include.warehouse.connection import transaction
from include.warehouse.staging import sweep
from include.warehouse.summaries import kept
from include.warehouse.versions import begin, publish
from tests.pipeline.judging import AT, PAYMENTS, RULES, candidate, judged, query


def row(id_, amount, method, fraud):
    return {"id": id_, "amount": amount, "method": method, "fraud": fraud}


def test_good_rows_pass_with_id_and_split_and_bad_rows_are_quarantined_with_every_reason(warehouse_url, tmp_path):
    gated = judged(warehouse_url, tmp_path, candidate(warehouse_url))
    assert (gated.passed, gated.quarantined, gated.decision.decision) == (8, 5, "publish")
    assert gated.reasons == {"amount_positive": 2, "id_unique": 2, "method": 2}
    assert gated.decision.warnings == ("amount_there failed in 1 row",)
    assert query(warehouse_url, f'SELECT id, _id, fraud FROM staging."{gated.table}" ORDER BY 1') == [
        (id_, str(id_), int(id_ in {2, 5})) for id_ in (1, 2, 5, 6, 10, 11, 12, 13)
    ]
    found = query(
        warehouse_url, "SELECT run, row_number, key, row, reasons FROM quarantine.pay ORDER BY row_number"
    )
    assert found == [
        ("manual__1", 1, "3", row(3, -5, "card", 0), ["amount_positive"]),
        ("manual__1", 2, "4", row(4, 30, "<b>shell</b>", 0), ["method"]),
        ("manual__1", 3, "7", row(7, -1, "shell", 0), ["amount_positive", "method"]),
        ("manual__1", 4, "8", row(8, 50, "card", 1), ["id_unique"]),
        ("manual__1", 5, "8", row(8, 60, "card", 1), ["id_unique"]),
    ]
    assert query(warehouse_url, "SELECT DISTINCT suite_hash, batches, quarantined_at FROM quarantine.pay") == [
        (gated.suite_hash, {"shop": 3}, AT)
    ]


def test_every_seed_puts_a_row_in_the_same_split(warehouse_url, tmp_path):
    splits = []
    for seed in (7, 8, 9):
        found = candidate(warehouse_url, run=f"seed__{seed}")
        gated = judged(warehouse_url, tmp_path, found, PAYMENTS.model_copy(update={"seed": seed}))
        splits.append(dict(query(warehouse_url, f'SELECT _id, _split FROM staging."{gated.table}"')))
    assert len(set(splits[0].values())) > 1
    assert splits[0] == splits[1] == splits[2]


def test_the_decision_is_on_record_with_every_outcome(warehouse_url, tmp_path):
    gated = judged(warehouse_url, tmp_path, candidate(warehouse_url))
    ((found, outcomes),) = query(
        warehouse_url,
        "SELECT jsonb_build_array(run, dataset, stage, decision, rows, passed, quarantined, reasons, batches,"
        " suite_hash, report, refusals, warnings), outcomes FROM sluice.validations",
    )
    assert found == [
        "manual__1", "pay", "gate", "publish", 13, 8, 5, gated.reasons, {"shop": 3}, gated.suite_hash,
        "pay/manual_1_19b04f56/gate.html", [], ["amount_there failed in 1 row"],
    ]  # fmt: skip
    assert [(o["rule"], o["severity"], o["success"], o["unexpected"]) for o in outcomes] == [
        ("enough", "critical", True, None),
        ("id_unique", "critical", False, 2),
        ("amount_positive", "critical", False, 2),
        ("method", "critical", False, 2),
        ("amount_there", "warning", False, 1),
        ("mean", "info", False, None),
        ("key identifies every row", "critical", True, None),
        ("every row has a label", "critical", True, None),
        ("two classes or more", "critical", True, None),
    ]


def test_the_report_names_the_run_and_the_try_that_decided(warehouse_url, tmp_path):
    found = judged(warehouse_url, tmp_path, candidate(warehouse_url), attempt=2)
    assert "manual__1, try 2" in (tmp_path / "reports" / found.report).read_text()


def test_a_second_call_with_the_same_run_decides_nothing_anew(warehouse_url, tmp_path):
    found = candidate(warehouse_url)
    first = judged(warehouse_url, tmp_path, found)
    assert judged(warehouse_url, tmp_path, found) == first
    rows = query(warehouse_url, f'SELECT * FROM staging."{first.table}" ORDER BY id')
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(f'DROP TABLE staging."{first.table}"')
    assert judged(warehouse_url, tmp_path, found) == first
    assert query(warehouse_url, f'SELECT * FROM staging."{first.table}" ORDER BY id') == rows
    assert query(warehouse_url, "SELECT count(*) FROM quarantine.pay") == [(5,)]
    assert staging(warehouse_url) == [found.table, first.table]


def staging(warehouse_url):
    return [
        n
        for (n,) in query(warehouse_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'staging' ORDER BY 1")
    ]


def test_too_many_bad_rows_reject_the_run_and_are_quarantined_all_the_same(warehouse_url, tmp_path):
    strict, found = PAYMENTS.model_copy(update={"gate": GatePolicy(max_rejected=0.1)}), candidate(warehouse_url)
    for _try in range(2):
        with pytest.raises(GateRejected) as rejection:
            judged(warehouse_url, tmp_path, found, strict, report_url="https://here/reports/")
        assert str(rejection.value) == (
            "The gate rejected pay (13 rows, 5 bad): 5 of 13 rows are bad (38.46%, 10.00% are allowed):"
            " id_unique 2, amount_positive 2, method 2."
            " Report: https://here/reports/pay/manual_1_19b04f56/gate.html. Fix: mend the data at its source,"
            " or a suite or max_rejected that asks too much, and trigger a new run."
        )
    assert query(warehouse_url, "SELECT decision, passed, quarantined FROM sluice.validations") == [
        ("reject", 8, 5)
    ]
    assert query(warehouse_url, "SELECT count(*) FROM quarantine.pay") == [(5,)]
    assert staging(warehouse_url) == [found.table]
    assert (
        "Rejected: the published version stays"
        in (tmp_path / "reports/pay/manual_1_19b04f56/gate.html").read_text()
    )


@pytest.mark.parametrize(
    ("rows", "rule", "says"),
    [
        ("", None, "the candidate is empty"),
        ("(1, 1, 'card', 0)", None, "enough failed: observed 1"),
        ("(1, 1, 'card', 0), (2, 1, 'card', 0)", None, "two classes or more failed: observed 1 in fraud: 0"),
        (
            "(1, 1, 'card', 0), (2, 1, 'card', NULL)",
            None,
            "1 passed rows have no fraud; a critical expectation on it",
        ),
        ("(1, 1, 'card', 0), (NULL, 1, 'card', 1)", None, "1 passed rows have no id, 0 repeat one"),
        (
            "(1, 1, 'card', 0), (2, 1, 'card', 1)",
            ("expect_column_values_to_match_regex", {"column": "method", "regex": "(["}, "info", "odd"),
            "odd could not be judged: (psycopg2.errors.InvalidRegularExpression)",
        ),
        (
            "(1, 1, 'card', 0), (2, 1, 'card', 1)",
            ("expect_column_max_to_be_between", {"column": "amount", "min_value": 2}, "critical", "max"),
            "max failed: observed 1",
        ),
        ("(1, -1, 'card', 0), (2, -1, 'card', 1)", None, "2 of 2 rows are bad (100.00%, 40.00% are allowed)"),
    ],
)
def test_what_rejects_a_candidate(warehouse_url, tmp_path, rows, rule, says):
    with pytest.raises(GateRejected) as rejection:
        judged(warehouse_url, tmp_path, candidate(warehouse_url, rows), rules=RULES + ((rule,) if rule else ()))
    assert says in str(rejection.value)
    assert query(warehouse_url, "SELECT decision FROM sluice.validations") == [("reject",)]


def test_a_rule_with_mostly_tolerates_its_bad_rows_until_it_fails(warehouse_url, tmp_path):
    def rules(mostly):
        kwargs = {"column": "method", "value_set": ["card", "cash"], "mostly": mostly}
        return (RULES[0], RULES[1], ("expect_column_values_to_be_in_set", kwargs, "critical", "method"))

    tolerant = judged(warehouse_url, tmp_path, candidate(warehouse_url, run="r1"), rules=rules(0.8))
    assert (tolerant.passed, tolerant.reasons) == (11, {"id_unique": 2})
    strict = judged(warehouse_url, tmp_path, candidate(warehouse_url, run="r2"), rules=rules(0.9))
    assert (strict.passed, strict.reasons) == (9, {"id_unique": 2, "method": 2})


def test_a_run_is_not_judged_again_on_other_data_or_by_another_suite(warehouse_url, tmp_path):
    found = candidate(warehouse_url)
    judged(warehouse_url, tmp_path, found)
    with pytest.raises(FatalError, match=r"has been judged before: 13 rows of batches .* then.*trigger a new run"):
        judged(warehouse_url, tmp_path, found.model_copy(update={"batches": {"shop": 4}}))
    with pytest.raises(FatalError, match="by a suite that has changed since"):
        judged(warehouse_url, tmp_path, found, rules=RULES[:-1])


def test_a_swept_candidate_is_a_clear_error(warehouse_url, tmp_path):
    found = candidate(warehouse_url)
    sweep(warehouse_url, "pay")
    with pytest.raises(FatalError, match=r"The candidate staging\.pay__manual_1_\w+ is gone\. Fix: clear the run"):
        judged(warehouse_url, tmp_path, found)


def test_a_count_that_disagrees_with_great_expectations_is_never_published(warehouse_url, tmp_path):
    found = candidate(warehouse_url)
    with pytest.raises(FatalError, match="12 were built, 8 passed, 5 were rejected"):
        judged(warehouse_url, tmp_path, found.model_copy(update={"rows": 12}))
    assert query(warehouse_url, "SELECT count(*) FROM sluice.validations") == [(0,)]


def test_nothing_is_recorded_when_the_report_cannot_be_written(warehouse_url, tmp_path):
    (tmp_path / "reports").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="reports"):
        judged(warehouse_url, tmp_path, candidate(warehouse_url))
    assert query(warehouse_url, "SELECT to_regclass('quarantine.pay'), count(*) FROM sluice.validations") == [
        (None, 0)
    ]


def test_drift_from_the_published_version_is_told_on_record_and_on_the_page(warehouse_url, tmp_path):
    watched = PAYMENTS.model_copy(update={"drift": Drift(severity="warning")})

    def rows(first, last, more):
        return ", ".join(f"({n}, {n % 90 + more}, 'card', {n % 2})" for n in range(first, last))

    before = judged(warehouse_url, tmp_path, candidate(warehouse_url, rows(1, 600, 0), "r1"), watched)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        begin(cursor, "made", before.table, watched.columns)
        publish(connection, "pay", "made", "f", {"run": "r1", "sources": []}, AT)
    after = judged(warehouse_url, tmp_path, candidate(warehouse_url, rows(1, 900, 0), "r2"), watched)
    assert after.decision.warnings == ()
    shifted = f"{rows(1, 600, 0)}, {rows(600, 900, 40)}"
    found = judged(warehouse_url, tmp_path, candidate(warehouse_url, shifted, "r3"), watched)
    (warning,) = found.decision.warnings
    assert warning.startswith("amount as published failed: observed new rows: PSI ")
    (drift,) = query(
        warehouse_url, "SELECT evidence -> 'drift' FROM sluice.validations WHERE run = 'r3' AND stage = 'gate'"
    )[0]
    assert drift["rows"] == {"published": 599, "new": 300, "known": 599, "gone": 0}
    assert [name for name, both in drift["columns"].items() if both["new"]["drifted"]] == ["amount"]
    assert "Drift against version 1" in (tmp_path / "reports" / found.report).read_text()
    with transaction(warehouse_url) as connection:
        assert {name: s.rows for name, s in kept(connection, "pay", "r3").items()} == {
            "amount": 899, "method": 899, "fraud": 899,
        }  # fmt: skip
    strict = PAYMENTS.model_copy(update={"drift": Drift(severity="critical")})
    with pytest.raises(GateRejected, match="amount as published failed"):
        judged(warehouse_url, tmp_path, candidate(warehouse_url, shifted, "r4"), strict)
    with transaction(warehouse_url) as connection:
        assert kept(connection, "pay", "r4") == {}
