"""The stages' tests over a real warehouse: what is in it, and one dataset's way to a published version."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from psycopg2.extras import Json

from include.core.erasure import ErasureRequest
from include.core.refs import Candidate, Gated, GateDecision
from include.pipeline.audit import audit
from include.pipeline.augment import balance
from include.pipeline.erase import erase
from include.pipeline.publish import publish
from include.specs import Balance, Dataset, PostgresSource, Subject, Via
from include.warehouse.connection import transaction
from include.warehouse.prepare import prepare

FACTS = """
INSERT INTO sluice.batches (source, position_from, position_to, seq_from, seq_to, changes, rejected, landed_at)
VALUES ('shop', NULL, '0/16B3748', 1, 120, '{}', 0, '2026-05-01Z')
"""
PASSED = """
CREATE TABLE staging.passed AS SELECT n AS id, n % 9 AS customer, (n * 37 %% 101) / 7.0 AS amount, 'ref ' || n AS
    reference, n %% 8 = 0 AS is_fraud, n::text AS _id,
    CASE n %% 9 WHEN 3 THEN 'test' WHEN 4 THEN 'validation' ELSE 'train' END AS _split
FROM generate_series(1, %s) n
""".replace("n % 9", "n %% 9")
ROW_COUNT = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 20}, "severity": "critical"}

# Customer 42 left with batch 3. Payment 3 was moved to customer 7, who is still there; reviews were never landed.
# The source's payments.customer_id was once of another type, and is landed under two names; open and closed rows
# of payments lie in partitions of their own.
SHOP = """
CREATE TABLE landing.shop_customers (id int, name text, _seq_from bigint, _seq_to bigint, _batch bigint);
CREATE TABLE landing.shop_payments (id int, customer_id int, customer_id__2 text,
    _seq_from bigint, _seq_to bigint, _batch bigint) PARTITION BY LIST ((_seq_to IS NULL));
CREATE TABLE landing.shop_payments__now PARTITION OF landing.shop_payments FOR VALUES IN (true);
CREATE TABLE landing.shop_payments__past PARTITION OF landing.shop_payments FOR VALUES IN (false);
CREATE TABLE landing.shop_chargebacks (id int, payment_id int, _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_customers VALUES
    (42, 'Ada', 1, 4, 1), (42, 'Ada L', 4, 20, 2), (7, 'Bo', 2, NULL, 1), (420, 'Cy', 3, NULL, 1);
INSERT INTO landing.shop_payments VALUES
    (1, 42, NULL, 5, 21, 2), (2, NULL, '42', 6, 22, 2), (3, 42, NULL, 7, 8, 2), (3, NULL, '7', 8, NULL, 2),
    (4, 7, NULL, 9, NULL, 2), (5, NULL, '420', 10, NULL, 2);
INSERT INTO landing.shop_chargebacks VALUES (1, 1, 11, 23, 2), (2, 3, 12, NULL, 2), (3, 4, 13, NULL, 2);
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at) VALUES
    ('shop', 'a', 1, 3, '{}', 0, '2026-01-01Z'), ('shop', 'b', 4, 13, '{}', 0, '2026-01-02Z'),
    ('shop', 'c', 14, 30, '{}', 0, '2026-01-03Z');
INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key) VALUES
    ('shop', 'customers', 1, 'shop_customers', '[{"name": "id"}, {"name": "name"}]', '{id}'),
    ('shop', 'payments', 1, 'shop_payments', '[{"name": "id"}, {"name": "customer_id"}]', '{id}'),
    ('shop', 'payments', 2, 'shop_payments',
        '[{"name": "id", "landed": "id"}, {"name": "customer_id", "landed": "customer_id__2"}]', '{id}'),
    ('shop', 'chargebacks', 1, 'shop_chargebacks', '[{"name": "id"}, {"name": "payment_id"}]', '{id}');
SELECT sluice.ensure_quarantine('fraud'), sluice.ensure_quarantine('shop_payments'),
    sluice.ensure_quarantine('shop_chargebacks');
INSERT INTO quarantine.fraud VALUES
    ('run_2', 1, '1', '{"id": 1, "customer": 42}', '{amount}', 's', '{"shop": 2}', '2026-01-02Z'),
    ('run_2', 2, '4', '{"id": 4, "customer": 7}', '{amount}', 's', '{"shop": 2}', '2026-01-02Z');
INSERT INTO quarantine.shop_payments VALUES
    ('batch 2', 1, '9', '{"id": 9, "customer_id": "42"}', '{type}', NULL, '{"shop": 2}', '2026-01-02Z');
INSERT INTO quarantine.shop_chargebacks VALUES
    ('batch 2', 1, '8', '{"id": 8, "payment_id": 2}', '{type}', NULL, '{"shop": 2}', '2026-01-02Z'),
    ('batch 2', 2, '9', '{"id": 9, "payment_id": 3}', '{type}', NULL, '{"shop": 2}', '2026-01-02Z');
CREATE TABLE staging.fraud__run_9__passed AS SELECT 42 AS customer;
CREATE TABLE staging.prices__run_9 AS SELECT 1 AS id;
CREATE TABLE staging.other__run_9 AS SELECT 1 AS id;
"""
VERSION = """
CREATE TABLE staging.made (id int, customer int, is_fraud boolean, _id text, _split text, _origin text,
    _parents text[], _method text, _params jsonb, _seed bigint)
"""


class Warehouse:
    """A prepared warehouse, and what to ask of it."""

    def __init__(self, url):
        self.url = url

    def execute(self, query, *parameters):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def content(self, table):
        return self.execute(f'SELECT v::text FROM staging."{table}" v ORDER BY 1')


class Release(Warehouse):
    """A dataset `fraud` on its way from gated rows to a version."""

    dataset = Dataset(
        name="fraud", sources=("shop",), key="id", group="customer", numeric=("amount",),
        passthrough=("reference",), label="is_fraud", balance=Balance(method="smote", neighbours=2), seed=7,
    )  # fmt: skip
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def __init__(self, url, folder):
        super().__init__(url)
        self.suites, self.reports = folder, folder / "reports"
        self.execute(FACTS)
        self.expect()

    def expect(self, **changes):
        """Write the audit's suite: 20 rows or more, but for what `changes` says."""
        (self.suites / "fraud_audit.json").write_text(json.dumps({"expectations": [ROW_COUNT | changes]}))

    def passed(self, run="run_1", rows=120):
        """A gated table of so many payments."""
        self.execute("DROP TABLE IF EXISTS staging.passed")
        self.execute(PASSED, rows)
        candidate = Candidate(
            dataset="fraud", run=run, table="built", batches={"shop": 1}, rows=rows + 3, sql_hash="5" * 64
        )
        return Gated(
            candidate=candidate, table="passed", passed=rows, quarantined=3, reasons={"amount_positive": 3},
            decision=GateDecision(decision="publish", warnings=("amount_mean_usual failed: 7",)),
            suite_hash="6" * 64, report=f"fraud/{run}/gate.html",
        )  # fmt: skip

    def balanced(self, run="run_1", rows=120, dataset=None):
        return balance(self.url, dataset or self.dataset, self.passed(run, rows))

    def audit(self, made, dataset=None, **options):
        where = {"suites": self.suites, "reports": self.reports, **options}
        return audit(self.url, dataset or self.dataset, made, at=self.at, **where)

    def publish(self, made, dataset=None, **options):
        return publish(self.url, dataset or self.dataset, made, at=self.at, code="c0ffee", **options)

    def published(self, run="run_1", rows=120, dataset=None):
        """The version of so many payments, through every step."""
        return self.publish(self.audit(self.balanced(run, rows, dataset), dataset), dataset)


class Shop(Warehouse):
    """A warehouse of the shop that customer 42 has left, and the request to erase them."""

    source = PostgresSource(
        name="shop", connection="shop", tables=("customers", "payments", "chargebacks", "reviews"),
        subject=Subject(table="customers", held={
            "customers": "id",
            "payments": "customer_id",
            "chargebacks": Via(column="payment_id", table="payments", key="id"),
            "reviews": "customer_id",
        }),
    )  # fmt: skip
    fraud = Dataset(
        name="fraud", sources=("shop",), key="id", group="customer", label="is_fraud",
        subjects={"shop": "customer"},
    )  # fmt: skip
    prices = Dataset(name="prices", sources=("shop",), key="id", label="high", subjects={"shop": None})
    datasets = (fraud, prices)
    receipt = "7c0ffee7" * 5
    request = ErasureRequest("manual__2026-05-01", key="42", receipt=receipt)
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def __init__(self, url, reports):
        super().__init__(url)
        self.reports = reports
        self.execute(SHOP)

    def publish(self, run, batch, real=(), made=(), dataset="fraud"):
        """A version with these real rows (id, customer) and made rows (their parents)."""
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(VERSION)
            for id, customer in real:
                cursor.execute(
                    "INSERT INTO staging.made VALUES (%s, %s, true, %s, 'train', 'real', '{}')",
                    (id, customer, str(id)),
                )
            for parents in made:
                cursor.execute(
                    "INSERT INTO staging.made (_id, _split, _origin, _parents) VALUES (%s, 'train', 'smote', %s)",
                    ("+".join(parents), list(parents)),
                )
            manifest = {"run": run, "sources": [{"source": "shop", "batch": batch}]}
            cursor.execute(
                "SELECT published FROM sluice.publish(%s, 'made', %s, %s, %s)",
                (dataset, run, Json(manifest), self.at),
            )
            return cursor.fetchone()[0]

    def judged(self, run, batch, dataset="fraud"):
        """A judgement with its page."""
        report = f"{dataset}/{run}/gate.html"
        self.execute(
            "INSERT INTO sluice.validations (run, dataset, stage, decision, rows, passed, quarantined, reasons,"
            " outcomes, batches, suite_hash, report, judged_at)"
            " VALUES (%s, %s, 'gate', 'publish', 1, 1, 0, '{}', '[]', %s, 's', %s, %s)",
            run, dataset, Json({"shop": batch}), report, self.at,
        )  # fmt: skip
        page = self.reports / report
        page.parent.mkdir(parents=True)
        page.write_text("a page")
        return page

    def erase(self, request=request, source=source, datasets=datasets, **options):
        return erase(self.url, source, request, datasets=datasets, reports=self.reports, at=self.at, **options)

    def tables(self, schema):
        found = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", schema)
        return [name for (name,) in found]

    def content(self):
        """Everything that the warehouse holds, by table."""
        return {
            f"{schema}.{table}": self.execute(f'SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1')
            for schema in ("landing", "quarantine", "staging", "datasets", "sluice")
            for table in self.tables(schema)
        }


@pytest.fixture
def warehouse(warehouse_url):
    """An empty warehouse."""
    return Warehouse(warehouse_url)


@pytest.fixture
def shop(warehouse_url, tmp_path):
    """The warehouse of the shop that customer 42 has left."""
    return Shop(warehouse_url, tmp_path / "reports")


@pytest.fixture
def gated():
    """Makes the reference to a dataset's gated table of so many rows, which it does not create."""

    def make(dataset, rows, run="manual__2026-01-01", table=None):
        candidate = Candidate(dataset=dataset.name, run=run, table="x", batches={}, rows=rows, sql_hash="x")
        return Gated(
            candidate=candidate, table=table or f"{dataset.name}_gated", passed=rows, quarantined=0, reasons={},
            decision=GateDecision(decision="publish"), suite_hash="x", report="x",
        )  # fmt: skip

    return make


@pytest.fixture
def fraud(warehouse_url, tmp_path):
    """The dataset `fraud` before its first version."""
    return Release(warehouse_url, tmp_path)


@pytest.fixture(scope="module")
def published(postgres, tmp_path_factory):
    """URLs, as superuser and as login, of a warehouse with one version, that no test of the module can change."""
    name = f"published_{uuid4().hex[:10]}"
    postgres.create_database(name)
    admin = postgres.url(name)
    prepare(admin, login="sluice", password="a test's own password")
    url = postgres.url(name, user="sluice", password="a test's own password")
    Release(url, tmp_path_factory.mktemp("suites")).published()
    return admin, url
