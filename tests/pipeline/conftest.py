"""The stages' tests over a real warehouse: what is in it, and one dataset's way to a published version."""

import json
from datetime import UTC, datetime

import pytest

from include.core.refs import Candidate, Gated, GateDecision
from include.pipeline.augment import balance
from include.pipeline.publish import audit, publish
from include.specs import Balance, Dataset
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


@pytest.fixture
def warehouse(warehouse_url):
    """An empty warehouse."""
    return Warehouse(warehouse_url)


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
    postgres.create_database("published")
    admin = postgres.url("published")
    prepare(admin, login="sluice", password="a test's own password")
    url = postgres.url("published", user="sluice", password="a test's own password")
    Release(url, tmp_path_factory.mktemp("suites")).published()
    return admin, url
