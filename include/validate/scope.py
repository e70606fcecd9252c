"""What an expectation speaks of: single rows, each of which can be good or bad, or the whole table."""

from typing import Final

# Great Expectations counts these among the row-level ones; on a database they look at the declared type.
_OF_THE_TYPE: Final = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")

# Why a rule is judged whole.
TABLE: Final = "it speaks of the table"
COLUMN: Final = "it speaks of a column's values together"
DECLARED: Final = "on a database it looks at the column's declared type"
QUERY: Final = "its query returns what it likes, not rows of the table"
UNTOLD: Final = "its bad rows are counted, and cannot be told apart"


def why_whole(implementation: type) -> str | None:
    """Why an expectation of this class is judged whole; None for one that judges each row."""
    from great_expectations.expectations import core
    from great_expectations.expectations import expectation as gx

    if getattr(implementation, "expectation_type", "") in _OF_THE_TYPE:
        return DECLARED
    if issubclass(
        implementation, gx.ColumnMapExpectation | gx.ColumnPairMapExpectation | gx.MulticolumnMapExpectation
    ):
        return None
    if issubclass(implementation, core.UnexpectedRowsExpectation):
        return QUERY
    return COLUMN if issubclass(implementation, gx.ColumnAggregateExpectation) else TABLE


def is_counted_in_sql(implementation: type) -> bool:
    """Whether Great Expectations has SQL for a row-level class; one without raises on every database."""
    from great_expectations.exceptions import MetricProviderError
    from great_expectations.expectations.registry import get_sqlalchemy_metric_provider

    try:
        get_sqlalchemy_metric_provider(f"{getattr(implementation, 'map_metric', '')}.unexpected_count")
    except MetricProviderError:
        return False
    return True
