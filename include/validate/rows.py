"""The verdict on each row: one scan finds every bad row with every reason; the others become the passed table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.core.refs import Outcome
from include.specs import Dataset
from include.validate.parts import any_of
from include.validate.predicates import NEVER, bad_row_sql, repeats
from include.validate.repeats import CANDIDATE, join_repeats, write_repeats
from include.validate.suite import Expectation, Suite
from include.warehouse.scans import FOR_SCANS
from include.warehouse.split import split_expression


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many rows were rejected, and by which rule how often (a row may break several)."""

    rejected: int
    reasons: dict[str, int]


def row_rules(suite: Suite) -> tuple[Expectation, ...]:
    """The rules whose bad rows may be taken out: critical ones on rows."""
    return tuple(e for e in suite.expectations if e.row_level and e.severity == "critical")


def to_judge(suite: Suite, outcomes: Sequence[Outcome]) -> tuple[Expectation, ...]:
    """Those of them that failed.

    A rule with `mostly` that holds tolerates its bad rows, so they stay; once it fails, all of them go.
    """
    failed = {o.rule for o in outcomes if not o.success and o.exception is None}
    return tuple(rule for rule in row_rules(suite) if rule.rule in failed)


@failpoint("gate.judge")
def judge(connection: Connection, candidate: str, key: str, bad: str, rules: Sequence[Expectation]) -> Verdict:
    """Make `staging.<bad>` of the bad rows: place (`at`, a ctid), key, the whole row and all its reasons.

    One scan finds them, after a narrow one for each set of columns whose values must not repeat. The candidate
    must not be written to until the transaction ends. Raises FatalError if SQL fails.
    """
    table, source = sql.Identifier("staging", bad), sql.Identifier("staging", candidate)
    broken = {rule.rule: bad_row_sql(rule, source) for rule in rules}
    reasons = (sql.SQL("CASE WHEN {} THEN {} END").format(is_bad, sql.Literal(n)) for n, is_bad in broken.items())
    with connection.cursor() as cursor:
        cursor.execute(FOR_SCANS)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        try:
            with with_repeats(cursor, rules, source) as rows_to_judge:
                # Reasons are told, and the whole row is put together, of bad rows alone: a reference to the row
                # itself (`to_jsonb(_candidate)`) would copy every one of them below the join.
                cursor.execute(
                    sql.SQL(
                        "CREATE UNLOGGED TABLE {bad} AS SELECT {c}.ctid AS at, {key}::text AS key,"
                        ' to_jsonb(ROW({c}.*)::{source}) AS "row",'
                        " array_remove(ARRAY[{reasons}]::text[], NULL) AS reasons FROM {rows} WHERE {broken}"
                    ).format(
                        bad=table,
                        c=CANDIDATE,
                        key=sql.Identifier(key),
                        source=source,
                        reasons=sql.SQL(", ").join(reasons),
                        rows=rows_to_judge,
                        broken=any_of(broken.values()) if broken else NEVER,
                    )
                )
            cursor.execute(sql.SQL("ANALYZE {} (at)").format(table))
        except psycopg2.DataError as error:
            raise FatalError(
                f"The rows of {candidate} cannot be judged: {str(error).strip()}",
                fix="mend the rule that the message speaks of in the suite.",
            ) from error
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
        (rejected,) = cursor.fetchone() or (0,)
        cursor.execute(
            sql.SQL("SELECT reason, count(*) FROM {}, unnest(reasons) AS reason GROUP BY 1 ORDER BY 1").format(
                table
            )
        )
        return Verdict(rejected, dict(cursor.fetchall()))


@contextmanager
def with_repeats(cursor: Cursor, rules: Sequence[Expectation], table: sql.Composable) -> Iterator[sql.Composable]:
    """A FROM clause in which the rules' predicates (`bad_row_sql`) stand; its tables of values go in the end."""
    sought = repeats(rules, table)
    for name, one in sought.items():
        cursor.execute(write_repeats(*one))
        cursor.execute(sql.SQL("ANALYZE staging.{}").format(sql.Identifier(name)))
    joins = sql.SQL(" ").join(join_repeats(*one) for one in sought.values())
    yield sql.SQL("{} AS {} {}").format(table, CANDIDATE, joins)
    for name in sought:
        cursor.execute(sql.SQL("DROP TABLE staging.{}").format(sql.Identifier(name)))


def refuse_disagreement(verdict: Verdict, rules: Sequence[Expectation], outcomes: Sequence[Outcome]) -> None:
    """Raise FatalError unless each rule found as many bad rows as Great Expectations counted."""
    counted = {o.rule: o.unexpected for o in outcomes}
    for rule in rules:
        found = verdict.reasons.get(rule.rule, 0)
        if found != counted[rule.rule]:
            raise FatalError(
                f"Great Expectations counted {counted[rule.rule]} bad rows for {rule.rule} ({rule.type}),"
                f" Sluice found {found}: nothing is published on two counts.",
                fix=f"please report it with the rule; a severity of warning for {rule.rule} goes around it.",
            )


def rejected_rows(bad: str) -> sql.Composable:
    """The query for the bad rows: key, whole row, reasons."""
    return sql.SQL('SELECT key, "row", reasons FROM {}').format(sql.Identifier("staging", bad))


@failpoint("gate.pass")
def pass_on(connection: Connection, dataset: Dataset, candidate: str, bad: str, passed: str) -> int:
    """Make `staging.<passed>`: the good rows, their `_id` and their `_split`. Returns their number."""
    with connection.cursor() as cursor:
        cursor.execute(FOR_SCANS)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(passed)))
        cursor.execute(
            sql.SQL(
                "CREATE TABLE {passed} AS SELECT {columns}, {key}::text AS _id, {split} AS _split"
                " FROM {table} AS {c} WHERE NOT EXISTS (SELECT FROM {bad} AS bad WHERE bad.at = {c}.ctid)"
            ).format(
                passed=sql.Identifier("staging", passed),
                columns=sql.SQL(", ").join(map(sql.Identifier, dataset.columns)),
                key=sql.Identifier(dataset.key),
                split=split_expression(dataset),
                table=sql.Identifier("staging", candidate),
                c=CANDIDATE,
                bad=sql.Identifier("staging", bad),
            )
        )
        count = cursor.rowcount
        cursor.execute(sql.SQL("ANALYZE staging.{}").format(sql.Identifier(passed)))
    return count
