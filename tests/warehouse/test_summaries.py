"""Summaries counted in SQL are those that numpy makes of the same values, and are kept with the run."""

import json
from decimal import Decimal

import numpy as np
import pytest

from benchmarks._summaries import summary_of, summary_of_words
from include.core.summary import Summary, word_bin
from include.warehouse.connection import transaction
from include.warehouse.summaries import keep, kept, summarise, summarise_against
from include.warehouse.versions import Version

DRAW = np.random.default_rng(7)
ODD = [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -1e308, 1e140, 2.0**465, 1.5, -1.5]


@pytest.fixture
def table(warehouse_url):
    """Makes `staging.t` with these columns and gives a connection to its warehouse."""
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:

        def make(rows, **kinds):
            cursor.execute(f"CREATE TABLE staging.t ({', '.join(f'{n} {k}' for n, k in kinds.items())})")
            names = ", ".join(f"{n} {'text' if k == 'text' else k}" for n, k in kinds.items())
            found = [dict(zip(kinds, row, strict=True)) for row in rows]
            cursor.execute(
                f"INSERT INTO staging.t SELECT * FROM jsonb_to_recordset(%s) AS r ({names})", (json.dumps(found),)
            )
            return connection

        yield make


@pytest.mark.parametrize(
    "values",
    [
        ODD,
        [None, None],
        [None, 3.0, 3.0, None],
        DRAW.normal(0, 1, 3_000).tolist(),
        DRAW.lognormal(3, 4, 3_000).tolist(),
        (1.7e9 + DRAW.random(2_000) * 3e7).tolist(),
        DRAW.integers(-20, 20, 2_000).astype(float).tolist(),
    ],
    ids=["odd", "nulls", "few", "normal", "wide", "narrow", "integers"],
)
def test_numbers_are_summed_up_as_numpy_does(table, values):
    spelt = [[None if v is None else repr(v).replace("inf", "Infinity")] for v in values]
    found = summarise(table(spelt, a="float8"), "staging", "t", ["a"])["a"]
    masked = np.ma.masked_array([0.0 if v is None else v for v in values], [v is None for v in values])
    expected = summary_of(masked)
    assert found.moments.deviation == pytest.approx(expected.moments.deviation, rel=1e-7)
    assert found.moments.mean == pytest.approx(expected.moments.mean, rel=1e-7)
    same = {"moments": None}
    assert found.as_json() | same == expected.as_json() | same
    assert (found.moments.low, found.moments.high) == (expected.moments.low, expected.moments.high)


def test_words_are_counted_by_name_and_the_many_by_their_hash(table):
    few = [None if n % 10 == 0 else f"wörd {n % 7}" for n in range(100)]
    many = [f"w{n}" for n in range(700)] + ["often"] * 20
    connection = table([[w, m] for w, m in zip(few + [""] * 620, many, strict=True)], few="text", many="text")
    found = summarise(connection, "staging", "t", ["few", "many"])
    assert found["few"] == summary_of_words(few + [""] * 620)
    assert (found["few"].whole, found["few"].nulls, found["few"].named[""]) == (True, 10, 620)
    assert (found["many"].whole, len(found["many"].named), found["many"].named["often"]) == (False, 512, 20)
    by_hash = {}
    for word in many:
        place = word_bin(word) >> found["many"].level
        by_hash[place] = by_hash.get(place, 0) + 1
    assert found["many"].bins == dict(sorted(by_hash.items()))


def test_every_type_of_column_has_a_summary(table):
    huge = Decimal("1e400")
    rows = [[1, "2.5", "2000-01-01", "2000-01-01 00:01Z", True, "x"], [2, str(huge), "infinity", None, False, "x"]]
    rows += [[2, odd, None, None, None, None] for odd in ("NaN", "-Infinity", "1e-400")]
    kinds = {"i": "int", "n": "numeric", "d": "date", "t": "timestamptz", "b": "boolean", "w": "varchar(9)"}
    found = summarise(table(rows, **kinds), "staging", "t", list(kinds), words=["i"])
    assert {name: s.kind for name, s in found.items()} == {
        "i": "word", "n": "number", "d": "number", "t": "number", "b": "word", "w": "word",
    }  # fmt: skip
    assert (found["i"].named, found["b"].named) == ({"1": 1, "2": 4}, {"true": 1, "false": 1})
    assert (found["n"].moments.mean, found["n"].odd) == (1.25, {"-Infinity": 1, "Infinity": 1, "NaN": 1})
    assert (found["d"].moments.mean, found["d"].odd) == (0.0, {"Infinity": 1})
    assert (found["t"].moments.mean, found["t"].nulls) == (60.0, 4)


def test_the_order_of_rows_changes_nothing(table):
    values = DRAW.normal(1e6, 1, 2_000).tolist()
    connection = table([[v] for v in values], a="float8")
    found = summarise(connection, "staging", "t", ["a"])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE staging.u AS SELECT * FROM staging.t ORDER BY md5(a::text)")
    assert summarise(connection, "staging", "u", ["a"]) == found


def test_an_empty_table_has_empty_summaries(table):
    connection = table([], a="int", w="text")
    assert summarise(connection, "staging", "t", ["a", "w"]) == {"a": Summary("number"), "w": Summary("word")}
    assert summarise(connection, "staging", "t", []) == {}


def test_fresh_rows_and_known_ones_are_told_apart_by_their_id(warehouse_admin_url):
    with transaction(warehouse_admin_url, role=None) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE datasets.d_v1 AS SELECT n AS a, n::text AS _id, 'real' AS _origin"
            " FROM generate_series(1, 5) n UNION ALL SELECT 9, '9', 'smote'"
        )
        cursor.execute("CREATE TABLE staging.p AS SELECT n AS a, n::text AS _id FROM generate_series(4, 9) n")
        version = Version("d", 1, "f", None, True, {})
        fresh, known = summarise_against(connection, "p", version, ["a"])
        assert summarise(connection, "datasets", "d_v1", ["a"])["a"].rows == 5
    assert (fresh["a"].rows, fresh["a"].moments.mean, known["a"].rows, known["a"].moments.mean) == (4, 7.5, 2, 4.5)


def test_summaries_are_kept_with_the_run(table):
    connection = table([[1, "x"], [None, "y"]], a="int", w="text")
    found = summarise(connection, "staging", "t", ["a", "w"])
    keep(connection, "d", "run 1", found)
    assert kept(connection, "d", "run 1") == found
    assert kept(connection, "d", "run 2") == {}
