"""A candidate of payments with dirt in it, the twenty rules it is judged by, and the same checks by hand."""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks._databases import AT, Databases
from include.core.refs import Candidate
from include.specs import Dataset, GatePolicy
from include.warehouse.connection import transaction
from include.warehouse.scans import FOR_SCANS
from include.warehouse.split import split_expression
from include.warehouse.staging import table_name

PAYMENTS = Dataset(
    name="payments", sources=("shop",), key="id", group="customer", time="paid_at", label="fraud",
    numeric=("amount", "total", "items", "score", "age"), categorical=("method", "country", "currency"),
    text=("email", "reference"), gate=GatePolicy(max_rejected=0.1),
)  # fmt: skip
COLUMNS = """id bigint, customer integer, paid_at timestamptz, fraud integer, amount numeric(12,2),
    total numeric(12,2), items integer, score float8, age integer, method text, country char(2), currency char(3),
    email text, reference text"""
# Of 1,000 rows some 40 are bad, some for several reasons: 2 of them share an id with another row.
ROW = """CASE WHEN n % 1000 = 7 THEN n - 1 ELSE n END, n % 50000,
    '2026-01-01'::timestamptz + n * interval '1 second', (n % 300 = 0)::int,
    CASE WHEN n % 500 = 3 THEN -1 ELSE (n % 90000) / 100.0 END,
    CASE WHEN n % 400 = 5 THEN NULL ELSE (n % 90000) / 100.0 END, n % 9 + 1,
    CASE WHEN n % 250 = 11 THEN 'NaN' ELSE (n * 7919 % 100000) / 100000.0 END, 18 + n % 80,
    CASE WHEN n % 200 = 13 THEN 'shell' ELSE (ARRAY['card', 'cash', 'debit', 'wire'])[1 + n % 4] END,
    (ARRAY['DE', 'FR', 'IT', 'ES', 'PL'])[1 + n % 5], CASE WHEN n % 700 = 17 THEN 'USD' ELSE 'EUR' END,
    CASE WHEN n % 100 = 19 THEN 'nobody' ELSE 'customer' || n % 50000 || '@example.org' END,
    CASE WHEN n % 150 = 23 THEN '' ELSE 'R-' || lpad(n::text, 9, '0') END"""
EMAIL, REFERENCE = "^[^@ ]+@[^@ ]+[.][a-z]+$", "^R-[0-9]{9}$"


@dataclass(frozen=True, slots=True)
class Rule:
    """An expectation, and the SQL by which a person would find the rows that break it; '' for one on the table."""

    type: str
    kwargs: dict[str, object]
    bad: str = ""


VALUES, COLUMN = "expect_column_values_to_", "expect_column_"
RULES = {
    "enough_rows": Rule("expect_table_row_count_to_be_between", {"min_value": 2}),
    "id_there": Rule(VALUES + "not_be_null", {"column": "id"}, "id IS NULL"),
    "id_unique": Rule(
        VALUES + "be_unique", {"column": "id"}, "twice IS NOT NULL"
    ),
    "customer_there": Rule(VALUES + "not_be_null", {"column": "customer"}, "customer IS NULL"),
    "paid_this_year": Rule(
        VALUES + "be_between", {"column": "paid_at", "min_value": "2026-01-01"}, "paid_at < '2026-01-01'"
    ),
    "fraud_known": Rule(
        VALUES + "be_in_set", {"column": "fraud", "value_set": [0, 1]}, "fraud NOT IN (0, 1)"
    ),
    "amount_there": Rule(VALUES + "not_be_null", {"column": "amount"}, "amount IS NULL"),
    "amount_positive": Rule(VALUES + "be_between", {"column": "amount", "min_value": 0}, "amount < 0"),
    "total_there": Rule(VALUES + "not_be_null", {"column": "total"}, "total IS NULL"),
    "amount_is_total": Rule(
        COLUMN + "pair_values_to_be_equal",
        {"column_A": "amount", "column_B": "total", "ignore_row_if": "either_value_is_missing"},
        "amount <> total",
    ),
    "items_few": Rule(
        VALUES + "be_between", {"column": "items", "min_value": 1, "max_value": 20}, "items NOT BETWEEN 1 AND 20"
    ),
    "score_a_share": Rule(
        VALUES + "be_between", {"column": "score", "min_value": 0, "max_value": 1}, "score NOT BETWEEN 0 AND 1"
    ),
    "age_grown": Rule(VALUES + "be_between", {"column": "age", "min_value": 18}, "age < 18"),
    "method_known": Rule(
        VALUES + "be_in_set", {"column": "method", "value_set": ["card", "cash", "debit", "wire"]},
        "method NOT IN ('card', 'cash', 'debit', 'wire')",
    ),
    "country_of_two": Rule(
        COLUMN + "value_lengths_to_equal", {"column": "country", "value": 2}, "length(country) <> 2"
    ),
    "currency_euro": Rule(VALUES + "be_in_set", {"column": "currency", "value_set": ["EUR"]}, "currency <> 'EUR'"),
    "email_formed": Rule(VALUES + "match_regex", {"column": "email", "regex": EMAIL}, f"email !~ '{EMAIL}'"),
    "reference_formed": Rule(
        VALUES + "match_regex", {"column": "reference", "regex": REFERENCE}, f"reference !~ '{REFERENCE}'"
    ),
    "amount_mean": Rule(COLUMN + "mean_to_be_between", {"column": "amount", "min_value": 1, "max_value": 1000}),
    "age_spread": Rule(COLUMN + "stdev_to_be_between", {"column": "age", "min_value": 1, "max_value": 100}),
}  # fmt: skip


def write_suite(folder: Path) -> Path:
    entries = [
        {"type": rule.type, "kwargs": rule.kwargs, "severity": "critical", "meta": {"rule": name}}
        for name, rule in RULES.items()
    ]
    (folder / "payments.json").write_text(json.dumps({"name": "payments", "expectations": entries}))
    return folder


def write(places: Databases, *statements: str) -> None:
    """Run the statements in one transaction, as the login of the daily work."""
    with transaction(places.warehouse) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def make_candidate(places: Databases, rows: int, run: str) -> Candidate:
    """The candidate of a run, as a build leaves it."""
    table = table_name(PAYMENTS.name, run)
    write(
        places,
        f'CREATE TABLE staging."{table}" ({COLUMNS})',
        f'INSERT INTO staging."{table}" SELECT {ROW} FROM generate_series(1::bigint, {rows}) AS n',
        f'ANALYZE staging."{table}"',
    )
    # Whoever reads new rows first notes on each that it is committed, and writes every page: no check does that.
    write(places, f'SELECT count(*) FROM staging."{table}"')
    return Candidate(dataset=PAYMENTS.name, run=run, table=table, batches={"shop": 1}, rows=rows, sql_hash="s")


def by_hand(places: Databases, candidate: Candidate) -> list[str]:
    """The statements of a person who fuses all checks into the fewest scans.

    One scan for the figures of the table; a narrow one for the ids that there are twice (a window function would
    save it, and sort whole rows); one that finds the bad rows with all their reasons, from which the counts of the
    rules and the quarantine follow; one that passes on the good rows.
    """
    table, bad, twice, passed = (
        f'staging."{candidate.table}{part}"' for part in ("", "_bad", "_twice", "_good")
    )  # fmt: skip
    reasons = ", ".join(f"CASE WHEN {rule.bad} THEN '{name}' END" for name, rule in RULES.items() if rule.bad)
    with transaction(places.warehouse) as connection:
        split = split_expression(PAYMENTS).as_string(connection)
    return [
        FOR_SCANS,
        f"SELECT count(*), avg(amount), stddev_samp(age) FROM {table}",
        f"CREATE UNLOGGED TABLE {twice} AS SELECT DISTINCT id AS twice FROM (SELECT id,"
        f" id = lag(id) OVER (ORDER BY id) AS again FROM {table}) AS sorted WHERE again",
        f"ANALYZE {twice}",
        f"CREATE UNLOGGED TABLE {bad} AS SELECT at, key, to_jsonb(whole) AS whole, reasons FROM"
        f" (SELECT c.ctid AS at, id AS key, c AS whole, array_remove(ARRAY[{reasons}], NULL) AS reasons"
        f" FROM {table} AS c LEFT JOIN {twice} ON twice = id) AS judged WHERE cardinality(reasons) > 0",
        f"ANALYZE {bad} (at)",
        f"SELECT reason, count(*) FROM {bad}, unnest(reasons) AS reason GROUP BY 1",
        f"INSERT INTO quarantine.by_hand SELECT '{candidate.run}', row_number() OVER (), key, whole, reasons, 's',"
        f" '{{}}', '{AT}' FROM {bad}",
        f"CREATE TABLE {passed} AS SELECT c.*, id::text AS _id, {split} AS _split FROM {table} AS c"
        f" WHERE NOT EXISTS (SELECT FROM {bad} AS bad WHERE bad.at = c.ctid)",
        f"ANALYZE {passed}",
    ]  # fmt: skip
