"""What a table's columns hold, in more detail than a summary: for whoever writes rules about them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.summary import Summary
from include.warehouse.summaries import summarise
from include.warehouse.versions import column_types

# Beyond so many different shapes, words have none that a pattern could tell.
MOST_SHAPES: Final = 2_000
# The most that a Postgres pattern can count to.
LONGEST_RUN: Final = 255
_RUNS = re.compile(r"(.)\1*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Profile:
    """A column: its type in Postgres' spelling, its summary, and how many different values it has.

    `lengths` are the fewest and most characters of its words. `shapes` are its words with every digit written 9,
    every ASCII letter A or a, each once; None if there are more than MOST_SHAPES of them.
    """

    type: str
    summary: Summary
    different: int
    lengths: tuple[int, int] | None = None
    shapes: tuple[str, ...] | None = None


def profile(
    connection: Connection, table: str, columns: Sequence[str], words: Sequence[str]
) -> dict[str, Profile]:
    """The profile of each column of `staging.<table>`; the columns `words` are counted by their words."""
    with connection.cursor() as cursor:
        types = column_types(cursor, table)
    summaries = summarise(connection, "staging", table, columns, words)
    different = _different(connection, table, columns)
    found = {}
    for name in columns:
        summary, lengths, shapes = summaries[name], None, None
        if summary.kind == "word" and summary.rows > summary.nulls:
            lengths, shapes = _lengths(connection, table, name), _shapes(connection, table, name)
        found[name] = Profile(types[name], summary, different[name], lengths, shapes)
    return found


def pattern(shapes: Sequence[str], most: int = 3) -> str | None:
    """A regular expression that every word of these shapes matches; None if they have more than `most` forms.

    A form is a sequence of runs of one kind (digits, capitals, small letters, one other character); how long a
    run is may vary, up to what Postgres can count.
    """
    forms: dict[tuple[str, ...], list[list[int]]] = {}
    for shape in shapes:
        runs = [(run[0], len(run[0])) for run in _RUNS.finditer(shape)]
        forms.setdefault(tuple(text[0] for text, _ in runs), []).append([size for _, size in runs])
    if (
        not forms
        or len(forms) > most
        or any(size > LONGEST_RUN for f in forms.values() for run in f for size in run)
    ):
        return None
    told = [
        "".join(_run(kind, sizes) for kind, sizes in zip(form, zip(*lengths, strict=True), strict=True))
        for form, lengths in sorted(forms.items())
    ]
    return f"^{told[0]}$" if len(told) == 1 else f"^({'|'.join(told)})$"


def _run(kind: str, sizes: Sequence[int]) -> str:
    known = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}.get(kind) or re.escape(kind)
    low, high = min(sizes), max(sizes)
    if low == high:
        return known if low == 1 else f"{known}{{{low}}}"
    return f"{known}{{{low},{high}}}"


def _different(connection: Connection, table: str, columns: Sequence[str]) -> dict[str, int]:
    counts = [sql.SQL("count(DISTINCT {}::text)").format(sql.Identifier(name)) for name in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM staging.{}").format(sql.SQL(", ").join(counts), sql.Identifier(table))
        )
        return dict(zip(columns, cursor.fetchone() or (), strict=True))


def _lengths(connection: Connection, table: str, column: str) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT min(length({0}::text)), max(length({0}::text)) FROM staging.{1}").format(
                sql.Identifier(column), sql.Identifier(table)
            )
        )
        low, high = cursor.fetchone() or (0, 0)
    return int(low), int(high)


def _shapes(connection: Connection, table: str, column: str) -> tuple[str, ...] | None:
    shape = sql.Identifier(column)
    text: sql.Composable = sql.SQL("{}::text").format(shape)
    for kind, letter in (("[0-9]", "9"), ("[A-Z]", "A"), ("[a-z]", "a")):
        text = sql.SQL("regexp_replace({}, {}, {}, 'g')").format(text, sql.Literal(kind), sql.Literal(letter))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                'SELECT DISTINCT ({}) COLLATE "C" FROM staging.{} WHERE {} IS NOT NULL ORDER BY 1 LIMIT {}'
            ).format(text, sql.Identifier(table), shape, sql.Literal(MOST_SHAPES + 1))
        )
        found = tuple(shape for (shape,) in cursor.fetchall())
    return found if len(found) <= MOST_SHAPES else None
