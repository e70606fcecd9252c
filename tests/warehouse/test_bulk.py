"""Columns between Postgres and Arrow: nothing is lost, nothing confused, nothing outside the transaction."""

import math

import pyarrow as pa
import pytest
from psycopg2 import sql

from include.warehouse import bulk
from include.warehouse.connection import connect, transaction

TYPES = {"name": "string", "score": "double", "n": "int64"}
NAMES = ["plain", "", None, 'quo"te', "comma, and\nnewline", "\\N", "\\.", "NULL", "ä€😀", " spaced "]
SCORES = [0.1, -0.0, None, 1e-308, 5e-324, 1.7976931348623157e308, math.pi, math.inf, -math.inf, 1 / 3]
NUMBERS = [0, 1, None, -1, 2**53 + 1, 2**63 - 1, -(2**63), 7, 8, 9]
ROWS = pa.table({"name": NAMES, "score": pa.array(SCORES, pa.float64()), "n": pa.array(NUMBERS, pa.int64())})
QUERY = sql.SQL("SELECT name, score, n FROM pg_temp.t ORDER BY place")


@pytest.fixture
def connection(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(
            "CREATE TEMPORARY TABLE t (place bigint GENERATED ALWAYS AS IDENTITY, n bigint, name text,"
            " score float8)"
        )
        yield connection


def test_what_is_written_is_read_back_bit_for_bit(connection):
    bulk.write(connection, sql.SQL("pg_temp.t"), ROWS)
    found = bulk.read(connection, QUERY, TYPES)
    assert found.to_pydict() == ROWS.to_pydict()
    assert math.copysign(1, found["score"][1].as_py()) == -1


def test_postgres_has_the_values_that_were_written(connection):
    bulk.write(connection, sql.SQL("pg_temp.t"), ROWS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, score, n FROM t ORDER BY place")
        assert cursor.fetchall() == list(zip(NAMES, SCORES, NUMBERS, strict=True))


def test_no_rows_are_a_table_with_typed_columns(connection):
    found = bulk.read(connection, QUERY, TYPES)
    assert (found.num_rows, found.schema.types) == (0, [pa.string(), pa.float64(), pa.int64()])
    bulk.write(connection, sql.SQL("pg_temp.t"), found)
    assert bulk.read(connection, QUERY, TYPES).num_rows == 0


def test_what_was_written_goes_with_its_transaction(warehouse_url):
    connection = connect(warehouse_url, role="sluice_writer")
    connection.cursor().execute("CREATE TABLE staging.t (n bigint)")
    bulk.write(connection, sql.Identifier("staging", "t"), pa.table({"n": [1, 2]}))
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('staging.t')")
        assert cursor.fetchone() == (None,)
    connection.close()


def test_more_than_fits_in_memory_goes_through_a_file(connection, monkeypatch):
    monkeypatch.setattr(bulk, "SPOOL_BYTES", 1000)
    rows = pa.table({"n": pa.array(range(5000), pa.int64())})
    bulk.write(connection, sql.SQL("pg_temp.t"), rows)
    assert bulk.read(connection, sql.SQL("SELECT n FROM pg_temp.t ORDER BY n"), {"n": "int64"}) == rows
