"""Row conditions: one meaning in either form that Great Expectations knows, and nothing of them forgotten."""

import pytest
from psycopg2 import sql

from include.core.errors import FatalError
from include.validate.conditions import as_condition, condition_columns, row_condition_sql

PARSER = "great_expectations"


def compared(operator, parameter):
    return {"type": "comparison", "column": {"name": "n"}, "operator": operator, "parameter": parameter}


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('col("n") >= 2', compared(">=", 2)),
        ('col("n")==-1.5e3', compared("==", -1500.0)),
        ('col("n") != "a"', compared("!=", "a")),
        ('col("n") < date("2026-01-02")', compared("<", "2026-01-02")),
        ('col("n").notnull()', {"type": "nullity", "column": {"name": "n"}, "is_null": False}),
    ],
)
def test_the_text_form_is_read_as_great_expectations_reads_it(text, condition):
    assert as_condition(text, PARSER) == condition
    assert condition_columns(condition) == ["n"]
    assert as_condition(condition, None) is condition


@pytest.mark.parametrize(
    ("text", "parser", "says"),
    [
        ('col("n") > 5 and col("m") < 3', PARSER, "Expected end of text"),
        ("n > 5", PARSER, "cannot be read: Expected"),
        ("n > 5", "pandas", "condition_parser is 'pandas', not one of great_expectations, great_expect"),
        ('col("n") > 5', None, "condition_parser is None, not one of"),
    ],
)
def test_text_that_would_be_read_in_part_or_not_at_all_is_refused(text, parser, says):
    with pytest.raises(FatalError) as refusal:
        as_condition(text, parser)
    assert says in str(refusal.value)
    assert 'Fix: write one comparison, as col("…") >= 1' in str(refusal.value)


def test_a_condition_of_an_unknown_kind_is_refused():
    with pytest.raises(FatalError, match=r"is not a condition of type comparison, nullity, and, or"):
        row_condition_sql({"type": "pass_through", "pass_through_filter": "n > 5"})


def test_an_empty_list_holds_no_value():
    assert row_condition_sql(compared("IN", [])) == sql.SQL("FALSE")
