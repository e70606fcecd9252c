"""What holds a run: the warnings of gate and audit, each with its numbers and some of the rows that broke it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.refs import Outcome
from include.validate.predicates import bad_row_sql, judged_whole
from include.validate.rows import with_repeats
from include.validate.suite import Expectation, Suite
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
    suite: tuple[str, Mapping[str, Mapping[str, Any]]],
    load: Callable[[], Suite],
) -> tuple[Doubt, ...]:
    """The failed warnings of a judgement, with rows of `staging.<table>` that break them.

    The table is what would be published, so rows that went to quarantine are in no sample. `suite` is its hash
    and its rules' arguments as they are now (suite.py: stored); where it has changed since the judgement, it would
    tell of other rules than were judged, and tells nothing. `load` reads it whole, which is slow: only if there
    are rows to show.
    """
    failed = [o for o in judged.outcomes if not o.success and o.exception is None and o.severity == "warning"]
    arguments = suite[1] if suite[0] == judged.suite_hash else {}
    loaded = load().expectations if any(o.row_level and o.rule in arguments for o in failed) else ()
    told = {e.rule: e for e in loaded if judged_whole(e) is None}
    return tuple(
        Doubt(
            judged.stage,
            o,
            judged.rows,
            ", ".join(f"{name} {v}" for name, v in arguments.get(o.rule, {}).items() if name not in _BESIDE),
            _sample(connection, table, told[o.rule]) if o.rule in told else {},
        )
        for o in failed
    )


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
