"""The checkpoint: one outcome an expectation, counted in Postgres, exceptions told, every result storable."""

import json
import threading

import pytest

from include.core.errors import FatalError, RetriableError
from include.validate import checkpoint
from include.validate.checkpoint import run_checkpoint
from include.validate.suite import Expectation, Suite, load_suite
from include.warehouse.connection import connect, transaction

COLUMNS = ("id", "amount", "method", "at")
TABLE = """
CREATE TABLE staging.pay (id int, amount numeric, method text, at timestamptz);
INSERT INTO staging.pay VALUES (1, 1, 'card', '2026-01-01Z'), (1, 2.5, 'cash', NULL), (2, NULL, '', '2026-01-02Z');
"""
COLUMN = "expect_column_"
TYPES = [
    ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ("expect_table_row_count_to_equal", {"value": 3}),
    ("expect_table_column_count_to_equal", {"value": 4}),
    ("expect_table_columns_to_match_set", {"column_set": ["id", "amount"]}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["id", "amount"]}),
    (COLUMN + "to_exist", {"column": "id"}),
    (COLUMN + "values_to_be_of_type", {"column": "amount", "type_": "NUMERIC"}),
    (COLUMN + "values_to_be_in_type_list", {"column": "amount", "type_list": ["NUMERIC"]}),
    (COLUMN + "values_to_be_unique", {"column": "id"}),
    (COLUMN + "values_to_not_be_null", {"column": "amount", "mostly": 0.5}),
    (COLUMN + "distinct_values_to_contain_set", {"column": "method", "value_set": ["card"]}),
    (COLUMN + "distinct_values_to_be_in_set", {"column": "method", "value_set": ["card"]}),
    (COLUMN + "distinct_values_to_equal_set", {"column": "method", "value_set": ["card"]}),
    (COLUMN + "most_common_value_to_be_in_set", {"column": "id", "value_set": [1]}),
    (COLUMN + "max_to_be_between", {"column": "at", "max_value": "2027-01-01T00:00:00+00:00"}),
    (COLUMN + "min_to_be_between", {"column": "amount", "min_value": 0}),
    (COLUMN + "mean_to_be_between", {"column": "amount", "min_value": 0}),
    (COLUMN + "median_to_be_between", {"column": "amount", "min_value": 0}),
    (COLUMN + "stdev_to_be_between", {"column": "amount", "min_value": 0}),
    (COLUMN + "sum_to_be_between", {"column": "amount", "min_value": 0}),
    (COLUMN + "unique_value_count_to_be_between", {"column": "id", "min_value": 1}),
    (COLUMN + "proportion_of_unique_values_to_be_between", {"column": "id", "min_value": 0.1}),
    (COLUMN + "proportion_of_non_null_values_to_be_between", {"column": "at", "min_value": 0.1}),
    (
        COLUMN + "quantile_values_to_be_between",
        {"column": "amount", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 3]]}},
    ),
    (
        COLUMN + "kl_divergence_to_be_less_than",
        {"column": "method", "threshold": 9, "partition_object": {"values": ["card"], "weights": [1.0]}},
    ),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch} WHERE id = 1"}),
]


@pytest.fixture
def pay(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(TABLE)
    return warehouse_url


def suite(folder, entries):
    (folder / "pay.json").write_text(
        json.dumps({"expectations": [{"type": t, "kwargs": k, "severity": s} for t, k, s in entries]})
    )
    return load_suite(folder, "pay", COLUMNS)


def test_every_expectation_has_one_outcome_with_its_severity_and_count(pay, tmp_path):
    loaded = suite(
        tmp_path,
        [
            ("expect_table_row_count_to_be_between", {"min_value": 1}, "critical"),
            (COLUMN + "values_to_be_unique", {"column": "id"}, "critical"),
            (COLUMN + "values_to_not_be_null", {"column": "amount"}, "warning"),
            (COLUMN + "mean_to_be_between", {"column": "amount", "min_value": 5}, "info"),
        ],
    )
    checked = run_checkpoint(pay, "staging", "pay", loaded, "manual__1")
    assert [(o.rule, o.severity, o.row_level, o.success, o.unexpected, o.observed) for o in checked.outcomes] == [
        ("table_row_count_to_be_between", "critical", False, True, None, "3"),
        ("id: be_unique", "critical", True, False, 2, None),
        ("amount: not_be_null", "warning", True, False, 1, None),
        ("amount: mean_to_be_between", "info", False, False, None, "1.75"),
    ]
    assert [o.exception for o in checked.outcomes] == [None] * 4
    assert checked.raw["meta"]["run_id"]["run_name"] == "manual__1"


def test_results_hold_counts_and_no_values_of_rows(pay, tmp_path):
    with transaction(pay) as connection:
        connection.cursor().execute("INSERT INTO staging.pay VALUES (5, 1, 'a secret', NULL)")
    entries = [
        ("expect_table_row_count_to_be_between", {"min_value": 1}, "critical"),
        (COLUMN + "values_to_be_in_set", {"column": "method", "value_set": ["card"]}, "critical"),
    ]
    checked = run_checkpoint(pay, "staging", "pay", suite(tmp_path, entries), "r")
    assert checked.outcomes[1].unexpected == 3
    assert "a secret" not in json.dumps(checked.raw)


def test_an_exception_is_an_outcome_of_its_own_kind_and_not_a_page_of_log(pay, tmp_path, caplog):
    caplog.set_level("INFO")
    entries = [
        ("expect_table_row_count_to_be_between", {"min_value": 1}, "critical"),
        (COLUMN + "values_to_match_regex", {"column": "method", "regex": "(["}, "info"),
        (COLUMN + "values_to_be_between", {"column": "method", "min_value": 1}, "warning"),
    ]
    outcomes = run_checkpoint(pay, "staging", "pay", suite(tmp_path, entries), "r").outcomes
    assert [(o.success, o.unexpected) for o in outcomes[1:]] == [(False, None)] * 2
    assert "invalid regular expression: brackets [] not balanced" in outcomes[1].exception
    assert "[SQL:" not in outcomes[1].exception
    assert [r.getMessage() for r in caplog.records if r.name.startswith("great_expectations")] == []
    assert outcomes[2].exception == "ColumnValuesBetween metrics cannot be computed on column of type TEXT."


def test_results_of_every_type_can_be_stored_as_json(pay, tmp_path):
    loaded = suite(tmp_path, [(t, k, "critical") for t, k in TYPES])
    checked = run_checkpoint(pay, "staging", "pay", loaded, "r")
    assert [o.rule for o in checked.outcomes] == [e.rule for e in loaded.expectations]
    assert [o.rule for o in checked.outcomes if o.exception] == []
    assert json.loads(json.dumps(checked.raw))["statistics"]["evaluated_expectations"] == len(TYPES)


def test_an_expectation_without_exactly_one_result_is_an_exception(pay):
    twin = Expectation("twin", COLUMN + "values_to_be_unique", {"column": "id"}, "info", True, {})
    outcomes = run_checkpoint(pay, "staging", "pay", Suite("pay", (twin, twin), "h", ""), "r").outcomes
    assert {o.exception for o in outcomes} == {"Great Expectations returned 2 results for it, not one"}


def test_a_table_that_is_gone_is_a_clear_error_without_the_password(pay, tmp_path):
    loaded = suite(tmp_path, [("expect_table_row_count_to_be_between", {"min_value": 1}, "critical")])
    with pytest.raises(FatalError, match=r"could not judge staging\.nothing") as refusal:
        run_checkpoint(pay, "staging", "nothing", loaded, "r")
    assert "own%20password" not in str(refusal.value)
    assert "own password" not in str(refusal.value)


@pytest.mark.parametrize("end", ["terminate", "cancel"])
def test_a_query_cut_off_by_the_server_is_worth_another_try(pay, warehouse_admin_url, tmp_path, end):
    with transaction(warehouse_admin_url, role=None) as connection:
        connection.cursor().execute(
            "CREATE FUNCTION staging.die() RETURNS boolean LANGUAGE sql SECURITY DEFINER"
            f" AS 'SELECT pg_{end}_backend(pg_backend_pid())'"
        )
    entries = [
        ("expect_table_row_count_to_be_between", {"min_value": 1}, "critical"),
        (
            "unexpected_rows_expectation",
            {"unexpected_rows_query": "SELECT FROM {batch} WHERE staging.die()"},
            "info",
        ),
    ]
    with pytest.raises(RetriableError, match=r"broke off while staging\.pay was checked: \(psycopg2") as caught:
        run_checkpoint(pay, "staging", "pay", suite(tmp_path, entries), "r")
    assert caught.value.fix.startswith("see the server's log")


def test_who_waits_to_drop_the_table_while_its_holder_waits_for_the_checkpoint_does_not_hold_it_up(pay, tmp_path):
    holder, dropper = connect(pay, role="sluice_writer"), connect(pay, role="sluice_writer")
    holder.cursor().execute("LOCK TABLE staging.pay IN SHARE MODE")
    drop = threading.Thread(target=lambda: dropper.cursor().execute("DROP TABLE staging.pay"))
    drop.start()
    with transaction(pay) as connection, connection.cursor() as cursor:
        waiting = [(0,)]
        while waiting == [(0,)]:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'")
            waiting = cursor.fetchall()
    loaded = suite(tmp_path, [("expect_table_row_count_to_be_between", {"min_value": 1}, "critical")])
    with pytest.raises(RetriableError, match=r"broke off while staging\.pay was checked: .*lock timeout"):
        run_checkpoint(pay, "staging", "pay", loaded, "r", patience=0.2)
    holder.close()
    drop.join(60)
    dropper.close()


def test_no_connection_outlives_its_checkpoint(pay, warehouse_admin_url, tmp_path):
    loaded = suite(tmp_path, [("expect_table_row_count_to_be_between", {"min_value": 1}, "critical")])
    for number in range(3):
        run_checkpoint(pay, "staging", "pay", loaded, f"run {number}")
    with transaction(warehouse_admin_url, role=None) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice checkpoint'")
        assert cursor.fetchone() == (0,)


def test_a_password_may_look_like_a_variable(pay, warehouse_admin_url, tmp_path):
    """Great Expectations substitutes `$NAME` in connection strings."""
    admin = warehouse_admin_url.split("@", 1)[1]
    with transaction(warehouse_admin_url, role=None) as connection:
        connection.cursor().execute("CREATE ROLE dollar LOGIN PASSWORD 'a$HOME${b}' IN ROLE sluice_writer")
    loaded = suite(tmp_path, [("expect_table_row_count_to_be_between", {"min_value": 1}, "critical")])
    try:
        checked = run_checkpoint(f"postgresql://dollar:a$HOME${{b}}@{admin}", "staging", "pay", loaded, "r")
    finally:
        with transaction(warehouse_admin_url, role=None) as connection:
            connection.cursor().execute("DROP ROLE dollar")
    assert checked.outcomes[0].success


def test_nothing_is_fetched_but_counts():
    assert checkpoint.RESULT_FORMAT == {"result_format": "BASIC", "partial_unexpected_count": 0}
