"""What is published is what was audited: whatever happens to the table between, its rows are proven the same."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from psycopg2 import sql

from include.core.errors import FatalError, GateRejected, RetriableError
from include.pipeline import publish as publishing
from include.publish.fingerprint import fingerprint
from include.warehouse.connection import connect, transaction
from include.warehouse.validations import recorded

SAME_AGAIN = """
CREATE TABLE staging.again AS TABLE staging.{0}; DROP TABLE staging.{0}; ALTER TABLE staging.again RENAME TO {0}
"""


@pytest.fixture
def reckoned(monkeypatch):
    """The tables whose fingerprint `publish` has reckoned itself."""
    tables = []

    def noted(connection, table):
        tables.append(table)
        return fingerprint(connection, table)

    monkeypatch.setattr(publishing, "fingerprint", noted)
    return tables


def in_table(statement, made):
    return sql.SQL(statement).format(sql.Identifier(made.table))


def sealed(fraud):
    with transaction(fraud.url) as connection:
        return recorded(connection, "run_1", "fraud", "audit").seal


def alone(url, statement):
    """What cannot be done within a transaction, as a superuser."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    connection.cursor().execute(statement)
    connection.close()


def waits(fraud, mode):
    """Until somebody waits for a lock of that mode."""
    query = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE NOT granted AND mode = %s AND datname = current_database()"
    )
    deadline = time.monotonic() + 60
    while fraud.execute(query, mode) == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def beside(act):
    """Something done beside the test; `result` waits for it and says what came of it."""
    return ThreadPoolExecutor(1).submit(act)


def writing(fraud, made):
    """A writer that is at it: it has changed a row, and its transaction goes on."""
    writer = connect(fraud.url, role="sluice_writer")
    writer.cursor().execute(in_table("UPDATE staging.{} SET amount = amount + 1 WHERE _id = '8'", made))
    return writer


def test_the_version_has_the_fingerprint_that_the_audit_recorded_and_publish_reckons_none(fraud, reckoned):
    made = fraud.audit(fraud.balanced())
    with transaction(fraud.url) as connection:
        found = fingerprint(connection, made.table)
    seal = sealed(fraud)
    assert (seal.fingerprint, seal.marks.rows) == (found, 191)
    assert (fraud.publish(made).fingerprint, reckoned) == (found, [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE staging.{} SET amount = amount + 1 WHERE _id = '8'",
        "DELETE FROM staging.{0} WHERE _id = '8'; INSERT INTO staging.{0} TABLE staging.{0} LIMIT 1",
        "ALTER TABLE staging.{} ADD COLUMN note text DEFAULT 'x'",
        "ALTER TABLE staging.{0} DROP COLUMN _seed; ALTER TABLE staging.{0} ADD COLUMN _seed bigint DEFAULT 7",
        "ALTER TABLE staging.{} RENAME COLUMN reference TO note",
        "ALTER TABLE staging.{0} RENAME COLUMN id TO x; ALTER TABLE staging.{0} RENAME COLUMN customer TO id;"
        " ALTER TABLE staging.{0} RENAME COLUMN x TO customer",
        "ALTER TABLE staging.{} DROP COLUMN reference",
        "ALTER TABLE staging.{} ALTER COLUMN reference TYPE varchar",
        "ALTER TABLE staging.{} ALTER COLUMN id TYPE bigint",
        "ALTER TABLE staging.{} ALTER COLUMN reference TYPE text USING upper(reference)",
    ],
)
def test_a_table_that_was_changed_after_its_audit_is_not_published(fraud, statement):
    made = fraud.audit(fraud.balanced())
    fraud.execute(in_table(statement, made))
    with pytest.raises(FatalError, match=r"Only what was audited is published, and .* trigger a new run"):
        fraud.publish(made)
    assert fraud.execute("SELECT to_regclass('datasets.fraud_v1')") == [(None,)]


@pytest.mark.parametrize("column", ["is_fraud", "_split"])
def test_a_column_that_is_counted_by_and_gone_is_told(fraud, column):
    made = fraud.audit(fraud.balanced())
    fraud.execute(in_table(f"ALTER TABLE staging.{{}} RENAME COLUMN {column} TO other", made))
    with pytest.raises(FatalError, match=rf'has lost a column: column "{column}" does not exist'):
        fraud.publish(made)


@pytest.mark.parametrize("savepoint", [False, True])
def test_a_transaction_that_had_begun_before_the_audit_and_writes_after_it_is_found(fraud, savepoint):
    writer = connect(fraud.url, role="sluice_writer")
    cursor = writer.cursor()
    # A transaction has its number when it first writes, and a savepoint its own.
    cursor.execute("CREATE TABLE staging.elsewhere (n int)")
    if savepoint:
        cursor.execute("SAVEPOINT inner_one; INSERT INTO staging.elsewhere VALUES (1)")
    made = fraud.audit(fraud.balanced())
    cursor.execute(
        in_table("UPDATE staging.{} SET amount = amount + 1 WHERE _id = '8' RETURNING xmin::text", made)
    )
    ((number,),) = cursor.fetchall()
    writer.commit()
    writer.close()
    marks = sealed(fraud).marks
    assert int(number) < min(map(int, marks.writers)) < marks.upcoming
    with pytest.raises(FatalError, match="it was written to"):
        fraud.publish(made)


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM staging.{}",
        "VACUUM (FREEZE) staging.{}",
        "VACUUM (FULL, FREEZE) staging.{}",
        "ANALYZE staging.{}",
        "CREATE INDEX by_id ON staging.{0} (_id); CLUSTER staging.{0} USING by_id; DROP INDEX staging.by_id",
        "BEGIN; UPDATE staging.{} SET amount = 0; ROLLBACK",
        "BEGIN; SELECT FROM staging.{} FOR UPDATE; COMMIT",
        "CREATE TABLE staging.other (n int); DROP TABLE staging.other",
    ],
)
def test_what_keeps_the_rows_keeps_the_proof(fraud, warehouse_admin_url, reckoned, statement):
    made = fraud.audit(fraud.balanced())
    for part in [statement] if statement.startswith("BEGIN") else statement.split("; "):
        alone(warehouse_admin_url, in_table(part, made))
    assert fraud.publish(made).fingerprint == sealed(fraud).fingerprint
    assert reckoned == []


def test_a_write_that_publish_waits_for_is_seen_whatever_the_servers_isolation(fraud, warehouse_admin_url):
    database = warehouse_admin_url.rsplit("/", 1)[1]
    alone(warehouse_admin_url, f"ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'")
    made = fraud.audit(fraud.balanced())
    writer = writing(fraud, made)
    publish = beside(lambda: fraud.publish(made))
    waits(fraud, "ShareRowExclusiveLock")
    writer.commit()
    writer.close()
    with pytest.raises(FatalError, match="it was written to"):
        publish.result(60)


def test_rows_that_are_the_same_but_written_again_are_published_by_their_fingerprint(fraud, reckoned, caplog):
    made = fraud.audit(fraud.balanced())
    fraud.execute(in_table("UPDATE staging.{} SET amount = amount WHERE _id = '8'", made))
    with caplog.at_level(logging.INFO):
        version = fraud.publish(made)
    assert (version.fingerprint, reckoned) == (sealed(fraud).fingerprint, [made.table])
    assert "holds the audited rows, as its fingerprint says: it was written to" in caplog.text


def test_a_table_made_again_with_the_same_rows_is_published_by_their_fingerprint(fraud, reckoned):
    made = fraud.audit(fraud.balanced())
    fraud.execute(in_table(SAME_AGAIN, made))
    assert (fraud.publish(made).fingerprint, reckoned) == (sealed(fraud).fingerprint, [made.table])


def test_an_audit_of_an_older_release_sealed_nothing_and_its_table_is_published(
    fraud, warehouse_admin_url, reckoned
):
    made = fraud.audit(fraud.balanced())
    found = sealed(fraud).fingerprint
    alone(warehouse_admin_url, "ALTER TABLE sluice.validations DISABLE TRIGGER append_only;"
                               " UPDATE sluice.validations SET seal = NULL")  # fmt: skip
    assert (fraud.publish(made).fingerprint, reckoned) == (found, [made.table])


def test_the_retry_of_an_audit_that_sees_other_rows_is_refused(fraud):
    made = fraud.audit(fraud.balanced())
    # No rule speaks of it.
    fraud.execute(in_table("ALTER TABLE staging.{} ADD COLUMN note text", made))
    with pytest.raises(FatalError, match=r"on record for other rows of fraud: .* trigger a new run") as caught:
        fraud.audit(made)
    assert not isinstance(caught.value, GateRejected)


def test_the_retry_of_an_audit_of_the_same_rows_made_again_keeps_what_is_recorded(fraud):
    made = fraud.audit(fraud.balanced())
    first = sealed(fraud)
    assert fraud.audit(fraud.balanced()) == made
    assert sealed(fraud) == first
    assert fraud.publish(made).fingerprint == first.fingerprint


def test_a_writer_that_is_at_it_is_waited_for_and_what_it_wrote_is_audited(fraud):
    made = fraud.balanced()
    writer = writing(fraud, made)
    audit = beside(lambda: fraud.audit(made))
    waits(fraud, "ShareLock")
    writer.commit()
    writer.close()
    with pytest.raises(GateRejected, match="real rows are as they passed the gate failed: 1 rows"):
        audit.result(60)


def test_a_writer_that_does_not_end_is_told(fraud):
    made = fraud.balanced()
    writer = writing(fraud, made)
    with pytest.raises(RetriableError, match=r"was not left alone within 0\.2 s: others write to it"):
        fraud.audit(made, patience=0.2)
    writer.close()
    assert fraud.audit(made) == made


def test_while_an_audit_looks_nobody_writes(fraud):
    made = fraud.balanced()
    # The audit compares with the table that passed the gate, which it cannot read as long as this goes on.
    holder = connect(fraud.url, role="sluice_writer")
    holder.cursor().execute("LOCK TABLE staging.passed IN ACCESS EXCLUSIVE MODE")
    audit = beside(lambda: fraud.audit(made))
    waits(fraud, "AccessShareLock")
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        fraud.execute(sql.SQL("SET LOCAL lock_timeout = '100ms'; ") + in_table("DELETE FROM staging.{}", made))
    holder.close()
    assert audit.result(60) == made
    assert fraud.publish(made).rows == 191


def test_what_others_keep_for_themselves_is_not_waited_for_for_ever(fraud):
    made = fraud.balanced()
    holder = connect(fraud.url, role="sluice_writer")
    holder.cursor().execute("LOCK TABLE staging.passed IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(RetriableError, match=r"was not left alone within 0\.5 s"):
        fraud.audit(made, patience=0.5)
    holder.close()
