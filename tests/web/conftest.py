"""The pages over a real warehouse, with and without a login."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from psycopg2.extras import Json

from include.core.refs import GateDecision, Outcome
from include.specs import Balance, Dataset, Retention
from include.warehouse.approvals import Word, say
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation, record
from tests.pipeline.reviews import REVIEWS

FRAUD = Dataset(
    name="fraud",
    sources=("shop",),
    key="id",
    label="is_fraud",
    numeric=("amount",),
    categorical=("device",),
    balance=Balance(method="smotenc"),
    retention=Retention(keep=2),
)
IDLE = Dataset(name="idle", sources=("shop",), key="id", label="label")


MANIFEST: dict[str, object] = {
    "run": "run_1",
    "method": "smotenc",
    "made": 325,
    "removed": 0,
    "balance": {"before": {"false": 670, "true": 10}, "after": {"false": 670, "true": 335}},
    "counts": [
        {"split": "test", "class": "false", "origin": "real", "rows": 145},
        {"split": "test", "class": "true", "origin": "real", "rows": 4},
        {"split": "train", "class": "false", "origin": "real", "rows": 670},
        {"split": "train", "class": "true", "origin": "real", "rows": 10},
        {"split": "train", "class": "true", "origin": "smote", "rows": 325},
        {"split": "validation", "class": "false", "origin": "real", "rows": 150},
    ],
}


JUDGED = Validation(
    run="",
    dataset="fraud",
    stage="gate",
    decision=GateDecision(decision="publish", warnings=("device: in_set: 3 rows",)),
    rows=1000,
    passed=979,
    quarantined=21,
    reasons={"reference_unique": 7, "amount: not_be_null": 14},
    outcomes=(
        Outcome(rule="enough_rows", type="x", column=None, severity="critical", row_level=False, success=True),
        Outcome(rule="device: in_set", type="x", column=None, severity="warning", row_level=True, success=False),
    ),
    batches={"shop": 3},
    suite_hash="ab" * 32,
    report="",
    at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
)


class Facts:
    """Writes what happened into a warehouse, as the pipeline would."""

    def __init__(self, url: str) -> None:
        self.url = url

    def judge(self, run: str, **values: Any) -> None:
        """Record a judgement; what is not named is that of a small run that passed the gate."""
        judged = replace(JUDGED, run=run, **{"report": f"fraud/{run}/gate.html"} | values)
        with transaction(self.url) as connection:
            record(connection, judged)

    def say(self, run: str, word: Word) -> None:
        """Record what was asked or answered about a held run."""
        with transaction(self.url) as connection:
            say(connection, run, "fraud", word)

    def publish(self, fingerprint: str, manifest: dict[str, object]) -> None:
        """An empty table as the next version of `fraud`, with this manifest."""
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE staging.made (id bigint, _id text)")
            at = datetime(2026, 3, 1, 12, 31, tzinfo=UTC)
            cursor.execute(
                "SELECT sluice.publish(%s, %s, %s, %s, %s)", ("fraud", "made", fingerprint, Json(manifest), at)
            )

    def export(self) -> None:
        """The record of an export of `fraud` v1, of three files."""
        files = [
            {
                "path": "train/part-00000.parquet",
                "split": "train",
                "rows": 1005,
                "bytes": 48213,
                "sha256": "ab" * 32,
            },
            {"path": "README.md", "bytes": 33, "sha256": "cd" * 32},
        ]
        with transaction(self.url) as connection, connection.cursor() as cursor:
            at = datetime(2026, 3, 1, 12, 32, tzinfo=UTC)
            cursor.execute(
                "INSERT INTO sluice.exports VALUES ('fraud', 1, 'file:///srv/exports/fraud/v1', %s, %s)",
                (Json(files), at),
            )


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder of reports with one in it, and a secret beside it."""
    root = tmp_path / "reports"
    (root / "fraud" / "run_1").mkdir(parents=True)
    (root / "fraud" / "run_1" / "gate.html").write_text("<h1>The gate's report</h1>")
    (tmp_path / "secret.html").write_text("a secret")
    return root


@pytest.fixture
def manifest() -> dict[str, object]:
    """A manifest of 979 real rows, of whom 10 frauds in train became 335."""
    return dict(MANIFEST)


@pytest.fixture
def facts(warehouse_url: str, manifest: dict[str, object]) -> Facts:
    """A warehouse with one published version of `fraud`, judged by gate and audit."""
    facts = Facts(warehouse_url)
    facts.judge("run_1")
    audit = {"stage": "audit", "rows": 1304, "passed": 1304, "quarantined": 0, "reasons": {}}
    facts.judge("run_1", **audit, report="fraud/run_1/audit.html")
    facts.publish("f1" * 32, manifest)
    facts.export()
    return facts


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The root of an object storage, with the export of `fraud` v1 and an image in it."""
    folder = tmp_path / "storage" / "exports" / "fraud" / "v1"
    (folder / "train").mkdir(parents=True)
    (folder / "README.md").write_text("# fraud <script>alert(1)</script>")
    (folder / "manifest.json").write_text("{}")
    (folder / "train" / "part-00000.parquet").write_bytes(b"PAR1")
    (tmp_path / "storage" / "image.png").write_bytes(b"PNG")
    return tmp_path / "storage"


Open = Callable[..., TestClient]


@pytest.fixture
def open_anonymous(airflow_home: Path, reports: Path, storage: Path) -> Open:
    """Opens the pages over a warehouse for a browser without a login; Airflow's own dependency decides."""
    from airflow.api_fastapi.app import create_auth_manager

    from include.web.app import create_app

    create_auth_manager()

    def opened(url: Callable[[], str]) -> TestClient:
        app = FastAPI()
        app.mount("/sluice", create_app([FRAUD, IDLE, REVIEWS], url, reports, lambda: storage))
        return TestClient(app, base_url="http://testserver/sluice")

    return opened


@pytest.fixture
def open_pages(open_anonymous: Open) -> Open:
    """Opens the pages over a warehouse for a logged-in user."""
    from include.web.app import logged_in

    def opened(url: Callable[[], str]) -> TestClient:
        client = open_anonymous(url)
        client.app.routes[-1].app.dependency_overrides[logged_in] = lambda: None
        return client

    return opened


@pytest.fixture
def browser(open_pages: Open, facts: Facts) -> TestClient:
    """A logged-in user's browser on the pages of the warehouse of `facts`."""
    return open_pages(lambda: facts.url)
