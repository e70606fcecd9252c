"""The shape of a version's table, and the list of what has been published."""

from datetime import UTC, datetime

import pytest
from psycopg2 import sql

from include.core.errors import FatalError
from include.warehouse import versions
from include.warehouse.connection import transaction

MONDAY, TUESDAY = datetime(2026, 5, 4, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC)


@pytest.fixture
def connection(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(
            "CREATE TABLE staging.passed AS SELECT 1 AS id, 2.5::numeric(6, 2) AS amount, '1' AS _id,"
            " 'train' AS _split"
        )
        yield connection


def publish(connection, dataset, fingerprint, at):
    connection.cursor().execute("CREATE TABLE staging.made (id bigint)")
    published = versions.publish(connection, dataset, "made", fingerprint, {"run": fingerprint}, at)
    connection.cursor().execute("DROP TABLE IF EXISTS staging.made")
    return published


def test_a_version_begins_with_the_real_rows_and_their_provenance(connection):
    with connection.cursor() as cursor:
        assert versions.begin(cursor, "version", "passed", ["id", "amount"]) == 1
        assert versions.column_types(cursor, "version") == {
            "id": "integer", "amount": "numeric(6,2)", **versions.PROVENANCE,
        }  # fmt: skip
        cursor.execute("SELECT * FROM staging.version")
        (row,) = cursor.fetchall()
        assert (row[0], float(row[1]), *row[2:]) == (1, 2.5, "1", "train", "real", [], None, None, None)


def test_beginning_again_starts_clean(connection):
    with connection.cursor() as cursor:
        for _retry in range(2):
            versions.begin(cursor, "version", "passed", ["id"])
            added = {"_id": sql.Literal("made"), "_origin": sql.Literal("smote")}
            assert versions.add_made(cursor, "version", added, sql.SQL("generate_series(1, 2)")) == 2
        cursor.execute("SELECT count(*), count(id) FROM staging.version")
        assert cursor.fetchone() == (3, 1)


def test_made_values_take_the_columns_type(connection):
    with connection.cursor() as cursor:
        versions.begin(cursor, "version", "passed", ["id", "amount"])
        values = {"id": sql.SQL("2.5::float8"), "amount": sql.SQL("0.125::float8"), "_id": sql.Literal("made")}
        versions.add_made(cursor, "version", values, sql.SQL("generate_series(1, 1)"))
        cursor.execute("SELECT id, amount::text FROM staging.version WHERE _id = 'made'")
        assert cursor.fetchone() == (2, "0.13")


def test_versions_are_listed_by_dataset_newest_first(connection):
    assert publish(connection, "fraud", "f1", MONDAY) == (1, True, True)
    assert publish(connection, "fraud", "f2", TUESDAY) == (2, True, True)
    assert publish(connection, "digits", "d1", MONDAY) == (1, True, True)
    assert publish(connection, "fraud", "f1", TUESDAY) == (1, False, True)
    found = [(v.table, v.fingerprint, v.published_at, v.current) for v in versions.list_versions(connection)]
    assert found == [
        ("digits_v1", "d1", MONDAY, True),
        ("fraud_v2", "f2", TUESDAY, False),
        ("fraud_v1", "f1", MONDAY, True),
    ]
    assert [v.table for v in versions.list_versions(connection, "digits")] == ["digits_v1"]


def test_the_current_version_is_what_the_view_shows(connection):
    assert versions.current(connection, "fraud") is None
    publish(connection, "fraud", "f1", MONDAY)
    publish(connection, "fraud", "f2", TUESDAY)
    assert versions.current(connection, "fraud").version == 2


def test_a_manifest_is_found_by_its_version(connection):
    publish(connection, "fraud", "f1", MONDAY)
    assert versions.manifest(connection, "fraud", 1) == {"run": "f1", "version": 1, "fingerprint": "f1"}
    with pytest.raises(FatalError, match="fraud has no version 2"):
        versions.manifest(connection, "fraud", 2)
