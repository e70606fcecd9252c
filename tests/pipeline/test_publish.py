"""Audit and publication on a real warehouse: versions whole and immutable, whatever dies when."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata

import psycopg2
import pytest
from psycopg2 import errors

from include.core.errors import FatalError, GateRejected, RetriableError
from include.core.refs import Augmented, Candidate, Gated, GateDecision
from include.pipeline.augment import balance, unchanged
from include.pipeline.publish import audit, publish
from include.specs import Balance, Dataset
from include.warehouse import versions
from include.warehouse.connection import connect, transaction

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
FRAUD = Dataset(
    name="fraud", sources=("shop",), key="id", group="customer", numeric=("amount",), passthrough=("reference",),
    label="is_fraud", balance=Balance(method="smote", neighbours=2), seed=7,
)  # fmt: skip
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


@pytest.fixture
def warehouse(warehouse_url):
    execute(warehouse_url, FACTS)
    return warehouse_url


@pytest.fixture
def folders(tmp_path):
    """Where the suites are and the reports go."""
    (tmp_path / "fraud_audit.json").write_text(json.dumps({"expectations": [ROW_COUNT]}))
    return {"suites": tmp_path, "reports": tmp_path / "reports"}


def execute(url, query, *parameters):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else None


def passed(url, run="run_1", rows=120):
    """A gated table of so many payments."""
    execute(url, "DROP TABLE IF EXISTS staging.passed")
    execute(url, PASSED, rows)
    candidate = Candidate(
        dataset="fraud", run=run, table="built", batches={"shop": 1}, rows=rows + 3, sql_hash="5" * 64
    )
    return Gated(
        candidate=candidate, table="passed", passed=rows, quarantined=3, reasons={"amount_positive": 3},
        decision=GateDecision(decision="publish", warnings=("amount_mean_usual failed: 7",)), suite_hash="6" * 64,
        report=f"fraud/{run}/gate.html",
    )  # fmt: skip


def released(url, folders, run="run_1", rows=120, dataset=FRAUD):
    made = audit(url, dataset, balance(url, dataset, passed(url, run, rows)), at=AT, **folders)
    return publish(url, dataset, made, at=AT, code="c0ffee")


def test_a_published_version_is_a_table_a_view_and_a_manifest(warehouse, folders):
    version = released(warehouse, folders)
    assert (version.version, version.table, version.new) == (1, "fraud_v1", True)
    assert (
        execute(warehouse, "SELECT count(*) FROM datasets.fraud_v1")
        == execute(warehouse, "SELECT count(*) FROM datasets.fraud")
        == [(version.rows,)]
    )
    assert execute(warehouse, "SELECT tablename FROM pg_tables WHERE schemaname = 'staging'") == [("passed",)]
    with transaction(warehouse) as connection:
        current = versions.current(connection, "fraud")
    assert (current.version, current.fingerprint, current.published_at) == (1, version.fingerprint, AT)


def test_the_manifest_says_what_the_version_was_made_from_and_how(warehouse, folders):
    version = released(warehouse, folders)
    with transaction(warehouse) as connection:
        found = versions.manifest(connection, "fraud", 1)
        (audited,) = execute(
            warehouse, "SELECT suite_hash, report FROM sluice.validations WHERE run = 'run_1' AND stage = 'audit'"
        )
    assert found.pop("columns")[:2] == [{"name": "id", "type": "integer"}, {"name": "customer", "type": "integer"}]
    assert found.pop("libraries")["imbalanced-learn"] == metadata.version("imbalanced-learn")
    assert found.pop("postgres").startswith("18.")
    assert found.pop("python") == ".".join(map(str, sys.version_info[:3]))
    assert found == {
        "dataset": "fraud",
        "version": 1,
        "fingerprint": version.fingerprint,
        "run": "run_1",
        "declaration": FRAUD.model_dump(mode="json"),
        "seed": 7,
        "sources": [{"source": "shop", "batch": 1, "position": "0/16B3748", "seq_to": 120}],
        "sql_hash": "5" * 64,
        "gate": {
            "decision": "publish", "reasons": [], "warnings": ["amount_mean_usual failed: 7"],
            "suite_hash": "6" * 64, "rows": 123, "passed": 120, "quarantined": 3,
            "quarantined_by": {"amount_positive": 3}, "report": "fraud/run_1/gate.html",
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
    }  # fmt: skip


def test_the_same_inputs_and_seed_publish_nothing_new(warehouse, folders):
    first = released(warehouse, folders, "run_1")
    again = released(warehouse, folders, "run_2")
    assert again == first.model_copy(update={"new": False})
    assert execute(warehouse, "SELECT count(*) FROM sluice.versions") == [(1,)]


def test_other_rows_or_another_seed_publish_the_next_version(warehouse, folders):
    released(warehouse, folders, "run_1")
    assert released(warehouse, folders, "run_2", rows=121).version == 2
    assert released(warehouse, folders, "run_3", dataset=FRAUD.model_copy(update={"seed": 8})).version == 3
    assert execute(warehouse, "SELECT version FROM sluice.current_versions") == [(3,)]


def test_bytes_that_come_back_move_the_view_back_to_their_version(warehouse, folders):
    released(warehouse, folders, "run_1")
    released(warehouse, folders, "run_2", rows=121)
    assert released(warehouse, folders, "run_3").version == 1
    assert execute(warehouse, "SELECT count(*) FROM datasets.fraud") == execute(
        warehouse, "SELECT count(*) FROM datasets.fraud_v1"
    )


def test_the_retry_of_a_run_that_had_published_returns_what_it_published(warehouse, folders):
    made = audit(warehouse, FRAUD, balance(warehouse, FRAUD, passed(warehouse)), at=AT, **folders)
    first = publish(warehouse, FRAUD, made, at=AT, code="c0ffee")
    assert publish(warehouse, FRAUD, made, at=AT, code="c0ffee") == first


CHANGES = {
    "INSERT": "INSERT INTO datasets.fraud_v1 (id) VALUES (1)",
    "UPDATE": "UPDATE datasets.fraud_v1 SET amount = 0",
    "DELETE": "DELETE FROM datasets.fraud_v1",
    "TRUNCATE": "TRUNCATE datasets.fraud_v1",
    "COPY": "COPY datasets.fraud_v1 FROM STDIN",
    "ALTER": "ALTER TABLE datasets.fraud_v1 ADD extra int",
    "RENAME": "ALTER TABLE datasets.fraud_v1 RENAME TO other",
    "OWNER": "ALTER TABLE datasets.fraud_v1 OWNER TO sluice_writer",
    "TRIGGER": "ALTER TABLE datasets.fraud_v1 DISABLE TRIGGER ALL",
    "DROP": "DROP TABLE datasets.fraud_v1",
    "DROP VIEW": "DROP VIEW datasets.fraud",
    "VIEW": "INSERT INTO datasets.fraud (id) VALUES (1)",
    "MANIFEST": "UPDATE sluice.versions SET fingerprint = 'x'",
    "POINTER": "UPDATE sluice.current_versions SET version = 1",
    "FORGERY": "INSERT INTO sluice.versions VALUES ('fraud', 2, 'x', '{}', now())",
    "SCHEMA": "CREATE TABLE datasets.fraud_v2 (id int)",
}


@pytest.fixture(scope="module")
def published(postgres, tmp_path_factory):
    """A warehouse with one published version, that no test of the module can change."""
    from include.warehouse.prepare import prepare

    postgres.create_database("published")
    admin = postgres.url("published")
    prepare(admin, login="sluice", password="a test's own password")
    url = postgres.url("published", user="sluice", password="a test's own password")
    execute(url, FACTS)
    folder = tmp_path_factory.mktemp("suites")
    (folder / "fraud_audit.json").write_text(json.dumps({"expectations": [ROW_COUNT]}))
    released(url, {"suites": folder, "reports": folder / "reports"})
    return admin, url


@pytest.mark.parametrize("role", ["sluice_writer", "sluice_reader"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_database_refuses_every_change_of_a_version_to_its_writers(published, change, role):
    connection = connect(published[1], role=role)
    with pytest.raises(errors.InsufficientPrivilege), connection, connection.cursor() as cursor:
        run(cursor, CHANGES[change])
    connection.close()


@pytest.mark.parametrize("change", ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "COPY", "VIEW", "MANIFEST"])
def test_even_a_superuser_cannot_change_rows_by_mistake(published, change):
    connection = connect(published[0])
    with pytest.raises(errors.InsufficientPrivilege, match="never change"), connection:
        run(connection.cursor(), CHANGES[change])
    connection.close()


def run(cursor, statement):
    if statement.startswith("COPY"):
        cursor.copy_expert(statement, open(os.devnull))  # noqa: PTH123, SIM115
    else:
        cursor.execute(statement)


def test_readers_may_read(published):
    connection = connect(published[1], role="sluice_reader")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM datasets.fraud JOIN datasets.fraud_v1 USING (_id)")
        assert cursor.fetchone() == (191,)
    connection.close()


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        (
            """UPDATE staging."{0}" SET _parents = '{{3}}' WHERE _origin = 'smote'""",
            "parents are real rows of train failed: 71 rows",
        ),
        (
            """UPDATE staging."{0}" SET amount = amount + 1 WHERE _id = '8'""",
            "real rows are as they passed the gate failed: 1 rows, such as _id '8'",
        ),
        ("""UPDATE staging."{0}" SET _split = 'test' WHERE _id = '8'""", "no customer is in two splits failed"),
        ("""DELETE FROM staging."{0}" WHERE _id > '2'""", "enough_rows"),
    ],
)
def test_a_version_with_a_planted_fault_is_rejected_and_recorded(warehouse, folders, planted, says):
    rule = ROW_COUNT | {"kwargs": {"min_value": 100}, "meta": {"rule": "enough_rows"}}
    (folders["suites"] / "fraud_audit.json").write_text(json.dumps({"expectations": [rule]}))
    made = balance(warehouse, FRAUD, passed(warehouse))
    execute(warehouse, planted.format(made.table))
    with pytest.raises(GateRejected, match=says):
        audit(warehouse, FRAUD, made, at=AT, **folders)
    assert execute(warehouse, "SELECT stage, decision, passed FROM sluice.validations") == [("audit", "reject", 0)]
    with pytest.raises(FatalError, match=r"Only an audited table is published: .*its audit says reject, 0 rows"):
        publish(warehouse, FRAUD, made, at=AT, code="c0ffee")
    assert execute(warehouse, "SELECT to_regclass('datasets.fraud_v1')") == [(None,)]


def test_a_rejected_run_stays_rejected_when_its_table_is_mended(warehouse, folders):
    made = balance(warehouse, FRAUD, passed(warehouse))
    execute(warehouse, f"""UPDATE staging."{made.table}" SET amount = amount + 1 WHERE _id = '8'""")
    with pytest.raises(GateRejected):
        audit(warehouse, FRAUD, made, at=AT, **folders)
    again = balance(warehouse, FRAUD, passed(warehouse))
    with pytest.raises(GateRejected, match="real rows are as they passed the gate failed"):
        audit(warehouse, FRAUD, again, at=AT, **folders)


def test_a_retry_of_the_audit_checks_again_and_records_once(warehouse, folders):
    made = balance(warehouse, FRAUD, passed(warehouse))
    for _retry in range(2):
        assert audit(warehouse, FRAUD, made, at=AT, **folders) == made
    assert execute(warehouse, "SELECT decision, rows, passed FROM sluice.validations") == [("publish", 191, 191)]
    (path,) = execute(warehouse, "SELECT report FROM sluice.validations")[0]
    assert "parents are real rows of train" in (folders["reports"] / path).read_text()


def test_a_table_that_was_never_audited_is_not_published(warehouse):
    made = unchanged(warehouse, FRAUD, passed(warehouse))
    with pytest.raises(FatalError, match="has 120 rows, its audit says none"):
        publish(warehouse, FRAUD, made, at=AT, code="c0ffee")


def test_a_table_that_was_swept_is_refused(warehouse, folders):
    made = Augmented(gated=passed(warehouse), table="fraud__gone", method="none", made=0, removed=0)
    for step in (lambda: audit(warehouse, FRAUD, made, at=AT, **folders),
                 lambda: publish(warehouse, FRAUD, made, at=AT, code="c0ffee")):  # fmt: skip
        with pytest.raises(FatalError, match=r"staging\.fraud__gone does not exist.*Fix: trigger a new run"):
            step()


def test_a_view_that_is_being_read_for_too_long_is_left_for_a_retry(warehouse, folders):
    released(warehouse, folders, "run_1")
    made = audit(warehouse, FRAUD, balance(warehouse, FRAUD, passed(warehouse, "run_2", 121)), at=AT, **folders)
    reader = connect(warehouse, role="sluice_reader")
    reader.cursor().execute("SELECT FROM datasets.fraud")
    with pytest.raises(RetriableError, match=r"fraud has been read for longer than 0\.1 s"):
        publish(warehouse, FRAUD, made, at=AT, code="c0ffee", patience=0.1)
    reader.close()
    assert publish(warehouse, FRAUD, made, at=AT, code="c0ffee").version == 2


def test_a_view_built_on_the_dataset_follows_its_versions(warehouse, folders):
    released(warehouse, folders, "run_1")
    execute(
        warehouse,
        "CREATE VIEW staging.frauds AS SELECT _id FROM datasets.fraud WHERE is_fraud AND _split = 'train'",
    )
    released(warehouse, folders, "run_2", rows=144)
    assert execute(warehouse, "SELECT count(*) FROM staging.frauds") == [(98,)]


def test_changed_columns_move_the_view_unless_others_are_built_on_it(warehouse, folders):
    released(warehouse, folders, "run_1")
    fewer = FRAUD.model_copy(update={"passthrough": ()})
    execute(warehouse, "CREATE VIEW staging.notes AS SELECT reference FROM datasets.fraud")
    with pytest.raises(FatalError, match=r"columns of fraud have changed.*view staging\.notes depends on"):
        released(warehouse, folders, "run_2", dataset=fewer)
    execute(warehouse, "DROP VIEW staging.notes")
    assert released(warehouse, folders, "run_3", dataset=fewer).version == 2
    with transaction(warehouse) as connection:
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
    warehouse, warehouse_admin_url, folders
):
    first = released(warehouse, folders, "run_1")
    made = audit(warehouse, FRAUD, balance(warehouse, FRAUD, passed(warehouse, "run_2", 121)), at=AT, **folders)
    # The publisher has handed the table over and written the manifest when it meets this lock.
    holder = psycopg2.connect(warehouse_admin_url)
    holder.cursor().execute("LOCK TABLE sluice.current_versions IN SHARE MODE")
    child = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, FRAUD.model_dump_json(), made.model_dump_json()],
        stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    child.stdin.write(f"{warehouse}\n")
    child.stdin.close()
    until(lambda: execute(warehouse, "SELECT 1 FROM pg_locks WHERE NOT granted"
                          " AND relation = 'sluice.current_versions'::regclass"))  # fmt: skip
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    assert visible(warehouse) == [(1, first.rows)]
    holder.close()
    second = publish(warehouse, FRAUD, made, at=AT, code="c0ffee")
    assert (second.version, second.new) == (2, True)
    assert visible(warehouse) == [(2, second.rows)]
    assert execute(warehouse, "SELECT version FROM sluice.versions ORDER BY 1") == [(1,), (2,)]


def visible(url):
    return execute(url, "SELECT c.version, (SELECT count(*) FROM datasets.fraud) FROM sluice.current_versions c")


def until(condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
