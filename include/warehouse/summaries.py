"""Summaries of a table's columns: counted where the table lies, and kept beside the run that they were made in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from include.core.summary import BITS, HUGE, LIMIT, Moments, Summary, of_numbers, of_words
from include.warehouse.versions import Version, column_types

Summaries = dict[str, Summary]
# What is made of each row, as a FROM clause of the rows with it.
Rows = Callable[[Iterable[sql.Composable]], sql.Composable]

# Types that are summed up as numbers. Times count in seconds from the year 2000, as Postgres itself does.
_PLAIN = ("smallint", "integer", "bigint", "real", "double precision")
_TIMES = ("date", "timestamp")

# The rows with what is counted of them, reckoned once a row: without OFFSET 0 the planner would write each
# expression out wherever it is named.
_ROWS = "(SELECT {fresh} AS fresh, {columns} FROM {table} AS t {known} OFFSET 0) AS r"
# Every column counted by the first bits of its double (-0 + 0 is 0), or by its words: one scan, a hash table each.
_COUNTED = """
WITH counted AS MATERIALIZED (
    SELECT fresh, CASE {place} END AS place, CASE {key} END AS key, CASE {word} END AS word, count(*) AS rows
    FROM {rows} GROUP BY GROUPING SETS ({sets})
), ranked AS (
    SELECT fresh, place, word, rows,
        row_number() OVER (PARTITION BY fresh, place ORDER BY rows DESC, word COLLATE "C") <= {limit} AS named,
        (get_byte(sha256(convert_to(word, 'UTF8')), 0) << 4)
        + (get_byte(sha256(convert_to(word, 'UTF8')), 1) >> 4) AS hash
    FROM counted WHERE word IS NOT NULL
)
SELECT fresh, place, key, NULL AS word, rows FROM counted WHERE word IS NULL
UNION ALL
SELECT fresh, place, CASE WHEN NOT named THEN hash END, CASE WHEN named THEN word END, sum(rows)::bigint
FROM ranked GROUP BY 1, 2, 3, 4
ORDER BY 1, 2
"""
_MOMENTS = "SELECT fresh, {moments} FROM {rows} GROUP BY 1"
_MOMENTS_OF = ", ".join(
    f"{what}({{number}}) FILTER (WHERE abs({{number}}) < {{huge}})"
    for what in ("count", "avg", "var_pop", "min", "max")
)


def summarise(
    connection: Connection, schema: str, table: str, columns: Sequence[str], words: Sequence[str] = ()
) -> Summaries:
    """The summary of each column of a table; FatalError if there is no such table.

    Numbers, dates and times are summed up as numbers, all else and the columns `words` by their text. Of a
    version only the real rows count.
    """
    real = sql.SQL("(SELECT * FROM {} WHERE _origin = 'real')") if schema == "datasets" else sql.SQL("{}")
    source = real.format(sql.Identifier(schema, table))
    kinds = _kinds(connection, schema, table, columns, words)
    found = _count(connection, source, kinds, sql.SQL("true"), sql.SQL(""))
    return found.get(True, _empty(kinds))


def summarise_against(
    connection: Connection, passed: str, version: Version, columns: Sequence[str], words: Sequence[str] = ()
) -> tuple[Summaries, Summaries]:
    """The summaries of a gated table's rows whose `_id` the version does not have, and of those it has."""
    kinds = _kinds(connection, "staging", passed, columns, words)
    known = sql.SQL("LEFT JOIN {} AS v ON v._id = t._id AND v._origin = 'real'").format(
        sql.Identifier("datasets", version.table)
    )
    found = _count(connection, sql.Identifier("staging", passed), kinds, sql.SQL("v._id IS NULL"), known)
    return found.get(True, _empty(kinds)), found.get(False, _empty(kinds))


def keep(connection: Connection, dataset: str, run: str, found: Mapping[str, Summary]) -> None:
    """Record the summaries of what passed the gate in this run, in the caller's transaction."""
    with connection.cursor() as cursor:
        for column, summary in found.items():
            cursor.execute(
                'INSERT INTO sluice.summaries (dataset, run, "column", summary) VALUES (%s, %s, %s, %s)',
                (dataset, run, column, Json(summary.as_json())),
            )


def kept(connection: Connection, dataset: str, run: str) -> Summaries:
    """The summaries that were recorded with the run, by column; empty if none were."""
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT "column", summary FROM sluice.summaries WHERE dataset = %s AND run = %s'
            ' ORDER BY "column" COLLATE "C"',
            (dataset, run),
        )
        return {column: Summary.from_json(found) for column, found in cursor.fetchall()}


def _kinds(
    connection: Connection, schema: str, table: str, columns: Sequence[str], words: Sequence[str]
) -> dict[str, str | None]:
    """The SQL type of each column that is summed up as numbers; None where its words are counted."""
    with connection.cursor() as cursor:
        types = column_types(cursor, table, schema)
    return {name: types[name] if name not in words and _is_number(types[name]) else None for name in columns}


def _is_number(kind: str) -> bool:
    return kind in _PLAIN or kind.startswith(("numeric", *_TIMES))


def _count(
    connection: Connection,
    table: sql.Composable,
    kinds: Mapping[str, str | None],
    fresh: sql.Composable,
    known: sql.Composable,
) -> dict[bool, Summaries]:
    """Two scans, whatever the number of columns: cells by bin, and moments; by whether the row is fresh."""
    if not kinds:
        return {}

    def rows(columns: Iterable[sql.Composable]) -> sql.Composable:
        return sql.SQL(_ROWS).format(fresh=fresh, columns=sql.SQL(", ").join(columns), table=table, known=known)

    numbers = {name: _number(name, kind) for name, kind in kinds.items() if kind is not None}
    moments = _moments(connection, rows, numbers)
    names = list(kinds.items())
    found: dict[bool, Summaries] = {}
    for (is_fresh, place), groups in groupby(_cells(connection, rows, kinds, numbers), key=itemgetter(0, 1)):
        name, kind = names[place]
        cells = [group[2:] for group in groups]
        summary = _words(cells) if kind is None else _numbers(cells, moments[is_fresh, name])
        found.setdefault(is_fresh, {})[name] = summary
    return found


def _cells(
    connection: Connection,
    rows: Rows,
    kinds: Mapping[str, str | None],
    numbers: Mapping[str, sql.Composable],
) -> list[tuple[Any, ...]]:
    """(fresh, place of the column, bin or hash, word, rows), in that order."""
    bins = sql.SQL("(float8send({} + 0)::bigint >> {})::int")
    shift = sql.Literal(64 - BITS)
    cells = [
        bins.format(numbers[name], shift) if kind else sql.SQL("t.{}::text").format(sql.Identifier(name))
        for name, kind in kinds.items()
    ]
    places = [sql.Identifier(f"cell_{place}") for place in range(len(cells))]
    counted = [sql.SQL("WHEN grouping({}) = 0 THEN ").format(place) for place in places]
    word = [kind is None for kind in kinds.values()]

    def case(values: Iterable[sql.Composable]) -> sql.Composable:
        return sql.SQL(" ").join(when + value for when, value in zip(counted, values, strict=True))

    query = sql.SQL(_COUNTED).format(
        rows=rows(sql.SQL("{} AS {}").format(*each) for each in zip(cells, places, strict=True)),
        place=case(map(sql.Literal, range(len(cells)))),
        key=case(sql.SQL("NULL::int") if is_word else cell for cell, is_word in zip(places, word, strict=True)),
        word=case(cell if is_word else sql.SQL("NULL::text") for cell, is_word in zip(places, word, strict=True)),
        sets=sql.SQL(", ").join(sql.SQL("(fresh, {})").format(place) for place in places),
        limit=sql.Literal(LIMIT),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _number(name: str, kind: str) -> sql.Composable:
    """A column as doubles; numbers that no double holds become Infinity or 0."""
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    if kind.startswith(_TIMES):
        return sql.SQL("extract(epoch FROM {}::timestamptz - '2000-01-01 00:00Z')::float8").format(column)
    if kind.startswith("numeric"):
        return sql.SQL(
            "CASE WHEN abs({0}) > 1e308 THEN sign({0})::float8 * 'Infinity' WHEN abs({0}) < 1e-307 THEN 0"
            " ELSE {0}::float8 END"
        ).format(column)
    return sql.SQL("{}::float8").format(column)


def _moments(
    connection: Connection, rows: Rows, numbers: Mapping[str, sql.Composable]
) -> dict[tuple[bool, str], Moments]:
    if not numbers:
        return {}
    places = {name: sql.Identifier(f"number_{place}") for place, name in enumerate(numbers)}
    each = [sql.SQL(_MOMENTS_OF).format(number=place, huge=sql.Literal(HUGE)) for place in places.values()]
    columns = [sql.SQL("{} AS {}").format(number, places[name]) for name, number in numbers.items()]
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(_MOMENTS).format(moments=sql.SQL(", ").join(each), rows=rows(columns)))
        for is_fresh, *values in cursor.fetchall():
            for place, name in enumerate(numbers):
                count, mean, variance, low, high = values[5 * place : 5 * place + 5]
                found[is_fresh, name] = Moments(count, mean or 0.0, (variance or 0.0) * count, low, high)
    return found


def _numbers(groups: Sequence[tuple[Any, ...]], moments: Moments) -> Summary:
    return of_numbers({key: rows for key, _word, rows in groups}, moments)


def _words(groups: Sequence[tuple[Any, ...]]) -> Summary:
    named = {word: rows for _hash, word, rows in groups if word is not None}
    others = {hash_: rows for hash_, word, rows in groups if word is None and hash_ is not None}
    nulls = sum(rows for hash_, word, rows in groups if word is None and hash_ is None)
    return of_words(nulls, named, others)


def _empty(kinds: Mapping[str, str | None]) -> Summaries:
    return {name: Summary("word" if kind is None else "number") for name, kind in kinds.items()}
