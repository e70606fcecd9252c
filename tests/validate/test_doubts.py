"""What holds a run: each failed warning with what was expected, and rows that break it in a stable order."""

import json
from datetime import UTC, datetime
from functools import partial

import pytest

from include.core.refs import GateDecision, Outcome
from include.validate.doubts import doubts
from include.validate.suite import load_suite, stored
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation

LARGE = {"type": "comparison", "column": {"name": "n"}, "operator": ">", "parameter": 11}
RULES = {
    "enough": ("expect_table_row_count_to_be_between", {"min_value": 1}),
    "small": ("expect_column_values_to_be_between", {"column": "n", "max_value": 3}),
    "pair": ("expect_column_pair_values_to_be_equal", {"column_A": "n", "column_B": "m"}),
    "once": ("expect_column_values_to_be_unique", {"column": "m"}),
    "late": ("expect_column_values_to_be_between", {"column": "day", "max_value": "2026-01-11"}),
    "large small": ("expect_column_values_to_be_between", {"column": "n", "max_value": 3, "row_condition": LARGE}),
    "mean": ("expect_column_mean_to_be_between", {"column": "n", "max_value": 1}),
}
TABLE = """
CREATE TABLE staging.passed AS SELECT 'k' || n AS _id, n, CASE WHEN n = 2 THEN 5 ELSE n END AS m,
    '2026-01-01'::date + n AS day FROM generate_series(1, 12) AS n
"""


def outcome(rule, *, severity="warning", success=False, row_level=True, exception=None):
    return Outcome(
        rule=rule, type="t", column="n", severity=severity, row_level=row_level, success=success, unexpected=9,
        exception=exception,
    )  # fmt: skip


@pytest.fixture
def found(warehouse_url, tmp_path):
    """Asks for the doubts of these outcomes, by the suite as it was when they were judged, or changed since."""
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(TABLE)
    entries = [
        {"type": kind, "kwargs": kwargs, "meta": {"rule": rule},
         "severity": "critical" if rule == "enough" else "warning"}
        for rule, (kind, kwargs) in RULES.items()
    ]  # fmt: skip
    (tmp_path / "pay.json").write_text(json.dumps({"expectations": entries}))
    suite = stored(tmp_path, "pay")

    def ask(*outcomes, changed=False):
        judged = Validation(
            run="r", dataset="pay", stage="gate", decision=GateDecision(decision="hold"), rows=12, passed=12,
            quarantined=0, reasons={}, outcomes=outcomes, batches={}, suite_hash="other" if changed else suite[0],
            report="", at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        load = partial(load_suite, tmp_path, "pay", ("n", "m", "day"))
        with transaction(warehouse_url) as connection:
            return [
                (d.outcome.rule, d.expected, d.sample) for d in doubts(connection, judged, "passed", suite, load)
            ]

    return ask


def test_a_rule_of_rows_shows_the_first_three_by_id_with_the_columns_that_it_reads(found):
    assert found(outcome("small"), outcome("pair"), outcome("once"), outcome("late")) == [
        ("small", "max_value 3", {"k10": {"n": "10"}, "k11": {"n": "11"}, "k12": {"n": "12"}}),
        ("pair", "", {"k2": {"n": "2", "m": "5"}}),
        ("once", "", {"k2": {"m": "5"}, "k5": {"m": "5"}}),
        ("late", "max_value 2026-01-11", {"k11": {"day": "2026-01-12"}, "k12": {"day": "2026-01-13"}}),
    ]


def test_only_rows_that_a_rule_speaks_of_are_shown(found):
    ((rule, expected, sample),) = found(outcome("large small"))
    assert (rule, sample) == ("large small", {"k12": {"n": "12"}})
    assert "row_condition" in expected


def test_a_rule_of_the_table_shows_no_rows(found):
    assert found(outcome("mean", row_level=False)) == [("mean", "max_value 1", {})]


def test_only_a_warning_that_failed_is_a_doubt(found):
    others = (
        outcome("small", success=True), outcome("small", severity="info"), outcome("small", severity="critical"),
        outcome("small", exception="broke"),
    )  # fmt: skip
    assert found(*others) == []


def test_of_another_suite_and_of_rules_that_no_suite_has_only_the_outcome_is_told(found):
    assert found(outcome("small"), changed=True) == [("small", "", {})]
    assert found(outcome("drift of n", row_level=False)) == [("drift of n", "", {})]
