"""Candidates of a dataset of payments, and their judgement by a suite."""

import json
from datetime import UTC, datetime

from include.core.refs import Candidate
from include.pipeline.validate import validate
from include.specs import Dataset, GatePolicy
from include.warehouse.connection import transaction
from include.warehouse.staging import table_name

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
PAYMENTS = Dataset(
    name="pay", sources=("shop",), key="id", numeric=("amount",), categorical=("method",), label="fraud",
    gate=GatePolicy(max_rejected=0.4), seed=7,
)  # fmt: skip
ROWS = """
    (1, 10, 'card', 0), (2, 20, 'card', 1), (3, -5, 'card', 0), (4, 30, '<b>shell</b>', 0),
    (5, NULL, NULL, 1), (6, 40, 'cash', 0), (7, -1, 'shell', 0), (8, 50, 'card', 1), (8, 60, 'card', 1),
    (10, 70, 'cash', 0), (11, 80, 'cash', 0), (12, 90, 'cash', 0), (13, 95, 'cash', 0)
"""
RULES = (
    ("expect_table_row_count_to_be_between", {"min_value": 2}, "critical", "enough"),
    ("expect_column_values_to_be_unique", {"column": "id"}, "critical", "id_unique"),
    ("expect_column_values_to_be_between", {"column": "amount", "min_value": 0}, "critical", "amount_positive"),
    (
        "expect_column_values_to_be_in_set",
        {"column": "method", "value_set": ["card", "cash"]},
        "critical",
        "method",
    ),
    ("expect_column_values_to_not_be_null", {"column": "amount"}, "warning", "amount_there"),
    ("expect_column_mean_to_be_between", {"column": "amount", "max_value": 1}, "info", "mean"),
)


def write_suite(folder, rules=RULES):
    folder.mkdir(exist_ok=True)
    entries = [{"type": t, "kwargs": k, "severity": s, "meta": {"rule": r}} for t, k, s, r in rules]
    (folder / "pay.json").write_text(json.dumps({"name": "pay", "expectations": entries}))
    return folder


def candidate(warehouse_url, rows=ROWS, run="manual__1"):
    table = table_name("pay", run)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE staging."{table}" (id int, amount numeric, method text, fraud int)')
        cursor.execute(f'INSERT INTO staging."{table}" VALUES {rows}' if rows else "SELECT 1")
        count = cursor.rowcount if rows else 0
    return Candidate(dataset="pay", run=run, table=table, batches={"shop": 3}, rows=count, sql_hash="s")


def judged(warehouse_url, tmp_path, found, dataset=PAYMENTS, rules=RULES, **more):
    folders = {"suites": write_suite(tmp_path / "suites", rules), "reports": tmp_path / "reports"}
    return validate(warehouse_url, dataset, found, at=AT, **folders, **more)


def query(warehouse_url, text):
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall()
