"""What a suite proves of the key, so that it need not be sought again in the rows that passed."""

import pytest

from include.core.refs import Outcome
from include.validate.invariants import UNIQUE, key_is_unique
from include.validate.suite import Expectation, Suite

CONDITION = {"type": "nullity", "column": {"name": "b"}, "is_null": True}


def proven(kwargs, severity="critical", exception=None, kind=UNIQUE):
    suite = Suite("s", (Expectation("one", kind, kwargs, severity, True, {}),), "h", "")
    outcome = Outcome(
        rule="one", type=kind, column="id", severity=severity, row_level=True, success=False, exception=exception
    )  # fmt: skip
    return key_is_unique(suite, (outcome,), "id")


def test_a_critical_rule_that_the_key_is_unique_proves_it_whether_it_held_or_its_rows_were_rejected():
    assert proven({"column": "id"})


@pytest.mark.parametrize(
    "rule",
    [
        {"kwargs": {"column": "other"}},
        {"kwargs": {"column": "id", "mostly": 0.9}},
        {"kwargs": {"column": "id", "row_condition": CONDITION}},
        {"kwargs": {"column": "id"}, "severity": "warning"},
        {"kwargs": {"column": "id"}, "exception": "the server went away"},
        {"kwargs": {"column": "id"}, "kind": "expect_column_values_to_not_be_null"},
    ],
)
def test_any_other_rule_does_not(rule):
    assert not proven(**rule)
