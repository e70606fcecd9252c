"""Reading a suite: what would make it judge less than it says is refused, with the fix."""

import json

import pytest

from include.core.errors import FatalError
from include.validate.suite import load_suite, stored

COUNT = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "severity": "critical"}
COLUMNS = ("id", "amount", "total")


def suite(folder, *entries):
    (folder / "pay.json").write_text(json.dumps({"name": "pay", "expectations": list(entries)}))
    return load_suite(folder, "pay", COLUMNS)


def entry(kind, severity="critical", meta=None, **kwargs):
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": meta or {}}


def test_rules_are_named_by_column_and_type_unless_they_have_a_name_of_their_own(tmp_path):
    loaded = suite(
        tmp_path,
        COUNT,
        entry("expect_column_values_to_not_be_null", column="id"),
        entry("expect_column_values_to_be_unique", column="id", meta={"rule": "one row a payment"}),
        entry("expect_column_pair_values_to_be_equal", column_A="amount", column_B="total"),
        entry("expect_column_mean_to_be_between", "warning", column="amount", min_value=1),
        entry("expect_column_values_to_be_of_type", "info", column="id", type_="INTEGER"),
    )
    assert [(e.rule, e.row_level, e.severity, e.columns) for e in loaded.expectations] == [
        ("table_row_count_to_be_between", False, "critical", ()),
        ("id: not_be_null", True, "critical", ("id",)),
        ("one row a payment", True, "critical", ("id",)),
        ("amount, total: pair_values_to_be_equal", True, "critical", ("amount", "total")),
        ("amount: mean_to_be_between", False, "warning", ("amount",)),
        ("id: be_of_type", False, "info", ("id",)),
    ]


def test_a_rule_measures_the_dimension_that_it_names_or_the_one_that_its_type_tells(tmp_path):
    loaded = suite(
        tmp_path,
        COUNT,
        entry("expect_column_values_to_not_be_null", column="id"),
        entry("expect_column_proportion_of_unique_values_to_be_between", column="id", min_value=0.5),
        entry("expect_column_pair_values_to_be_equal", column_A="amount", column_B="total"),
        entry("expect_column_mean_to_be_between", column="amount", min_value=1),
        entry("expect_column_values_to_be_in_set", column="amount", value_set=[1]),
        entry("expect_column_max_to_be_between", column="amount", min_value=1, meta={"dimension": "timeliness"}),
    )
    assert [e.dimension for e in loaded.expectations] == [
        "completeness", "completeness", "uniqueness", "consistency", "accuracy", "validity", "timeliness",
    ]  # fmt: skip


def test_a_suite_that_has_judged_is_read_as_it_lies_there_with_the_same_hash_and_names(tmp_path):
    loaded = suite(tmp_path, COUNT, entry("expect_column_mean_to_be_between", "warning", column="id", min_value=1))
    assert stored(tmp_path, "pay") == (
        loaded.hash, {e.rule: e.kwargs for e in loaded.expectations}
    )  # fmt: skip


def test_the_hash_follows_the_content_and_not_the_layout(tmp_path):
    first = suite(tmp_path, COUNT).hash
    (tmp_path / "pay.json").write_text(json.dumps({"expectations": [COUNT], "notes": "x"}, indent=4))
    assert load_suite(tmp_path, "pay", COLUMNS).hash == first
    assert suite(tmp_path, COUNT | {"kwargs": {"min_value": 2}}).hash != first


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "no critical expect_table_row_count_to_be_between"),
        ([COUNT | {"severity": "warning"}], "no critical expect_table_row_count_to_be_between"),
        ([COUNT | {"kwargs": {"max_value": 9}}], "min_value of at least 1"),
        ([COUNT | {"severity": "fatal"}], "unknown severity 'fatal'. Fix: use critical, warning, info"),
        (
            [COUNT | {"meta": {"dimension": "beauty"}}],
            "unknown dimension 'beauty'. Fix: use completeness, accuracy, consistency",
        ),
        (
            [COUNT, entry("expect_column_values_to_be_nice", column="id")],
            "to_be_nice, which Great Expectations does",
        ),
        (
            [COUNT, entry("expect_column_values_to_be_unique", column="idd")],
            "column idd. Fix: use one of id, amount,",
        ),
        (
            [COUNT, entry("expect_column_pair_values_to_be_equal", column_A="id", column_B="sum")],
            "names the unknown column sum",
        ),
        (
            [
                COUNT,
                entry(
                    "expect_column_values_to_be_unique",
                    column="id",
                    row_condition={"type": "nullity", "column": {"name": "paid"}, "is_null": False},
                ),
            ],
            "names the unknown column paid",
        ),
        (
            [COUNT, entry("expect_column_values_to_be_between", column="id", minimum=1)],
            "arguments that do not fit",
        ),
        ([COUNT, entry("expect_column_values_to_be_unique")], "arguments that do not fit"),
        (
            [COUNT, entry("expect_column_values_to_be_json_parseable", "info", column="id")],
            "json_parseable in suite pay.json has no SQL: Great Expectations judges it on data frames alone.",
        ),
        ([COUNT, COUNT], "two rules named table_row_count_to_be_between"),
        ([COUNT, {"kwargs": {}}], "not a suite in JSON: KeyError: 'type'"),
    ],
)
def test_a_faulty_suite_is_refused(tmp_path, entries, says):
    with pytest.raises(FatalError) as refusal:
        suite(tmp_path, *entries)
    assert says in str(refusal.value)
    assert "pay.json" in str(refusal.value)
    assert refusal.value.fix


def test_a_missing_file_and_broken_json_are_refused(tmp_path):
    with pytest.raises(FatalError, match=r"pay.json does not exist in .*Fix: write "):
        load_suite(tmp_path, "pay", COLUMNS)
    (tmp_path / "pay.json").write_text('{"expectations": [')
    with pytest.raises(FatalError, match=r"pay\.json is not a suite in JSON: JSONDecodeError"):
        load_suite(tmp_path, "pay", COLUMNS)
