"""Rows of every type and every kind of missing value, and rules of every kind on them."""

import json

COLUMNS = (
    "id", "n", "m", "f", "s", "t", "at", "b", "Odd Name", "day", "moment", "code", "big", "same", "none", "x", "r",
)  # fmt: skip
TABLE = """
CREATE TABLE staging.mixed (
    id int, n int, m int, f float8, s text, t text, at timestamptz, b boolean, "Odd Name" numeric(8, 2),
    day date, moment timestamp, code char(4), big bigint, same int, none text, x float8, r real);
INSERT INTO staging.mixed VALUES
    (1, 1, 1, 0.5, 'abc', 'abc', '2026-01-01Z', true, 1.50, '2026-01-01', '2026-01-01', 'a', 1, 7, NULL, 1),
    (2, 2, 1, 'NaN', 'abd', 'x', '2026-01-02Z', false, 1.5, '2026-01-02', '2026-01-01 12:00', 'a ', 2, 7, NULL, 2),
    (3, 2, 3, 'NaN', '', '', '2019-12-31Z', NULL, 0, '2019-12-31', 'infinity', 'abcd', 2, 7, NULL, 2.25),
    (4, NULL, 4, 'Infinity', NULL, 'y', NULL, true, NULL, NULL, NULL, NULL, NULL, 7, NULL, NULL),
    (5, 5, NULL, '-Infinity', 'ABC', NULL, 'infinity', true, -7.25, 'infinity', '-infinity', '', 3, 7, NULL, 3),
    (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (6, 5, 5, -0.0, 'a%c', 'a_c', '2020-01-01Z', false, 7, '2020-02-29', '2020-01-01', 'ABCD', 4, 7, NULL, 1e3),
    (7, 5, NULL, 0.0, ' abc', 'ÅÂ', '2020-01-01Z', false, 7, '2020-01-01', '2020-01-01', 'ab d', 5, 7, NULL, -1e3),
    (8, 0, -3, 1e300, 'it''s "q"', 'a\\c', '2024-02-29Z', true, 99999.99, '2024-02-29', '1999-12-31', E'\\\\',
     9e18, 7, NULL, 2.5),
    (9, 1, 1, 3.5, '%s', '{}', '2026-01-01Z', true, 1, '2026-01-01', '2026-01-01', 'abcd', 6, 7, NULL, 0.1),
    (10, 1000, 1, 0.1, E'a\nb', E'\t', '2026-03-01Z', true, 1, '2026-01-03', '2026-01-01', 'x', 7, 7, NULL, 0.3),
    (11, -1, 1, 0.3, 'Abc', '', '2026-03-01Z', NULL, 0.10, '2026-01-03', '2026-01-01', 'x', 8, 7, NULL, 0.2);
UPDATE staging.mixed SET r = CASE id
    WHEN 1 THEN 16777216::real WHEN 2 THEN 16777218 WHEN 3 THEN 'NaN' WHEN 4 THEN 1 END;
"""
ROWS = 12
ADULT = {"type": "comparison", "column": {"name": "n"}, "operator": ">=", "parameter": 2}
KNOWN = {"type": "nullity", "column": {"name": "s"}, "is_null": False}
AMONG = {"type": "comparison", "column": {"name": "id"}, "operator": "IN", "parameter": [1, 2, 3, 6]}
NOT_AMONG = {"type": "comparison", "column": {"name": "n"}, "operator": "NOT_IN", "parameter": [5]}
OLD = (
    'col("n") >= 2',
    'col("n")==-1',
    'col("s").notnull()',
    'col("s") != "abc"',
    'col("day") < date("2026-01-02")',
)
PARSERS = ("great_expectations", "great_expectations__experimental__")
SIZED = [
    {"type": "comparison", "column": {"name": "x"}, "operator": o, "parameter": 2.25} for o in ("<", "!=", ">")
]
BOTH = {"type": "and", "conditions": [ADULT, KNOWN]}
EITHER = {"type": "or", "conditions": [AMONG, {"type": "nullity", "column": {"name": "n"}, "is_null": True}]}
PAIR = {"column_A": "n", "column_B": "m"}
ONE = {"type": "comparison", "column": {"name": "id"}, "operator": "==", "parameter": 5}
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
        # 16,777,217 is no float of four bytes.
        {"column": "r", "min_value": 16_777_217},
        {"column": "r", "max_value": 16_777_216},
        {"column": "n", "min_value": 1.5},
        {"column": "f", "min_value": 0},
        {"column": "f", "min_value": 0, "strict_min": True},
        {"column": "f", "max_value": 3.5},
        {"column": "f", "max_value": 3.5, "strict_max": True},
        {"column": "Odd Name", "min_value": 1.5, "max_value": 7},
        {"column": "at", "min_value": "2020-01-01T00:00:00+00:00"},
        {"column": "at", "max_value": "2026-01-01T00:00:00+00:00", "strict_max": True},
        {"column": "at", "min_value": "2020-01-01", "max_value": "2026-01-01"},
        {"column": "at", "min_value": "2020-01-01T01:00:00+01:00", "strict_min": True},
        {"column": "moment", "max_value": "2026-01-01T01:00:00+01:00"},
        {"column": "moment", "max_value": "2026-01-01T00:00:00+01:00"},
        {"column": "day", "max_value": "2026-01-01T12:00:00", "strict_max": True},
        {"column": "day", "min_value": "2026-01-01T12:00:00Z"},
        {"column": "day", "min_value": "2020-01-01", "max_value": "2026-01-01", "strict_max": True},
        {"column": "moment", "min_value": "2020-01-01", "strict_min": True},
        {"column": "big", "max_value": 1e15},
        {"column": "x", "min_value": 0.1, "max_value": 2.25},
        {"column": "n", "min_value": 1.5, "mostly": 0.1},
        {"column": "same", "min_value": 7, "max_value": 7},
    ],
    "expect_column_values_to_be_in_set": [
        {"column": "n", "value_set": [1, 2]},
        {"column": "n", "value_set": [1, None]},
        {"column": "n", "value_set": []},
        {"column": "s", "value_set": ["abc", "", "%s", 'it\'s "q"']},
        {"column": "f", "value_set": [0.5, 0]},
        {"column": "Odd Name", "value_set": [1.5, 7]},
        {"column": "b", "value_set": [True]},
        {"column": "day", "value_set": ["2026-01-01", "2020-02-29"]},
        {"column": "at", "value_set": ["2026-01-01T01:00:00+01:00"]},
        {"column": "moment", "value_set": ["2026-01-01T01:00:00+01:00"]},
        {"column": "day", "value_set": ["2026-01-01T12:00:00", "2020-02-29T00:00:00"]},
        {"column": "code", "value_set": ["a", "abcd"]},
        {"column": "code", "value_set": ["2026-01-01", "abcd"]},
        {"column": "x", "value_set": [0.1, 0.30000000000000004]},
        {"column": "none", "value_set": ["a"]},
        {"column": "s", "value_set": ["abc"], "mostly": 0.05},
    ],
    "expect_column_values_to_not_be_in_set": [
        {"column": "n", "value_set": [1, 2]},
        {"column": "n", "value_set": [1, None]},
        {"column": "n", "value_set": []},
        {"column": "s", "value_set": ["", "ABC"]},
        {"column": "moment", "value_set": ["2026-01-01 00:00:00"]},
    ],
    "expect_column_values_to_match_regex": [
        {"column": "s", "regex": "^a"},
        {"column": "s", "regex": "%s|^$"},
        {"column": "t", "regex": "[ÅÂ{}]"},
        {"column": "t", "regex": "a\\\\c"},
        {"column": "s", "regex": "(?i)^abc$"},
        {"column": "s", "regex": "^[[:alpha:]]+$"},
        {"column": "s", "regex": ""},
        {"column": "code", "regex": "^.{4}$"},
        {"column": "none", "regex": "a"},
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
        {"column": "t", "like_pattern": "a\\\\c"},
        {"column": "t", "like_pattern": "a\\_c", "escape": "\\"},
        {"column": "t", "like_pattern": "a\\_c"},
        {"column": "code", "like_pattern": "a%d"},
        {"column": "s", "like_pattern": ""},
    ],
    "expect_column_values_to_not_match_like_pattern": [
        {"column": "t", "like_pattern": "a!_c", "escape": "!"},
        {"column": "s", "like_pattern": "%b%"},
    ],
    "expect_column_values_to_match_like_pattern_list": [
        {"column": "s", "like_pattern_list": ["a%", "%c"], "match_on": "any"},
        {"column": "s", "like_pattern_list": ["a%", "%c"], "match_on": "all"},
        {"column": "s", "like_pattern_list": ["a!%%", "A%"], "escape": "!"},
    ],
    "expect_column_values_to_not_match_like_pattern_list": [
        {"column": "s", "like_pattern_list": ["a%", "%C"]},
        {"column": "t", "like_pattern_list": ["a!_c", "x"], "escape": "!"},
    ],
    "expect_column_values_to_not_be_outliers": [
        {"column": "x"},
        {"column": "x", "multiplier": 0},
        {"column": "x", "method": "std", "multiplier": 2},
        {"column": "n"},
        {"column": "n", "method": "std", "multiplier": 1.0, "mostly": 0.5},
        {"column": "Odd Name", "multiplier": 0.25},
        {"column": "Odd Name", "method": "std", "multiplier": 0.1},
        {"column": "same"},
        {"column": "same", "method": "std"},
        *({"column": "f", "method": method} for method in ("iqr", "std")),
        {"column": "big", "multiplier": 0.5},
        *({"column": "n", "row_condition": ONE, "method": method} for method in ("iqr", "std")),
    ],
    "expect_column_value_z_scores_to_be_less_than": [
        *({"column": "x", "threshold": 1, "double_sided": both} for both in (True, False)),
        {"column": "x", "threshold": -2, "double_sided": True},
        {"column": "n", "threshold": 0.25, "double_sided": True},
        {"column": "Odd Name", "threshold": 0, "double_sided": False},
        {"column": "same", "threshold": 1, "double_sided": True},
        {"column": "f", "threshold": 1, "double_sided": True},
        {"column": "big", "threshold": 1, "double_sided": True},
        {"column": "n", "threshold": 0.1, "double_sided": True, "row_condition": ADULT},
        {"column": "n", "threshold": 0.1, "double_sided": True, "row_condition": ONE},
    ],
    "expect_column_value_lengths_to_be_between": [
        {"column": "s", "min_value": 1, "max_value": 3},
        {"column": "s", "max_value": 3, "strict_max": True},
        {"column": "t", "min_value": 1, "strict_min": True},
    ],
    "expect_column_value_lengths_to_equal": [{"column": "s", "value": 3}, {"column": "t", "value": 0}],
    "expect_column_pair_values_to_be_equal": [
        *({**PAIR, "ignore_row_if": ignored} for ignored in PAIR_IGNORES),
        {"column_A": "s", "column_B": "t"},
        {"column_A": "f", "column_B": "f"},
        {"column_A": "day", "column_B": "moment"},
        PAIR,
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        *({**PAIR, "ignore_row_if": ignored} for ignored in PAIR_IGNORES),
        *({**PAIR, "or_equal": True, "ignore_row_if": ignored} for ignored in PAIR_IGNORES),
        {"column_A": "f", "column_B": "n"},
        {"column_A": "at", "column_B": "day", "or_equal": True},
        {"column_A": "s", "column_B": "t"},
    ],
    "expect_column_pair_values_to_be_in_set": [
        *(
            {**PAIR, "value_pairs_set": [[1, 1], [5, None], [2, 3]], "ignore_row_if": ignored}
            for ignored in PAIR_IGNORES
        ),
        {"column_A": "s", "column_B": "t", "value_pairs_set": [["abc", "abc"], ["%s", "{}"]]},
        {"column_A": "day", "column_B": "n", "value_pairs_set": [["2026-01-01", 1], ["2026-01-03", 1000]]},
        {"column_A": "moment", "column_B": "n", "value_pairs_set": [["2026-01-01T01:00:00+01:00", 1]]},
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
        {"column_list": ["f", "x"], "sum_total": 0.4},
        {"column_list": ["Odd Name", "n"], "sum_total": 2.5},
    ],
    "expect_multicolumn_values_to_be_equal": [
        *({**LIST, "ignore_row_if": ignored} for ignored in LIST_IGNORES),
        {"column_list": ["id", "n", "m"]},
        {"column_list": ["f", "x"]},
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
    conditions = [{"row_condition": given} for given in (ADULT, KNOWN, AMONG, NOT_AMONG, BOTH, EITHER, *SIZED)]
    conditions += [{"row_condition": text, "condition_parser": parser} for text in OLD for parser in PARSERS]
    for condition in conditions:
        cases += [(kind, {**kwargs, **condition}) for kind, kwargs in CONDITIONED.items()]
    cases.append(("expect_table_row_count_to_be_between", {"min_value": 1}))
    return [
        {"type": kind, "kwargs": kwargs, "meta": {"rule": f"{number}: {kind} {json.dumps(kwargs)}"}}
        for number, (kind, kwargs) in enumerate(cases)
    ]
