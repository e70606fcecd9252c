"""What holds a run: each failed warning with what was expected, and rows that break it in a stable order."""

from datetime import UTC, datetime

import pytest

from include.core.refs import GateDecision, Outcome
from include.validate.doubts import doubts
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation

BETWEEN = "expect_column_values_to_be_between"
RULES = {
    "small": (BETWEEN, {"column": "n", "max_value": 3}),
    "pair": ("expect_column_pair_values_to_be_equal", {"column_A": "n", "column_B": "m"}),
    "outliers": ("expect_column_value_z_scores_to_be_less_than", {"column": "n", "threshold": 3}),
    "mean": ("expect_column_mean_to_be_between", {"column": "n", "max_value": 1}),
}
TABLE = """
CREATE TABLE staging.passed AS SELECT 'k' || n AS _id, n, CASE WHEN n = 2 THEN NULL ELSE n END AS m
FROM generate_series(1, 12) AS n
"""


def outcome(rule, *, severity="warning", success=False, row_level=True, exception=None):
    return Outcome(
        rule=rule, type="t", column="n", severity=severity, row_level=row_level, success=success, unexpected=9,
        exception=exception,
    )  # fmt: skip


@pytest.fixture
def found(warehouse_url):
    """Asks for the doubts of these outcomes; the suite still has the hash it was judged under, or another."""
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(TABLE)

    def ask(*outcomes, suite_hash="s"):
        judged = Validation(
            run="r", dataset="pay", stage="gate", decision=GateDecision(decision="hold"), rows=12, passed=12,
            quarantined=0, reasons={}, outcomes=outcomes, batches={}, suite_hash="s", report="",
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        with transaction(warehouse_url) as connection:
            return [
                (d.outcome.rule, d.expected, d.sample)
                for d in doubts(connection, judged, "passed", (suite_hash, RULES))
            ]

    return ask


def test_a_rule_of_rows_shows_the_first_three_by_id_with_the_columns_that_it_reads(found):
    assert found(outcome("small"), outcome("pair")) == [
        ("small", "max_value 3", {"k10": {"n": "10"}, "k11": {"n": "11"}, "k12": {"n": "12"}}),
        ("pair", "", {"k2": {"n": "2", "m": None}}),
    ]


def test_a_rule_of_the_table_and_one_without_a_predicate_show_no_rows(found):
    assert found(outcome("mean", row_level=False), outcome("outliers")) == [
        ("mean", "max_value 1", {}),
        ("outliers", "threshold 3", {}),
    ]


def test_only_a_warning_that_failed_is_a_doubt(found):
    others = (
        outcome("small", success=True), outcome("small", severity="info"), outcome("small", severity="critical"),
        outcome("small", exception="broke"),
    )  # fmt: skip
    assert found(*others) == []


def test_of_another_suite_and_of_rules_that_no_suite_has_only_the_outcome_is_told(found):
    assert found(outcome("small"), suite_hash="another") == [("small", "", {})]
    assert found(outcome("drift of n", row_level=False)) == [("drift of n", "", {})]
