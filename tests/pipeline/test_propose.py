"""A suite proposed from a batch: the batch passes it, dirt does not, and nobody's own suite is replaced."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from include.core.errors import FatalError
from include.core.refs import Candidate
from include.pipeline.propose import propose, propose_from
from include.specs import Dataset
from include.validate.checkpoint import run_checkpoint
from include.validate.suite import load_suite
from include.warehouse.connection import transaction

ROOT = Path(__file__).resolve().parents[2]
ORDERS = Dataset(
    name="orders", sources=("shop",), key="id", time="paid_at", numeric=("amount", "items", "score"),
    categorical=("method", "vip"), text=("note",), passthrough=("reference", "born", "empty"), label="fraud",
)  # fmt: skip
ROWS = """
CREATE TABLE staging.orders AS SELECT n AS id, '2026-01-01Z'::timestamptz + n * interval '1 hour' AS paid_at,
    (n * 37 % 1000 / 10.0)::numeric(10, 2) AS amount, 1 + n % 5 AS items,
    CASE WHEN n % 10 > 0 THEN n * 0.37 - 60 END::float8 AS score,
    (ARRAY['card', 'cash', 'wallet'])[1 + n % 3] AS method, n % 7 = 0 AS vip,
    CASE WHEN n % 4 = 0 THEN 'Für ' || n ELSE repeat('so ', n % 9 + 1) || '!' || chr(65 + n % 26) END AS note,
    'OR-' || lpad(n::text, 6, '0') AS reference, date '1990-01-01' + n AS born, NULL::text AS empty,
    (n % 9 = 0)::int AS fraud
FROM generate_series(1, 400) AS n
"""
TILL = """
CREATE TABLE landing.till_sales AS SELECT n AS id, n * 2 AS amount, n % 2 AS late, 1::bigint AS _seq_from,
    NULL::bigint AS _seq_to, 1::bigint AS _batch FROM generate_series(1, 60) AS n;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('till', 'a', 1, 1, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key)
    VALUES ('till', 'sales', 1, 'till_sales', '[{"name": "id"}, {"name": "amount"}, {"name": "late"}]', '{id}');
"""
# Each breaks one rule of a row that keeps all others.
DIRT = {
    "id = 1": ["id_unique"],
    "id = NULL": ["id_present"],
    "amount = 1000": ["amount_in_range"],
    "amount = -1": ["amount_in_range"],
    "amount = NULL": ["amount_present"],
    "amount = 'NaN'": ["amount_in_range"],
    "items = 90": ["items_in_range"],
    "method = 'shell'": ["method_known"],
    "vip = NULL": ["vip_present"],
    "reference = 'OR-7'": ["reference_form"],
    "reference = 'OR-000001'": ["reference_unique"],
    "note = ''": ["note_length"],
    "born = '1066-10-14'": ["born_in_range"],
    "paid_at = '1970-01-01Z'": ["paid_at_in_range"],
    "fraud = 2": ["fraud_known"],
}


@pytest.fixture
def batch(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(ROWS)
    return Candidate(dataset="orders", run="r", table="orders", batches={"shop": 1}, rows=400, sql_hash="s")


def failed(warehouse_url, folder):
    suite = load_suite(folder, "orders", ORDERS.columns)
    outcomes = run_checkpoint(warehouse_url, "staging", "orders", suite, "r").outcomes
    assert {o.rule: o.exception for o in outcomes if o.exception} == {}
    return sorted(o.rule for o in outcomes if not o.success)


def test_a_batch_passes_the_suite_that_was_proposed_from_it_and_dirt_does_not(warehouse_url, tmp_path, batch):
    path = propose_from(warehouse_url, ORDERS, batch, suites=tmp_path)
    assert path == tmp_path / "orders.json"
    assert failed(warehouse_url, tmp_path) == []
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        for row, change in enumerate(DIRT, start=21):
            cursor.execute(f"UPDATE staging.orders SET {change} WHERE id = {row}")
    assert failed(warehouse_url, tmp_path) == sorted({rule for rules in DIRT.values() for rule in rules})


def test_a_proposal_says_type_range_set_null_rate_key_and_form_of_each_column(warehouse_url, tmp_path, batch):
    suite = json.loads(propose_from(warehouse_url, ORDERS, batch, suites=tmp_path).read_text())
    rules = {
        e["meta"]["rule"]: (e["severity"], e["meta"]["dimension"], e["kwargs"]) for e in suite["expectations"]
    }
    assert rules["enough_rows"] == ("critical", "completeness", {"min_value": 200})
    assert rules["id_unique"] == ("critical", "uniqueness", {"column": "id"})
    assert rules["amount_type"][2] == {"column": "amount", "type_": "NUMERIC(10, 2)"}
    assert rules["amount_in_range"] == (
        "warning", "validity", {"column": "amount", "min_value": 0.0, "max_value": 110.0}
    )  # fmt: skip
    assert rules["items_in_range"][2] == {"column": "items", "min_value": 0, "max_value": 6}
    assert type(rules["items_in_range"][2]["max_value"]) is int
    assert "id_in_range" not in rules
    assert rules["score_present"] == ("warning", "completeness", {"column": "score", "mostly": 0.84})
    assert rules["method_known"] == (
        "critical", "validity", {"column": "method", "value_set": ["card", "cash", "wallet"]}
    )  # fmt: skip
    assert rules["fraud_known"][2]["value_set"] == [0, 1]
    assert rules["vip_known"][2]["value_set"] == [False, True]
    assert rules["reference_form"][2]["regex"] == r"^[A-Z]{2}\-[0-9]{6}$"
    assert rules["paid_at_in_range"] == (
        "warning", "timeliness", {"column": "paid_at", "min_value": "2026-01-01T00:00:00+00:00"}
    )  # fmt: skip
    assert rules["born_in_range"][2]["min_value"] == "1990-01-02"
    assert [rule for rule in rules if rule.startswith("empty")] == []
    assert suite["name"] == "orders"


def test_a_suite_that_is_there_is_replaced_only_when_that_is_asked_for(warehouse_url, tmp_path, batch):
    (tmp_path / "orders.json").write_text("somebody's own")
    with pytest.raises(FatalError, match=r"orders\.json exists: a proposal does not replace what somebody wrote"):
        propose_from(warehouse_url, ORDERS, batch, suites=tmp_path)
    assert (tmp_path / "orders.json").read_text() == "somebody's own"
    propose_from(warehouse_url, ORDERS, batch, suites=tmp_path, overwrite=True)
    assert load_suite(tmp_path, "orders", ORDERS.columns).name == "orders"


def test_an_empty_batch_shows_no_rules(warehouse_url, tmp_path, batch):
    with pytest.raises(FatalError, match="The batch of orders has no rows"):
        propose_from(warehouse_url, ORDERS, batch.model_copy(update={"rows": 0}), suites=tmp_path)


def test_the_batch_is_built_as_of_the_sources_and_leaves_no_table_behind(warehouse_url, tmp_path):
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(TILL)
    (tmp_path / "sales.sql").write_text("SELECT id, amount, late FROM {{ source('till', 'sales') }} AS s")
    sales = Dataset(name="sales", sources=("till",), key="id", numeric=("amount",), label="late")
    path = propose(warehouse_url, sales, suites=tmp_path, sql_folder=tmp_path)
    rules = [e["meta"]["rule"] for e in json.loads(path.read_text())["expectations"]]
    assert rules == [
        "enough_rows", "id_type", "id_present", "id_unique", "amount_type", "amount_present",
        "amount_in_range", "late_type", "late_present", "late_known",
    ]  # fmt: skip
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'")
        assert cursor.fetchone() == (0,)


def test_the_command_says_what_it_lacks():
    command = [sys.executable, "-m", "include.pipeline.propose", "payment_fraud"]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert "SLUICE_WAREHOUSE_URL is not set. Fix: export the warehouse's URL." in done.stderr
