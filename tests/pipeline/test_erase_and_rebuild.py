"""A dataset that is rebuilt by its own line before a subject is erased, whole."""

import json

from include.core.erasure import ErasureRequest
from include.pipeline.augment import balance
from include.pipeline.build import build
from include.pipeline.erase import survey
from include.pipeline.prove import prove
from include.pipeline.publish import audit, publish
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
