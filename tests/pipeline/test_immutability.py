"""A published version never changes: the database refuses it to its writers, and to superusers by mistake."""

import os

import pytest
from psycopg2 import errors

from include.warehouse.connection import connect

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
