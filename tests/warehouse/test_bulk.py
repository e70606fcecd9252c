"""Columns between Postgres and Arrow: nothing is lost, nothing confused, nothing outside the transaction."""

import math
import struct

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2 import sql

from include.core.errors import FatalError
from include.warehouse import bulk
from include.warehouse.connection import connect, transaction
from include.warehouse.tuples import Decoder, encode

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


@pytest.mark.parametrize("bound", [("CHUNK_ROWS", 7), ("CHUNK_BYTES", 50)])
def test_chunks_change_nothing(connection, monkeypatch, bound):
    monkeypatch.setattr(bulk, *bound)
    rows = pa.concat_tables([ROWS] * 50)
    bulk.write(connection, sql.SQL("pg_temp.t"), rows)
    assert bulk.read(connection, QUERY, TYPES).combine_chunks() == rows.combine_chunks()


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(
    rows=st.lists(
        st.tuples(
            st.none() | TEXTS,
            st.none() | st.floats(allow_nan=False),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.booleans(),
            st.none() | st.lists(st.integers(-(2**63), 2**63 - 1)),
            st.none() | st.lists(TEXTS),
        )
    )
)
def test_any_values_are_tuples_as_postgres_sends_them(rows):
    schema = pa.schema(
        [
            ("a", pa.string()),
            ("b", pa.float64()),
            ("c", pa.int64()),
            ("d", pa.bool_()),
            ("e", pa.list_(pa.int64())),
            ("f", pa.list_(pa.string())),
        ]
    )
    columns = list(zip(*rows, strict=True)) or [()] * 6
    batch = pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
    kinds = (None, None, None, None, 20, 25)
    assert encode(batch) == b"".join(_tuple(row, kinds) for row in rows)
    if rows:
        sent = [_tuple(row[:4], kinds) for row in rows]
        assert Decoder(pa.schema(list(schema)[:4])).batch(sent) == batch.drop_columns(["e", "f"])


def _tuple(row, kinds):
    """As the manual's page on COPY says, value by value; `kinds` are the oids of the elements of lists."""
    return struct.pack("!h", len(row)) + b"".join(map(_sent, row, kinds))


def _sent(value, kind=None):
    if value is None:
        return struct.pack("!i", -1)
    if isinstance(value, list):
        shape = (1, 0, kind, len(value), 1) if value else (0, 0, kind)
        data = struct.pack(f"!{len(shape)}i", *shape) + b"".join(map(_sent, value))
    elif isinstance(value, str):
        data = value.encode()
    else:
        data = struct.pack({bool: "!?", int: "!q", float: "!d"}[type(value)], value)
    return struct.pack("!i", len(data)) + data


def test_lists_are_arrays_that_postgres_reads(connection):
    connection.cursor().execute("CREATE TEMPORARY TABLE lists (n bigint[], t text[])")
    lists = {"n": [[1, -2, 2**62], [], None], "t": [["a", "", '{"ä,'], None, []]}
    bulk.write(connection, sql.SQL("pg_temp.lists"), pa.table(lists))
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, t FROM lists")
        assert cursor.fetchall() == list(zip(*lists.values(), strict=True))


def test_json_is_jsonb_and_narrow_numbers_keep_their_width(connection):
    connection.cursor().execute("CREATE TEMPORARY TABLE narrow (j jsonb, i integer, s smallint, r real)")
    rows = pa.table(
        {
            "j": pa.array(['{"b": 1.50, "a": [null, "ä"]}', None]).cast(pa.json_(pa.string())),
            "i": pa.array([-(2**31), None], pa.int32()),
            "s": pa.array([2**15 - 1, None], pa.int16()),
            "r": pa.array([0.1, None], pa.float32()),
        }
    )
    assert bulk.write(connection, sql.SQL("pg_temp.narrow"), rows) == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT j::text, i, s, r::text FROM narrow")
        assert cursor.fetchall() == [
            ('{"a": [null, "ä"], "b": 1.50}', -(2**31), 2**15 - 1, "0.1"), (None,) * 4
        ]  # fmt: skip


def test_a_readers_batches_are_written_in_their_order(connection):
    batches = [*ROWS.to_batches(max_chunksize=3), ROWS.to_batches()[0].slice(0, 0), *ROWS.to_batches()]
    reader = pa.RecordBatchReader.from_batches(ROWS.schema, batches)
    assert bulk.write(connection, sql.SQL("pg_temp.t"), reader) == 20
    assert bulk.read(connection, QUERY, TYPES).to_pydict() == pa.concat_tables([ROWS, ROWS]).to_pydict()


def test_what_a_readers_batch_raises_stops_the_copy(connection):
    def batches():
        yield from ROWS.to_batches()
        raise FatalError("no more rows.", fix="none.")

    with pytest.raises(psycopg2.errors.QueryCanceled, match="no more rows"):
        bulk.write(connection, sql.SQL("pg_temp.t"), pa.RecordBatchReader.from_batches(ROWS.schema, batches()))


def test_nan_and_null_stay_apart(connection):
    bulk.write(connection, sql.SQL("pg_temp.t"), pa.table({"score": pa.array([math.nan, None])}))
    found = bulk.read(connection, sql.SQL("SELECT score FROM pg_temp.t ORDER BY place"), {"score": "double"})
    assert math.isnan(found["score"][0].as_py()) and found["score"][1].as_py() is None


def test_a_column_of_another_width_is_refused_by_name(connection):
    with pytest.raises(FatalError, match="Column n is not sent as int64"):
        bulk.read(connection, sql.SQL("SELECT 1::int AS n"), {"n": "int64"})


def test_a_type_that_is_not_written_is_refused_by_name(connection):
    with pytest.raises(FatalError, match="Column n has the Arrow type date32"):
        bulk.write(connection, sql.SQL("pg_temp.t"), pa.table({"n": pa.array([1], pa.date32())}))
