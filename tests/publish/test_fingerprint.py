"""The fingerprint: the same for the same rows in any order, another for any other byte."""

from hashlib import sha256

import pytest
from psycopg2 import sql

from include.core.errors import FatalError
from include.publish.fingerprint import fingerprint
from include.warehouse.connection import connect, transaction

COLUMNS = "n bigint, name text, price numeric(8, 2), at timestamptz, score float8, facts jsonb, ids text[]"
ROWS = [
    "(1, 'a', 1.50, '2026-01-01 12:00+01', 0.1, '{\"b\": 1, \"a\": 2}', '{x,y}')",
    "(2, NULL, 2, '2026-01-02Z', 'NaN', NULL, '{}')",
    "(3, '', NULL, NULL, 1e-300, '[]', NULL)",
]


def of(url, rows=ROWS, columns=COLUMNS):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS staging.t; CREATE TABLE staging.t ({columns});"
                       + "".join(f"INSERT INTO staging.t VALUES {row};" for row in rows))  # fmt: skip
        return fingerprint(connection, "t")


def test_it_is_the_hash_of_the_schema_and_the_sorted_hashes_of_the_rows_texts(warehouse_url):
    schema = (
        '[["n", "bigint"], ["name", "text"], ["price", "numeric(8,2)"], ["at", "timestamp with time zone"],'
        ' ["score", "double precision"], ["facts", "jsonb"], ["ids", "text[]"]]'
    )
    texts = [
        '(1,a,1.50,"2026-01-01 11:00:00+00",0.1,"{""a"": 2, ""b"": 1}","{x,y}")',
        '(2,,2.00,"2026-01-02 00:00:00+00",NaN,,{})',
        '(3,"",,,1e-300,[],)',
    ]
    rows = sorted(sha256(text.encode()).hexdigest() for text in texts)
    assert of(warehouse_url) == sha256("\n".join([schema, *rows, ""]).encode()).hexdigest()


def test_the_order_of_rows_does_not_matter(warehouse_url):
    assert of(warehouse_url, ROWS[::-1]) == of(warehouse_url)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:2],
        [*ROWS, ROWS[0]],
        [*ROWS[:2], ROWS[2].replace("''", "NULL")],
        [*ROWS[:2], ROWS[2].replace("''", "' '")],
        [ROWS[0].replace("0.1,", "0.10000000000000002,"), *ROWS[1:]],
        [ROWS[0].replace("{x,y}", "{y,x}"), *ROWS[1:]],
    ],
)
def test_any_other_row_gives_another(warehouse_url, rows):
    assert of(warehouse_url, rows) != of(warehouse_url)


@pytest.mark.parametrize(
    ("old", "new"), [("name text", "title text"), ("n bigint", "n integer"), ("8, 2", "9, 2")]
)
def test_another_schema_gives_another(warehouse_url, old, new):
    assert of(warehouse_url, columns=COLUMNS.replace(old, new)) != of(warehouse_url)


def test_an_equal_value_that_was_spelled_otherwise_gives_the_same(warehouse_url):
    spelled = (
        ROWS[0].replace("2026-01-01 12:00+01", "2026-01-01 11:00Z").replace('"b": 1, "a": 2', '"a": 2,  "b": 1')
    )
    assert of(warehouse_url, [spelled, *ROWS[1:]]) == of(warehouse_url)


# Of each type: a value, spellings of the same value, and values that are others.
CANON = {
    "text": ("'é'", ["E'\\u00e9'"], ["E'e\\u0301'", "'É'", "'é '"]),
    "char(3)": ("'a'", ["'a  '"], ["' a'"]),
    "float8": ("'-0'", ["'-0.0'"], ["'0'", "'1e-323'"]),
    "float4": ("'NaN'", ["'nan'", "'Infinity'::float4 - 'Infinity'::float4"], ["'Infinity'", "NULL"]),
    "numeric": ("1.0", ["'1.0'", "10e-1"], ["1.00", "1"]),
    "numeric(6, 2)": ("1.0", ["1.00", "1"], ["1.01"]),
    "timestamptz": ("'2026-01-01 12:00+01'", ["'2026-01-01 11:00Z'"], ["'2026-01-01 12:00Z'"]),
    "timestamp": ("'2026-01-01 12:00'", ["'2026-01-01T12:00:00.000'"], ["'2026-01-01 12:00:00.000001'"]),
    "interval": ("'1 day'", ["'P1D'"], ["'24 hours'"]),
    "json": ("'{\"a\": 1}'", [], ["'{\"a\":1}'"]),
    "jsonb": ('\'{"b": 1, "a": 2}\'', ['\'{"a":2,  "b":0, "b":1}\''], ['\'{"b": 1.0, "a": 2}\'']),
    "bytea": ("'\\x00ff'", ["decode('AP8=', 'base64')"], ["'\\x00fe'", "''"]),
    "text[]": (
        "'{a,NULL}'",
        ["ARRAY['a', NULL]"],
        ["ARRAY['a', 'NULL']", "'{{a,NULL}}'", "'[0:1]={a,NULL}'", "'{}'"],
    ),
    "money": ("'1234.5'", ["'$1,234.50'"], ["'1234.51'"]),
}


@pytest.mark.parametrize("kind", CANON)
def test_a_value_has_one_form_whatever_its_spelling(warehouse_url, kind):
    value, same, other = CANON[kind]
    columns = f"v {kind}"
    known = of(warehouse_url, [f"({value})"], columns)
    assert [of(warehouse_url, [f"({spelled})"], columns) == known for spelled in (*same, *other)] == [
        *[True for _ in same], *[False for _ in other],
    ]  # fmt: skip


def test_the_rows_are_hashed_on_all_cores_and_the_fingerprint_is_the_same(warehouse_url):
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE staging.t AS SELECT n, 'row ' || n AS name FROM generate_series(1, 50000) AS n"
        )
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        alone = fingerprint(connection, "t")
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 2; SET LOCAL min_parallel_table_scan_size = 0")
        assert fingerprint(connection, "t") == alone
        cursor.execute("EXPLAIN SELECT sha256(t::text::bytea) AS d FROM staging.t ORDER BY d")
        assert "Gather Merge" in cursor.fetchone()[0]


def test_settings_of_the_database_do_not_matter(warehouse_url, warehouse_admin_url):
    before = of(warehouse_url)
    admin = connect(warehouse_admin_url)
    database = sql.Identifier(admin.info.dbname)
    with admin, admin.cursor() as cursor:
        for setting in ("timezone TO 'Asia/Tokyo'", "datestyle TO 'German'", "extra_float_digits TO -5"):
            cursor.execute(sql.SQL("ALTER DATABASE {} SET {}").format(database, sql.SQL(setting)))
    admin.close()
    assert of(warehouse_url) == before


def test_a_table_that_is_not_there_is_refused(warehouse_url):
    with (
        transaction(warehouse_url) as connection,
        pytest.raises(FatalError, match=r"staging\.gone does not exist"),
    ):
        fingerprint(connection, "gone")
