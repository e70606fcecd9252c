"""What holds a run: the warnings of gate and audit, each with its numbers and some of the rows that broke it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.refs import Outcome
from include.validate.predicates import PREDICATES, bad_row_sql
from include.validate.rows import with_repeats
from include.validate.suite import Expectation
from include.warehouse.validations import Validation

SAMPLE = 3
_BESIDE = frozenset({"column", "column_A", "column_B", "column_list"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """A warning: what was said, at which stage, of how many rows, and what was `expected`.

    `sample` has values by `_id` and column.
    """

    stage: str
    outcome: Outcome
    rows: int
    expected: str
    sample: dict[str, dict[str, str | None]]


def doubts(
    connection: Connection,
    judged: Validation,
    table: str,
    suite: tuple[str, Mapping[str, tuple[str, dict[str, Any]]]],
) -> tuple[Doubt, ...]:
    """The failed warnings of a judgement, with rows of `staging.<table>` that break them.

    The table is what would be published, so rows that went to quarantine are in no sample. `suite` is its hash
    and its rules as they are now (suite.py: stored); where it has changed since the judgement, it would tell of
    other rules than were judged, and tells nothing.
    """
    failed = [o for o in judged.outcomes if not o.success and o.exception is None and o.severity == "warning"]
    rules = suite[1] if suite[0] == judged.suite_hash else {}
    return tuple(_doubt(connection, judged, table, outcome, rules.get(outcome.rule)) for outcome in failed)


def _doubt(
    connection: Connection, judged: Validation, table: str, o: Outcome, rule: tuple[str, dict[str, Any]] | None
) -> Doubt:
    if rule is None:
        return Doubt(judged.stage, o, judged.rows, "", {})
    kind, kwargs = rule
    expected = ", ".join(f"{name} {value}" for name, value in kwargs.items() if name not in _BESIDE)
    broken = Expectation(o.rule, kind, kwargs, o.severity, o.row_level, {})
    sample = _sample(connection, table, broken) if o.row_level and kind in PREDICATES else {}
    return Doubt(judged.stage, o, judged.rows, expected, sample)


def _sample(connection: Connection, table: str, rule: Expectation) -> dict[str, dict[str, str | None]]:
    source = sql.Identifier("staging", table)
    with connection.cursor() as cursor:
        with with_repeats(cursor, (rule,), source) as rows:
            cursor.execute(
                sql.SQL(
                    "SELECT _id, {values} FROM (SELECT _id, {columns}, {bad} AS _bad FROM {rows}) AS judged"
                    ' WHERE _bad ORDER BY _id COLLATE "C" LIMIT {most}'
                ).format(
                    values=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in rule.columns),
                    columns=sql.SQL(", ").join(map(sql.Identifier, rule.columns)),
                    bad=bad_row_sql(rule, source),
                    rows=rows,
                    most=sql.Literal(SAMPLE),
                )
            )
            found = cursor.fetchall()
        return {str(key): dict(zip(rule.columns, values, strict=True)) for key, *values in found}
