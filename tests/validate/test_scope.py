"""What is judged row by row, and what whole: every type that Great Expectations has is told apart."""

import pytest
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)

from include.validate.predicates import PREDICATES
from include.validate.scope import is_counted_in_sql, why_whole

COLUMN = "it speaks of a column's values together"
TABLE = "it speaks of the table"
DECLARED = "on a database it looks at the column's declared type"
QUERY = "its query returns what it likes, not rows of the table"
WHOLE = {
    "expect_column_distinct_values_to_be_in_set": COLUMN,
    "expect_column_distinct_values_to_contain_set": COLUMN,
    "expect_column_distinct_values_to_equal_set": COLUMN,
    "expect_column_kl_divergence_to_be_less_than": COLUMN,
    "expect_column_max_to_be_between": COLUMN,
    "expect_column_mean_to_be_between": COLUMN,
    "expect_column_median_to_be_between": COLUMN,
    "expect_column_min_to_be_between": COLUMN,
    "expect_column_most_common_value_to_be_in_set": COLUMN,
    "expect_column_proportion_of_non_null_values_to_be_between": COLUMN,
    "expect_column_proportion_of_unique_values_to_be_between": COLUMN,
    "expect_column_quantile_values_to_be_between": COLUMN,
    "expect_column_stdev_to_be_between": COLUMN,
    "expect_column_sum_to_be_between": COLUMN,
    "expect_column_to_exist": TABLE,
    "expect_column_type_to_be": TABLE,
    "expect_column_unique_value_count_to_be_between": COLUMN,
    "expect_column_values_to_be_in_type_list": DECLARED,
    "expect_column_values_to_be_of_type": DECLARED,
    "expect_query_results_to_match_comparison": TABLE,
    "expect_table_column_count_to_be_between": TABLE,
    "expect_table_column_count_to_equal": TABLE,
    "expect_table_columns_to_match_ordered_list": TABLE,
    "expect_table_columns_to_match_set": TABLE,
    "expect_table_row_count_to_be_between": TABLE,
    "expect_table_row_count_to_equal": TABLE,
    "expect_table_row_count_to_equal_other_table": TABLE,
    "unexpected_rows_expectation": QUERY,
}
# Great Expectations judges these on data frames alone; a suite that has one is refused.
WITHOUT_SQL = {
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_decreasing",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_strftime_format",
}


@pytest.mark.parametrize("kind", sorted(list_registered_expectation_implementations()))
def test_every_registered_type_is_known_as_row_by_row_whole_or_without_sql(kind):
    implementation = get_expectation_impl(kind)
    assert why_whole(implementation) == WHOLE.get(kind)
    if kind not in WHOLE:
        assert is_counted_in_sql(implementation) is (kind not in WITHOUT_SQL)
        assert (kind in PREDICATES) is (kind not in WITHOUT_SQL)
