"""Marks: what tells that a table's rows are the same, and each thing that makes it a doubt."""

import json
from dataclasses import replace

import pytest

from include.warehouse.connection import transaction
from include.warehouse.seal import HALF, Marks, Seal, broken, count_writers, read_marks

THEN = Marks("7", 16999, 2**32 + 800, ((1, "id", "integer"), (3, "name", "text")), True, {"790": 5, "799": 2})


def of(url, table="t"):
    with transaction(url) as connection, connection.cursor() as cursor:
        return read_marks(cursor, table, count_writers(cursor, table))


def execute(url, statement, role="sluice_writer"):
    with transaction(url, role=role) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_later_transaction_of_others_takes_nothing_from_the_proof():
    assert broken(THEN, replace(THEN, upcoming=THEN.upcoming + 1_000_000)) is None


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"server": "8"}, "server"),
        ({"table": 17000}, "made again"),
        ({"columns": ((1, "id", "integer"), (3, "name", "character varying"))}, "columns"),
        ({"columns": ((1, "id", "integer"), (3, "title", "text"))}, "columns"),
        ({"columns": ((1, "id", "integer"), (4, "name", "text"))}, "columns"),
        ({"plain": False}, "text"),
        ({"writers": {"790": 5, "801": 2}}, "written to"),
        ({"writers": {"790": 4, "799": 2}}, "written to"),
        ({"writers": {"790": 5, "799": 1, "801": 1}}, "written to"),
        ({"upcoming": THEN.upcoming + HALF}, "come again"),
    ],
)
def test_whatever_may_go_with_other_rows_is_a_doubt(change, doubt):
    assert doubt in broken(THEN, replace(THEN, **change))


def test_without_the_servers_identifier_on_either_side_nothing_is_proven():
    unknown = replace(THEN, server=None)
    assert "server" in broken(unknown, unknown)


@pytest.mark.parametrize(
    ("upcoming", "writer", "proven"),
    [
        (2**32 + 3, "4294967295", True),
        (2**32 + HALF + 100, "101", True),
        (2**32 + HALF + 100, "100", False),
        (2**32 + 5, "6", False),
    ],
)
def test_numbers_are_told_apart_on_the_circle(upcoming, writer, proven):
    marks = replace(THEN, upcoming=upcoming, writers={writer: 1})
    assert (broken(marks, marks) is None) == proven


def test_a_seal_comes_back_from_json_as_it_was():
    seal = Seal("5" * 64, THEN)
    assert Seal.from_json(json.loads(json.dumps(seal.as_json()))) == seal
    assert seal.marks.rows == 7


def test_a_tables_marks_are_its_columns_places_and_its_rows_by_writer(warehouse_url):
    execute(warehouse_url, "CREATE TABLE staging.t AS SELECT n, n::text AS gone, 'a'::varchar(5) AS name"
                           " FROM generate_series(1, 5) n; ALTER TABLE staging.t DROP COLUMN gone")  # fmt: skip
    execute(warehouse_url, "INSERT INTO staging.t VALUES (6, 'b')")
    marks = of(warehouse_url)
    assert marks.columns == ((1, "n", "integer"), (3, "name", "character varying(5)"))
    assert sorted(marks.writers.values()) == [1, 5]
    assert marks.plain
    assert int(marks.server) > 0
    assert all(int(number) < marks.upcoming % 2**32 for number in marks.writers)


@pytest.mark.parametrize(
    "column", ["mood staging.mood", "moods staging.mood[]", "twice int GENERATED ALWAYS AS (n * 2) VIRTUAL"]
)
def test_columns_whose_text_can_change_elsewhere_are_not_plain(warehouse_url, column):
    execute(warehouse_url, "CREATE TYPE staging.mood AS ENUM ('calm')")
    execute(warehouse_url, f"CREATE TABLE staging.t (n int, {column})")
    marks = of(warehouse_url)
    assert "text" in broken(marks, marks)


def test_where_the_identifier_may_not_be_asked_for_it_is_not(warehouse_url, warehouse_admin_url):
    execute(warehouse_admin_url, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", role=None)
    execute(warehouse_url, "CREATE TABLE staging.t (n int)")
    assert of(warehouse_url).server is None
