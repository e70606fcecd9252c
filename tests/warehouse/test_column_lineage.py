"""Where a query's columns come from, by the server's own reading of it."""

import pytest
from psycopg2 import sql

from include.warehouse.column_lineage import lineage
from include.warehouse.connection import transaction

TABLES = """
CREATE TABLE staging.a (k int, x text, "weird ( name" int);
CREATE TABLE staging.b (k int, y int);
"""


@pytest.fixture(scope="module")
def trace(postgres):
    """Gives the lineage of a query over `a (k, x, "weird ( name")` and `b (k, y)`, in short."""
    from include.warehouse.prepare import prepare

    postgres.create_database("lineage")
    prepare(postgres.url("lineage"), login="sluice", password="a test's own password")
    url = postgres.url("lineage", user="sluice", password="a test's own password")
    with transaction(url) as connection:
        connection.cursor().execute(TABLES)

    def short(query):
        with transaction(url) as connection, connection.cursor() as cursor:
            found = lineage(cursor, sql.SQL(query))
        told = {
            name: {f"{s.table.removeprefix('staging.')}.{s.column}": s.by for s in sources}
            for name, sources in found.columns.items()
        }
        return told, {f"{s.table.removeprefix('staging.')}.{s.column}" for s in found.rows}

    return short


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT * FROM staging.b AS q", {"k": {"b.k": "identity"}, "y": {"b.y": "identity"}}),
        ("SELECT k + 1 AS n, 'c' AS c FROM staging.a", {"n": {"a.k": "transformation"}, "c": {}}),
        ('SELECT "weird ( name" AS ":odd" FROM staging.a', {":odd": {"a.weird ( name": "identity"}}),
        (
            "SELECT x, y FROM staging.a JOIN staging.b USING (k)",
            {"x": {"a.x": "identity"}, "y": {"b.y": "identity"}},
        ),
        (
            "SELECT k FROM staging.a FULL JOIN staging.b USING (k)",
            {"k": {"a.k": "transformation", "b.k": "transformation"}},
        ),
        (
            "SELECT x, max(k) AS m, count(*) FILTER (WHERE k > 1) AS n FROM staging.a GROUP BY x",
            {"x": {"a.x": "identity"}, "m": {"a.k": "aggregation"}, "n": {"a.k": "filter"}},
        ),
        (
            "SELECT sum(k) OVER (PARTITION BY x) AS s, lag(x) OVER (ORDER BY k) AS l FROM staging.a",
            {"s": {"a.k": "aggregation", "a.x": "window"}, "l": {"a.x": "transformation", "a.k": "window"}},
        ),
        (
            "SELECT k IN (SELECT b.k FROM staging.b WHERE y = 3) AS i FROM staging.a",
            {"i": {"a.k": "transformation", "b.k": "transformation", "b.y": "filter"}},
        ),
        (
            "SELECT EXISTS (SELECT 1 FROM staging.b WHERE b.k = a.k) AS e FROM staging.a",
            {"e": {"a.k": "filter", "b.k": "filter"}},
        ),
        (
            "SELECT (SELECT y FROM staging.b WHERE b.k = a.k LIMIT 1) AS z FROM staging.a",
            {"z": {"b.y": "transformation", "b.k": "filter", "a.k": "filter"}},
        ),
        (
            "SELECT * FROM (SELECT x, k FROM staging.a UNION ALL SELECT 'b', y FROM staging.b) q",
            {"x": {"a.x": "identity"}, "k": {"a.k": "identity", "b.y": "identity"}},
        ),
        (
            "WITH c AS (SELECT k * 2 AS d, x FROM staging.a), e AS (SELECT * FROM c) SELECT d, x FROM e",
            {"d": {"a.k": "transformation"}, "x": {"a.x": "identity"}},
        ),
        (
            "WITH RECURSIVE r AS (SELECT k, x FROM staging.a UNION ALL SELECT r.k + 1, r.x FROM r WHERE r.k < 3)"
            " SELECT x FROM r",
            {"x": {"a.x": "identity"}},
        ),
        (
            "SELECT l.t, g FROM staging.a, LATERAL (SELECT a.k + 1 AS t) l, generate_series(1, a.k) g",
            {"t": {"a.k": "transformation"}, "g": {"a.k": "transformation"}},
        ),
        ("SELECT v.z FROM (VALUES (1), (2)) AS v (z)", {"z": {}}),
        (
            "SELECT CASE WHEN k > 1 THEN x END AS c, x::varchar(3) AS s FROM staging.a",
            {"c": {"a.k": "transformation", "a.x": "transformation"}, "s": {"a.x": "transformation"}},
        ),
    ],
)  # fmt: skip
def test_every_column_leads_to_those_it_was_made_of(trace, query, columns):
    assert trace(query)[0] == columns


def test_joins_and_conditions_decide_which_rows_there_are_wherever_they_stand(trace):
    query = (
        "WITH c AS (SELECT k FROM staging.a WHERE x LIKE 'z%')"
        " SELECT count(*) AS n FROM c JOIN staging.b ON b.k = c.k GROUP BY b.y HAVING max(b.y) > 1"
    )
    assert trace(query) == ({"n": {}}, {"a.x", "a.k", "b.k", "b.y"})


def test_a_long_chain_of_queries_is_read_once(trace):
    chain = ", ".join(f"c{n} AS (SELECT l.*, l.k + r.k AS s{n} FROM c{n - 1} l, c{n - 1} r)" for n in range(1, 13))
    columns, _ = trace(f"WITH c0 AS (SELECT k FROM staging.a), {chain} SELECT s12 FROM c12")
    assert columns == {"s12": {"a.k": "transformation"}}
