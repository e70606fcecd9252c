"""Publication on a real warehouse: versions whole and once, whatever dies when."""

import multiprocessing
import signal
import subprocess
import sys
import time
from importlib import metadata

import psycopg2
import pytest

from include.core.errors import FatalError, RetriableError
from include.warehouse import versions
from include.warehouse.connection import connect, transaction


def test_a_published_version_is_a_table_a_view_and_a_manifest(fraud):
    version = fraud.published()
    assert (version.version, version.table, version.new) == (1, "fraud_v1", True)
    assert (
        fraud.execute("SELECT count(*) FROM datasets.fraud_v1")
        == fraud.execute("SELECT count(*) FROM datasets.fraud")
        == [(version.rows,)]
    )
    assert fraud.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'") == [("passed",)]
    with transaction(fraud.url) as connection:
        current = versions.current(connection, "fraud")
    assert (current.version, current.fingerprint, current.published_at) == (1, version.fingerprint, fraud.at)


def test_the_manifest_says_what_the_version_was_made_from_and_how(fraud):
    version = fraud.published()
    with transaction(fraud.url) as connection:
        found = versions.manifest(connection, "fraud", 1)
        (audited,) = fraud.execute(
            "SELECT suite_hash, report FROM sluice.validations WHERE run = 'run_1' AND stage = 'audit'"
        )
    assert found.pop("columns")[:2] == [{"name": "id", "type": "integer"}, {"name": "customer", "type": "integer"}]
    assert found.pop("libraries")["imbalanced-learn"] == metadata.version("imbalanced-learn")
    assert found.pop("postgres").startswith("18.")
    assert found.pop("python") == ".".join(map(str, sys.version_info[:3]))
    evidence = found["audit"].pop("evidence")
    assert sorted(evidence) == ["balancing", "leakage"]
    assert evidence["leakage"]["holds"] is True
    assert evidence["balancing"]["not_judged"] == "validation has fewer than 5 rows of a second class"
    assert found == {
        "dataset": "fraud",
        "version": 1,
        "fingerprint": version.fingerprint,
        "run": "run_1",
        "declaration": fraud.dataset.model_dump(mode="json"),
        "seed": 7,
        "sources": [{"source": "shop", "batch": 1, "position": "0/16B3748", "seq_to": 120}],
        "sql_hash": "5" * 64,
        "lineage": {},
        "gate": {
            "decision": "publish", "reasons": [], "warnings": ["amount_mean_usual failed: 7"],
            "suite_hash": "6" * 64, "rows": 123, "passed": 120, "unlabelled": 0, "quarantined": 3,
            "quarantined_by": {"amount_positive": 3}, "report": "fraud/run_1/gate.html", "evidence": {},
        },
        "audit": {
            "decision": "publish", "reasons": [], "warnings": [], "suite_hash": audited[0], "report": audited[1],
        },
        "method": "smote",
        "made": 71,
        "removed": 0,
        "rows": 191,
        "counts": [
            {"split": "test", "class": "false", "origin": "real", "rows": 12},
            {"split": "test", "class": "true", "origin": "real", "rows": 2},
            {"split": "train", "class": "false", "origin": "real", "rows": 82},
            {"split": "train", "class": "true", "origin": "real", "rows": 11},
            {"split": "train", "class": "true", "origin": "smote", "rows": 71},
            {"split": "validation", "class": "false", "origin": "real", "rows": 11},
            {"split": "validation", "class": "true", "origin": "real", "rows": 2},
        ],
        "balance": {"before": {"false": 82, "true": 11}, "after": {"false": 82, "true": 82}},
        "code": "c0ffee",
        "approval": None,
    }  # fmt: skip


def test_the_same_inputs_and_seed_publish_nothing_new(fraud):
    first = fraud.published("run_1")
    again = fraud.published("run_2")
    assert again == first.model_copy(update={"new": False})
    assert fraud.execute("SELECT count(*) FROM sluice.versions") == [(1,)]


def test_other_rows_or_another_seed_publish_the_next_version(fraud):
    fraud.published("run_1")
    assert fraud.published("run_2", rows=121).version == 2
    assert fraud.published("run_3", dataset=fraud.dataset.model_copy(update={"seed": 8})).version == 3
    assert fraud.execute("SELECT version FROM sluice.current_versions") == [(3,)]


def test_bytes_that_come_back_move_the_view_back_to_their_version(fraud):
    fraud.published("run_1")
    fraud.published("run_2", rows=121)
    assert fraud.published("run_3").version == 1
    assert fraud.execute("SELECT count(*) FROM datasets.fraud") == fraud.execute(
        "SELECT count(*) FROM datasets.fraud_v1"
    )


def test_the_retry_of_a_run_that_had_published_returns_what_it_published(fraud):
    made = fraud.audit(fraud.balanced())
    first = fraud.publish(made)
    assert fraud.publish(made) == first


def test_a_view_that_is_being_read_for_too_long_is_left_for_a_retry(fraud):
    fraud.published("run_1")
    made = fraud.audit(fraud.balanced("run_2", 121))
    reader = connect(fraud.url, role="sluice_reader")
    reader.cursor().execute("SELECT FROM datasets.fraud")
    with pytest.raises(RetriableError, match=r"fraud has been read for longer than 0\.1 s"):
        fraud.publish(made, patience=0.1)
    reader.close()
    assert fraud.publish(made).version == 2


def test_a_view_built_on_the_dataset_follows_its_versions(fraud):
    fraud.published("run_1")
    fraud.execute(
        "CREATE VIEW staging.frauds AS SELECT _id FROM datasets.fraud WHERE is_fraud AND _split = 'train'",
    )
    fraud.published("run_2", rows=144)
    assert fraud.execute("SELECT count(*) FROM staging.frauds") == [(98,)]


def test_changed_columns_move_the_view_unless_others_are_built_on_it(fraud):
    fraud.published("run_1")
    fewer = fraud.dataset.model_copy(update={"passthrough": ()})
    fraud.execute("CREATE VIEW staging.notes AS SELECT reference FROM datasets.fraud")
    with pytest.raises(FatalError, match=r"columns of fraud have changed.*view staging\.notes depends on"):
        fraud.published("run_2", dataset=fewer)
    fraud.execute("DROP VIEW staging.notes")
    assert fraud.published("run_3", dataset=fewer).version == 2
    with transaction(fraud.url) as connection:
        assert "reference" not in versions.column_types(connection.cursor(), "fraud", "datasets")


PUBLISHER = """
import sys
from datetime import UTC, datetime
from include.core.refs import Augmented
from include.pipeline.publish import publish
from include.specs import Dataset
dataset, made = Dataset.model_validate_json(sys.argv[1]), Augmented.model_validate_json(sys.argv[2])
publish(sys.stdin.readline().strip(), dataset, made, at=datetime(2026, 5, 1, 12, tzinfo=UTC), code="c0ffee")
"""


def test_killing_a_publisher_half_way_leaves_the_old_version_whole_and_a_retry_ends_right(
    fraud, warehouse_admin_url
):
    first = fraud.published("run_1")
    made = fraud.audit(fraud.balanced("run_2", 121))
    # The publisher has handed the table over and written the manifest when it meets this lock.
    holder = psycopg2.connect(warehouse_admin_url)
    holder.cursor().execute("LOCK TABLE sluice.current_versions IN SHARE MODE")
    child = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, fraud.dataset.model_dump_json(), made.model_dump_json()],
        stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    child.stdin.write(f"{fraud.url}\n")
    child.stdin.close()
    until(lambda: fraud.execute("SELECT 1 FROM pg_locks WHERE NOT granted"
                                " AND relation = 'sluice.current_versions'::regclass"))  # fmt: skip
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    assert visible(fraud) == [(1, first.rows)]
    holder.close()
    second = fraud.publish(made)
    assert (second.version, second.new) == (2, True)
    assert visible(fraud) == [(2, second.rows)]
    assert fraud.execute("SELECT version FROM sluice.versions ORDER BY 1") == [(1,), (2,)]


def test_eight_processes_that_publish_at_once_make_one_version(fraud):
    fraud.published("run_1")
    made = fraud.audit(fraud.balanced("run_2", 121))
    together = multiprocessing.get_context("fork")
    start, told = together.Barrier(8), together.Queue()

    def race():
        start.wait(30)
        told.put(fraud.publish(made).model_dump())

    racers = [together.Process(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    found = [told.get(timeout=30) for _ in racers]
    for racer in racers:
        racer.join(30)
    assert {(version["version"], version["rows"], version["new"]) for version in found} == {(2, 192, True)}
    assert fraud.execute("SELECT version FROM sluice.versions ORDER BY 1") == [(1,), (2,)]
    assert visible(fraud) == [(2, 192)]


def visible(fraud):
    return fraud.execute("SELECT c.version, (SELECT count(*) FROM datasets.fraud) FROM sluice.current_versions c")


def until(condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
