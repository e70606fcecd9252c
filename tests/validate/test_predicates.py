"""The rows we call bad are those Great Expectations counts: same data, every type, every kind of missing value."""

import json

import pytest

from include.core.errors import FatalError
from include.validate.checkpoint import run_checkpoint
from include.validate.predicates import PREDICATES, bad_row_sql, refuse_untold
from include.validate.rows import judge
from include.validate.suite import Expectation, Suite, load_suite
from include.warehouse.connection import transaction

COLUMNS = ("id", "n", "m", "f", "s", "t", "at", "b", "Odd Name")
TABLE = """
CREATE TABLE staging.mixed (
    id int, n int, m int, f float8, s text, t text, at timestamptz, b boolean, "Odd Name" numeric(8, 2));
INSERT INTO staging.mixed VALUES
    (1, 1, 1, 0.5, 'abc', 'abc', '2026-01-01Z', true, 1.50),
    (2, 2, 1, 'NaN', 'abd', 'x', '2026-01-02Z', false, 1.5),
    (3, 2, 3, 'NaN', '', '', '2019-12-31Z', NULL, 0),
    (4, NULL, 4, 'Infinity', NULL, 'y', NULL, true, NULL),
    (5, 5, NULL, '-Infinity', 'ABC', NULL, 'infinity', true, -7.25),
    (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (6, 5, 5, -0.0, 'a%c', 'a_c', '2020-01-01Z', false, 7),
    (7, 5, NULL, 0.0, ' abc', 'ÅÂ', '2020-01-01Z', false, 7),
    (8, 0, -3, 1e300, 'it''s "q"', 'a\\c', '2024-02-29Z', true, 99999.99),
    (9, 1, 1, 3.5, '%s', '{}', '2026-01-01Z', true, 1);
"""
ADULT = {"type": "comparison", "column": {"name": "n"}, "operator": ">=", "parameter": 2}
KNOWN = {"type": "nullity", "column": {"name": "s"}, "is_null": False}
AMONG = {"type": "comparison", "column": {"name": "id"}, "operator": "IN", "parameter": [1, 2, 3, 6]}
NOT_AMONG = {"type": "comparison", "column": {"name": "n"}, "operator": "NOT_IN", "parameter": [5]}
BOTH = {"type": "and", "conditions": [ADULT, KNOWN]}
EITHER = {"type": "or", "conditions": [AMONG, {"type": "nullity", "column": {"name": "n"}, "is_null": True}]}
PAIR = {"column_A": "n", "column_B": "m"}
LIST = {"column_list": ["n", "m"]}
PAIR_IGNORES = ("both_values_are_missing", "either_value_is_missing", "neither")
LIST_IGNORES = ("all_values_are_missing", "any_value_is_missing", "never")

CASES = {
    "expect_column_values_to_not_be_null": [{"column": "n"}, {"column": "Odd Name"}, {"column": "s"}],
    "expect_column_values_to_be_null": [{"column": "n"}, {"column": "b"}],
    "expect_column_values_to_be_unique": [{"column": c} for c in COLUMNS],
    "expect_column_values_to_be_between": [
        {"column": "n", "min_value": 1},
        {"column": "n", "min_value": 1, "max_value": 5},
        {"column": "n", "min_value": 1, "max_value": 5, "strict_min": True, "strict_max": True},
        {"column": "f", "min_value": 0},
        {"column": "f", "min_value": 0, "strict_min": True},
        {"column": "f", "max_value": 3.5},
        {"column": "f", "max_value": 3.5, "strict_max": True},
        {"column": "Odd Name", "min_value": 1.5, "max_value": 7},
        {"column": "at", "min_value": "2020-01-01T00:00:00+00:00"},
        {"column": "at", "max_value": "2026-01-01T00:00:00+00:00", "strict_max": True},
    ],
    "expect_column_values_to_be_in_set": [
        {"column": "n", "value_set": [1, 2]},
        {"column": "n", "value_set": [1, None]},
        {"column": "n", "value_set": []},
        {"column": "s", "value_set": ["abc", "", "%s", 'it\'s "q"']},
        {"column": "f", "value_set": [0.5, 0]},
        {"column": "Odd Name", "value_set": [1.5, 7]},
        {"column": "b", "value_set": [True]},
    ],
    "expect_column_values_to_not_be_in_set": [
        {"column": "n", "value_set": [1, 2]},
        {"column": "n", "value_set": [1, None]},
        {"column": "n", "value_set": []},
        {"column": "s", "value_set": ["", "ABC"]},
    ],
    "expect_column_values_to_match_regex": [
        {"column": "s", "regex": "^a"},
        {"column": "s", "regex": "%s|^$"},
        {"column": "t", "regex": "[ÅÂ{}]"},
    ],
    "expect_column_values_to_not_match_regex": [
        {"column": "s", "regex": "c$"},
        {"column": "t", "regex": "[\ufffdÂ]"},
    ],
    "expect_column_values_to_match_regex_list": [
        {"column": "s", "regex_list": ["^a", "C"], "match_on": "any"},
        {"column": "s", "regex_list": ["^a", "c$"], "match_on": "all"},
        {"column": "s", "regex_list": ["^a", "C"]},
    ],
    "expect_column_values_to_not_match_regex_list": [{"column": "s", "regex_list": ["^a", "C"]}],
    "expect_column_values_to_match_like_pattern": [
        {"column": "s", "like_pattern": "a_c"},
        {"column": "s", "like_pattern": "a!%c", "escape": "!"},
    ],
    "expect_column_values_to_not_match_like_pattern": [
        {"column": "t", "like_pattern": "a!_c", "escape": "!"},
        {"column": "s", "like_pattern": "%b%"},
    ],
    "expect_column_values_to_match_like_pattern_list": [
        {"column": "s", "like_pattern_list": ["a%", "%c"], "match_on": "any"},
        {"column": "s", "like_pattern_list": ["a%", "%c"], "match_on": "all"},
    ],
    "expect_column_values_to_not_match_like_pattern_list": [{"column": "s", "like_pattern_list": ["a%", "%C"]}],
    "expect_column_value_lengths_to_be_between": [
        {"column": "s", "min_value": 1, "max_value": 3},
        {"column": "s", "max_value": 3, "strict_max": True},
        {"column": "t", "min_value": 1, "strict_min": True},
    ],
    "expect_column_value_lengths_to_equal": [{"column": "s", "value": 3}, {"column": "t", "value": 0}],
    "expect_column_pair_values_to_be_equal": [
        *({**PAIR, "ignore_row_if": ignored} for ignored in PAIR_IGNORES),
        {"column_A": "s", "column_B": "t"},
        PAIR,
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        *({**PAIR, "ignore_row_if": ignored} for ignored in PAIR_IGNORES),
        *({**PAIR, "or_equal": True, "ignore_row_if": ignored} for ignored in PAIR_IGNORES),
        {"column_A": "f", "column_B": "n"},
    ],
    "expect_column_pair_values_to_be_in_set": [
        *(
            {**PAIR, "value_pairs_set": [[1, 1], [5, None], [2, 3]], "ignore_row_if": ignored}
            for ignored in PAIR_IGNORES
        ),
        {"column_A": "s", "column_B": "t", "value_pairs_set": [["abc", "abc"], ["%s", "{}"]]},
    ],
    "expect_compound_columns_to_be_unique": [
        *({**LIST, "ignore_row_if": ignored} for ignored in LIST_IGNORES),
        {"column_list": ["at", "b"]},
        {"column_list": ["id", "f"]},
    ],
    "expect_select_column_values_to_be_unique_within_record": [
        *({**LIST, "ignore_row_if": ignored} for ignored in LIST_IGNORES),
        {"column_list": ["id", "n", "m"]},
    ],
    "expect_multicolumn_sum_to_equal": [
        *({**LIST, "sum_total": 2, "ignore_row_if": ignored} for ignored in LIST_IGNORES),
        {"column_list": ["n", "f"], "sum_total": 1.5},
    ],
    "expect_multicolumn_values_to_be_equal": [
        *({**LIST, "ignore_row_if": ignored} for ignored in LIST_IGNORES),
        {"column_list": ["id", "n", "m"]},
    ],
}
CONDITIONED = {
    "expect_column_values_to_not_be_null": {"column": "m"},
    "expect_column_values_to_be_unique": {"column": "at"},
    "expect_column_values_to_be_in_set": {"column": "s", "value_set": ["abc"]},
    "expect_column_pair_values_to_be_equal": PAIR,
    "expect_compound_columns_to_be_unique": {"column_list": ["at", "b"]},
    "expect_multicolumn_sum_to_equal": {**LIST, "sum_total": 2},
}


def entries():
    """All cases as a suite's entries, each under a name of its own."""
    cases = [(kind, kwargs) for kind, several in CASES.items() for kwargs in several]
    for condition in (ADULT, KNOWN, AMONG, NOT_AMONG, BOTH, EITHER):
        cases += [(kind, {**kwargs, "row_condition": condition}) for kind, kwargs in CONDITIONED.items()]
    cases.append(("expect_table_row_count_to_be_between", {"min_value": 1}))
    return [
        {"type": kind, "kwargs": kwargs, "meta": {"rule": f"{number}: {kind} {json.dumps(kwargs)}"}}
        for number, (kind, kwargs) in enumerate(cases)
    ]


def test_every_type_with_a_predicate_is_compared():
    assert set(CASES) == set(PREDICATES)


def test_our_bad_rows_are_as_many_as_great_expectations_counts(warehouse_url, tmp_path):
    (tmp_path / "mixed.json").write_text(json.dumps({"expectations": entries()}))
    suite = load_suite(tmp_path, "mixed", COLUMNS)
    rules = [e for e in suite.expectations if e.row_level]
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(TABLE)
    outcomes = run_checkpoint(warehouse_url, "staging", "mixed", suite, "r").outcomes
    with transaction(warehouse_url) as connection:
        verdict = judge(connection, "mixed", "bad", rules)
    counted = {o.rule: o.exception or o.unexpected for o in outcomes if o.row_level}
    assert {rule.rule: verdict.reasons.get(rule.rule, 0) for rule in rules} == counted
    assert verdict.rows == 10
    # The comparison means something: most rules find some rows, and not all of them.
    assert sum(0 < count < 10 for count in counted.values()) > len(counted) * 0.8


def expectation(kind, **kwargs):
    return Expectation("a rule", kind, kwargs, "critical", True, {})


def test_a_critical_rule_whose_rows_cannot_be_told_apart_is_refused():
    suite = Suite("s", (expectation("expect_column_value_z_scores_to_be_less_than", column="n"),), "h")
    with pytest.raises(
        FatalError, match=r"a rule \(expect_column_value_z_scores.*Fix: lower its severity to warning"
    ):
        refuse_untold(suite)


def test_a_row_condition_in_the_old_text_form_is_refused():
    old = expectation("expect_column_values_to_be_unique", column="n", row_condition='col("n") > 1')
    with pytest.raises(FatalError, match=r"The row_condition 'col.* is not a condition of type comparison"):
        bad_row_sql(old)


def test_values_of_a_suite_are_literals_never_sql(warehouse_url):
    rule = expectation(
        "expect_column_values_to_be_in_set", column="s", value_set=["x'); DROP TABLE staging.mixed; --"]
    )
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(TABLE)
        assert judge(connection, "mixed", "bad", [rule]).reasons == {"a rule": 8}
        assert judge(connection, "mixed", "bad", []).rows == 10
