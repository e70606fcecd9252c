"""Summaries of a table's columns: counted where the table lies, and kept beside the run that they were made in."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from include.core.summary import BITS, HUGE, LIMIT, Moments, Summary, of_numbers, of_words
from include.warehouse.versions import Version, column_types

Summaries = dict[str, Summary]

# Types that are summed up as numbers. Times count in seconds from the year 2000, as Postgres itself does.
_PLAIN = ("smallint", "integer", "bigint", "real", "double precision")
_TIMES = ("date", "timestamp")

# Every cell of the columns, counted by the first bits of its double (-0 + 0 is 0), or of its hash.
_COUNTED = """
WITH counted AS MATERIALIZED (
    SELECT {fresh} AS fresh, u.place, (float8send(u.number + 0)::bigint >> {shift})::int AS key, u.word,
        count(*) AS rows
    FROM {table} AS t {known} CROSS JOIN LATERAL (VALUES {cells}) AS u (place, number, word)
    GROUP BY 1, 2, 3, 4
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
_MOMENTS = "SELECT {fresh}, {moments} FROM {table} AS t {known} GROUP BY 1"
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
    rows = {"fresh": fresh, "table": table, "known": known}
    numbers = {name: _number(name, kind) for name, kind in kinds.items() if kind is not None}
    moments = _moments(connection, rows, numbers)
    cells = [
        sql.SQL("({}, {}, {})").format(
            sql.Literal(place),
            numbers.get(name, sql.SQL("NULL::float8")),
            sql.SQL("NULL::text" if kind else "t.{}::text").format(sql.Identifier(name)),
        )
        for place, (name, kind) in enumerate(kinds.items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(_COUNTED).format(
                cells=sql.SQL(", ").join(cells), limit=sql.Literal(LIMIT), shift=sql.Literal(64 - BITS), **rows
            )
        )
        counted = cursor.fetchall()
    found: dict[bool, Summaries] = {}
    for (is_fresh, place), groups in groupby(counted, key=itemgetter(0, 1)):
        name, kind = list(kinds.items())[place]
        cells_of = [group[2:] for group in groups]
        summary = _words(cells_of) if kind is None else _numbers(cells_of, moments[is_fresh, name])
        found.setdefault(is_fresh, {})[name] = summary
    return found


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
    connection: Connection, rows: Mapping[str, sql.Composable], numbers: Mapping[str, sql.Composable]
) -> dict[tuple[bool, str], Moments]:
    if not numbers:
        return {}
    each = [sql.SQL(_MOMENTS_OF).format(number=number, huge=sql.Literal(HUGE)) for number in numbers.values()]
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(_MOMENTS).format(moments=sql.SQL(", ").join(each), **rows))
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
