"""The summary: read back from a real warehouse, row by row, and what counts as a promise broken."""

from datetime import UTC, datetime
from itertools import count

import psycopg2
import pytest
from psycopg2.extras import Json

from include.core.batch import Batch, Column, Rejected, Table, TableChanges
from include.local import planted, summary
from include.specs import Balance, Dataset
from include.warehouse.connection import transaction
from include.warehouse.landing import land

AT = datetime(2026, 5, 1, tzinfo=UTC)
CLAIMS = Table("claims", (Column("id", "bigint"), Column("amount", "text")), ("id",))
DATASET = Dataset(
    name="claims",
    sources=("office",),
    key="id",
    label="fraud",
    numeric=("amount",),
    balance=Balance(method="smote"),
)


def batch(start, end, rows, rejected=()):
    changes = TableChanges(CLAIMS, count(1))
    for row in rows:
        changes.upsert(row)
    return Batch("office", start, end, changes=(changes,), rejected=tuple(rejected))


@pytest.fixture
def warehouse(warehouse_url):
    with transaction(warehouse_url) as connection:
        land(connection, batch(None, "1", [("1", "5"), ("2", "6")]), AT)
        dirt = Rejected("claims", "9", {"id": "9"}, ("amount: missing", "id: not_known"))
        land(connection, batch("1", "2", [("3", "7")], [dirt]), AT)
    return warehouse_url


def judge(cursor, run, at, *, stage="gate", decision="publish", reasons=None):
    cursor.execute(
        "INSERT INTO sluice.validations (run, dataset, stage, decision, refusals, warnings, rows, passed,"
        " quarantined, reasons, outcomes, batches, suite_hash, report, judged_at)"
        " VALUES (%s, 'claims', %s, %s, '{}', '{}', 10, 8, 2, %s, '[]', '{\"office\": 2}', 'hash', %s, %s)",
        (run, stage, decision, Json(reasons or {}), f"claims/{run}/{stage}.html", at),
    )


def publish(cursor, *, counts, run="run 1"):
    cursor.execute(
        "CREATE TABLE staging.claims__x"
        " (id bigint, amount numeric, fraud integer, _id text, _split text, _origin text)"
    )
    cursor.execute(
        "INSERT INTO staging.claims__x VALUES (1, 5, 0, '1', 'train', 'real'), (2, 6, 1, '2', 'train', 'real'),"
        " (null, 6, 1, 'smote:1', 'train', 'smote'), (3, 7, 0, '3', 'test', 'real')"
    )
    manifest = {
        "run": run, "method": "smote", "counts": counts,
        "balance": {"before": {"0": 1, "1": 1}, "after": {"0": 1, "1": 2}},
    }  # fmt: skip
    cursor.execute("SELECT * FROM sluice.publish('claims', 'claims__x', 'fp', %s, %s)", (Json(manifest), AT))


COUNTS = [
    {"split": "test", "class": "0", "origin": "real", "rows": 1},
    {"split": "train", "class": "0", "origin": "real", "rows": 1},
    {"split": "train", "class": "1", "origin": "real", "rows": 1},
    {"split": "train", "class": "1", "origin": "smote", "rows": 1},
]


def test_what_was_collected_counts_only_batches_of_this_run(warehouse):
    with transaction(warehouse) as connection:
        assert summary.newest_batch(connection) == 2
        assert summary.collected(connection, ["office", "shop"], after_batch=1) == [
            {
                "source": "office",
                "batches": [2],
                "tables": {"claims": 1},
                "rejected": 1,
                "reasons": {"amount: missing": 1, "id: not_known": 1},
            },
            {"source": "shop", "batches": [], "tables": {}, "rejected": 0, "reasons": {}},
        ]
        assert summary.rejected_records(connection, "office", after_batch=2) == []


def test_an_empty_warehouse_has_no_batch_no_judgement_and_no_version(warehouse_url):
    with transaction(warehouse_url) as connection:
        assert summary.newest_batch(connection) == 0
        assert summary.judged(connection, "claims", ["run 1"]) is None
        assert summary.published(connection, DATASET, ["run 1"]) is None


def test_the_newest_judgement_of_these_runs_counts_with_its_commonest_reason_first(warehouse):
    with transaction(warehouse) as connection, connection.cursor() as cursor:
        judge(cursor, "run 1", AT, reasons={"amount_present": 1, "id_known": 2})
        judge(cursor, "run 1", AT, stage="audit")
        judge(cursor, "another run", AT.replace(month=6), decision="reject")
        found = summary.judged(connection, "claims", ["run 1"])
    assert found == {
        "dataset": "claims",
        "run": "run 1",
        "decision": "publish",
        "refusals": [],
        "warnings": [],
        "rows": 10,
        "passed": 8,
        "quarantined": 2,
        "reasons": {"id_known": 2, "amount_present": 1},
        "report": "claims/run 1/gate.html",
        "batches": {"office": 2},
        "audit": {"decision": "publish", "report": "claims/run 1/audit.html"},
    }
    assert list(found["reasons"]) == ["id_known", "amount_present"]


def test_the_current_version_comes_with_its_balance_and_says_whether_it_is_new(warehouse):
    with transaction(warehouse) as connection, connection.cursor() as cursor:
        publish(cursor, counts=COUNTS)
        found = summary.published(connection, DATASET, ["run 1"])
        assert summary.published(connection, DATASET, ["run 2"])["new"] is False
    assert found == {
        "dataset": "claims",
        "version": 1,
        "table": "datasets.claims_v1",
        "new": True,
        "fingerprint": "fp",
        "rows": 4,
        "method": "smote",
        "before": {"0": 1, "1": 1},
        "after": {"0": 1, "1": 2},
        "counts": COUNTS,
        "disagreements": [],
    }


def test_a_table_that_differs_from_its_manifest_is_told_cell_by_cell(warehouse):
    wrong = [*COUNTS[:3], {"split": "train", "class": "1", "origin": "smote", "rows": 2}]
    with transaction(warehouse) as connection, connection.cursor() as cursor:
        publish(cursor, counts=wrong)
        found = summary.published(connection, DATASET, [])
    assert found["disagreements"] == ["train 1 smote: the manifest says 2 rows, the table has 1"]


def test_made_rows_outside_train_are_told(warehouse, warehouse_admin_url):
    with transaction(warehouse) as connection, connection.cursor() as cursor:
        publish(cursor, counts=COUNTS)
    admin = psycopg2.connect(warehouse_admin_url)
    with admin, admin.cursor() as cursor:
        cursor.execute("ALTER TABLE datasets.claims_v1 DISABLE TRIGGER immutable")
        cursor.execute("UPDATE datasets.claims_v1 SET _split = 'test' WHERE _origin = 'smote'")
    admin.close()
    with transaction(warehouse) as connection:
        found = summary.published(connection, DATASET, [])
    assert "made rows outside train: test 1 smote" in found["disagreements"]


def test_a_run_is_good_if_all_runs_succeeded_all_versions_stand_and_all_dirt_was_caught():
    good = {
        "runs": [{"dag": "collect_shop", "run": "1", "state": "success"}],
        "datasets": [{"dataset": "claims", "version": {"disagreements": []}}],
        "labelled": [],
        "planted": [{"where": "gate", "rule": "amount_present", "planted": 2, "caught": 2, "matched": 2}],
    }
    assert summary.problems(good) == []
    bad = {
        "runs": [{"dag": "collect_shop", "run": "1", "state": "failed"}],
        "datasets": [{"dataset": "claims", "version": None}],
        "labelled": [{"dataset": "claims", "labels": 0, "right": None, "rounds": []}],
        "planted": [{"where": "gate", "rule": "amount_present", "planted": 2, "caught": 2, "matched": 1}],
    }
    assert summary.problems(bad) == [
        "the run collect_shop ended as failed",
        "claims has no published version",
        "claims: no row has got a label",
        "gate: 2 rows break amount_present on purpose, 2 were caught, 1 of them the planted ones",
    ]


def test_planted_and_caught_faults_are_compared_rule_by_rule_and_row_by_row():
    rows = planted.compare("gate", {("1", "a"), ("2", "a"), ("3", "b")}, {("1", "a"), ("9", "a"), ("4", "c")})
    assert [tuple(row.values()) for row in rows] == [
        ("gate", "a", 2, 2, 1),
        ("gate", "b", 1, 0, 0),
        ("gate", "c", 0, 1, 0),
    ]
