"""Erasure beside its neighbours: a source that is really collected, a dataset that is rebuilt by its own line."""

import json
from contextlib import closing

import psycopg2
import pytest

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.pipeline.audit import audit
from include.pipeline.augment import balance
from include.pipeline.build import build
from include.pipeline.collect import collect_postgres
from include.pipeline.erase import survey
from include.pipeline.prove import prove
from include.pipeline.publish import publish
from include.pipeline.validate import validate
from include.specs import Balance, Dataset, GatePolicy, PostgresSource, Split, Subject

# Batch 4 has five payments of each of eight customers, one of them bad; with batch 5 customer 3 is gone.
LINE = """
CREATE TABLE landing.till_payments (id int, customer int, amount int, fraud boolean,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.till_payments SELECT n, n % 8, CASE n WHEN 19 THEN -1 ELSE n * 10 END, n % 5 = 0, 1,
    CASE WHEN n % 8 = 3 THEN 2 END, 4 FROM generate_series(1, 40) AS n;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at) VALUES
    ('till', 'a', 1, 1, '{}', 0, '2026-01-01Z'), ('till', 'b', 2, 2, '{}', 0, '2026-01-02Z');
INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key) VALUES
    ('till', 'payments', 4, 'till_payments',
    '[{"name": "id"}, {"name": "customer"}, {"name": "amount"}, {"name": "fraud"}]', '{id}');
"""
TILL = PostgresSource(
    name="till",
    connection="till",
    tables=("payments",),
    subject=Subject(table="payments", held={"payments": "customer"}),
)
SALES = Dataset(
    name="sales", sources=("till",), key="id", group="customer", numeric=("amount",), label="fraud",
    gate=GatePolicy(max_rejected=0.5), split=Split(train=0.98, validation=0.01, test=0.01),
    balance=Balance(method="smote", neighbours=2), subjects={"till": "customer"}, on_erasure="rebuild",
)  # fmt: skip
POSITIVE = {
    "type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0},
    "severity": "critical", "meta": {"rule": "positive"},
}  # fmt: skip
ENOUGH = {
    "type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}, "severity": "critical",
    "meta": {"rule": "enough"},
}  # fmt: skip


def curated(shop, folder, run, as_of_batch=None):
    """The dataset's whole line, by the use cases: the version's number and how many rows of customer 3 it has."""
    judged = {"suites": folder, "reports": shop.reports, "at": shop.at}
    candidate = build(shop.url, SALES, run, as_of_batch=as_of_batch, sql_folder=folder)
    made = balance(shop.url, SALES, validate(shop.url, SALES, candidate, **judged))
    version = publish(shop.url, SALES, audit(shop.url, SALES, made, **judged), at=shop.at, code="c0ffee")
    table = f"datasets.{version.table}"
    ((rows,),) = shop.execute(
        f"SELECT count(*) FROM {table} WHERE customer = 3 OR _parents && (SELECT array_agg(_id) FROM {table}"
        " WHERE customer = 3)"
    )
    return version.version, rows


def test_a_dataset_is_rebuilt_by_its_own_line_and_history_never_builds_the_subject_again(shop, tmp_path):
    shop.execute(LINE)
    (tmp_path / "sales.sql").write_text("SELECT * FROM {{ source('till', 'payments') }} AS payments")
    for suite, expectations in (("sales", [ENOUGH, POSITIVE]), ("sales_audit", [ENOUGH])):
        (tmp_path / f"{suite}.json").write_text(json.dumps({"name": suite, "expectations": expectations}))
    first, rows = curated(shop, tmp_path, "run_1", as_of_batch=4)
    assert first == 1 and rows > 4
    page = shop.reports / shop.execute("SELECT report FROM sluice.validations WHERE stage = 'gate'")[0][0]
    assert "quarantine.sales" in page.read_text()
    request = ErasureRequest("till/run", key="3", receipt=shop.receipt)
    assert survey(shop.url, TILL, request, [SALES]) == ["sales"]
    assert curated(shop, tmp_path, "run_2") == (2, 0)

    erasure = shop.erase(request, source=TILL, datasets=[SALES])
    assert erasure.retired == {"sales": [1]}
    assert erasure.removed == {
        "datasets.sales_v1": rows, "landing.till_payments": 5, "quarantine.sales": 1, "reports": 2,
        "staging.sales": 4,
    }  # fmt: skip
    assert not page.exists()
    candidate = build(shop.url, SALES, "run_3", as_of_batch=4, sql_folder=tmp_path)
    assert shop.execute(f"SELECT count(*), max((customer = 3)::int) FROM staging.{candidate.table}") == [(35, 0)]
    assert prove(shop.url, TILL, request, [SALES]).holds
    assert shop.execute("SELECT version FROM sluice.current_versions") == [(2,)]


def test_a_subject_is_erased_as_it_was_collected_through_a_change_of_its_column_s_type(shop, source_url):
    def at_source(*statements):
        with closing(psycopg2.connect(source_url)) as connection, connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return collect_postgres(source, source_url, shop.url, at=shop.at)

    name = "s" + source_url.rsplit("_", 1)[1]
    subject = Subject(table="people", held={"people": "id", "visits": "person"})
    source = PostgresSource(name=name, connection="x", tables=("people", "visits"), subject=subject)
    request = ErasureRequest("r", key="42", receipt=shop.receipt)
    at_source(
        "CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (7, 'Bo'), (42, 'Ada')",
        "CREATE TABLE visits (id int PRIMARY KEY, person int); INSERT INTO visits VALUES (1, 42), (2, 42), (3, 7)",
    )
    at_source("DELETE FROM visits WHERE id = 1")
    at_source("ALTER TABLE visits ALTER COLUMN person TYPE text")
    at_source("UPDATE people SET name = 'Ada L' WHERE id = 42", "DELETE FROM visits WHERE person = '42'")
    with pytest.raises(FatalError, match=rf"landing\.{name}_people have current rows of it"):
        shop.erase(request, source=source, datasets=[])
    at_source("DELETE FROM people WHERE id = 42")
    removed = shop.erase(request, source=source, datasets=[]).removed
    assert removed[f"landing.{name}_people"] == 2
    assert removed[f"landing.{name}_visits"] >= 2
    assert prove(shop.url, source, request, []).holds
    assert shop.execute(f"SELECT DISTINCT id FROM landing.{name}_people") == [(7,)]
    assert shop.execute(f"SELECT DISTINCT id FROM landing.{name}_visits") == [(3,)]
    at_source("INSERT INTO people VALUES (43, 'Di')")
    assert shop.execute(f"SELECT name FROM landing.{name}_people WHERE id > 7") == [("Di",)]
