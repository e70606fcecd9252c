"""Which Arrow type a column gets: one that holds every value exactly, or text."""

import pytest
from psycopg2 import sql

from include.publish.arrow_types import arrow_type, readings
from include.warehouse.connection import transaction
from include.warehouse.versions import column_types


def types_of(url, table):
    with transaction(url) as connection, connection.cursor() as cursor:
        found = readings(cursor, table, column_types(cursor, table, "datasets"))
    return {r.column.name: r.column.arrow for r in found if not r.column.name.startswith("_")}


def test_the_type_is_postgres_own_where_arrow_has_it(warehouse_url, publish):
    table = publish(
        "a boolean, b smallint, c integer, d bigint, e real, f double precision, g text, h bytea, i date,"
        " j timestamp, k timestamptz, l text[], m integer[], n varchar(9), o jsonb, p uuid, q timestamptz[]"
    )
    assert types_of(warehouse_url, table) == {
        "a": "bool", "b": "int16", "c": "int32", "d": "int64", "e": "float", "f": "double", "g": "string",
        "h": "binary", "i": "date32", "j": "timestamp[us]", "k": "timestamp[us, tz=UTC]", "l": "list<string>",
        "m": "list<int32>", "n": "string", "o": "string", "p": "string", "q": "list<string>",
    }  # fmt: skip


def test_the_values_decide_where_the_type_does_not(warehouse_url, publish):
    cases = [
        ("numeric(8, 2)", "NULL", "NULL", "decimal128(38, 2)"),
        ("numeric(8, 2)", "1.5", "NULL", "decimal128(38, 2)"),
        ("numeric(8, 2)", "'NaN'", "1", "string"),
        ("numeric(2, -3)", "12000", "NULL", "decimal128(38, 0)"),
        ("numeric", "NULL", "NULL", "decimal128(38, 0)"),
        ("numeric", "1.5", "-22.125", "decimal128(38, 3)"),
        ("numeric", "1e30", "0.123456789", "decimal256(76, 9)"),
        ("numeric", "1e70", "0.123456789", "string"),
        ("numeric", "1", "'Infinity'", "string"),
        ("date", "'2026-01-01'", "'infinity'", "string"),
        ("timestamptz", "'-infinity'", "NULL", "string"),
        ("integer[]", "'{1}'", "'{{1,2},{3,4}}'", "string"),
    ]
    declared, first, second, expected = zip(*cases, strict=True)
    columns = ", ".join(f"x{n} {kind}" for n, kind in enumerate(declared))
    rows = [f"('{n}', 'train', {', '.join(values)})" for n, values in enumerate((first, second))]
    assert tuple(types_of(warehouse_url, publish(columns, *rows)).values()) == expected


def test_decimals_may_be_floats_instead(warehouse_url, publish):
    table = publish("x numeric(8, 2), n numeric, t text", "('1', 'train', 1.5, 'NaN', 'a')")
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        types = column_types(cursor, table, "datasets")
        found = readings(cursor, table, types, floats=True)
        cursor.execute(sql.SQL("SELECT {} FROM datasets.t_v1").format(sql.SQL(", ").join(r.select for r in found)))
        assert [str(value) for value in cursor.fetchone()][2:] == ["1.5", "nan", "a"]
    assert [r.column.arrow for r in found][2:] == ["double", "double", "string"]


@pytest.mark.parametrize(
    "name",
    [
        "bool",
        "double",
        "date32[day]",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "decimal128(38, 2)",
        "decimal256(76, 9)",
    ],
)
def test_a_type_is_named_as_arrow_names_it(name):
    assert str(arrow_type(name.replace("[day]", ""))) == name
