"""Check a version before it is published: made rows and their parents, the splits, the real rows.

Every check counts, in SQL, the rows that break it. Checks over the same rows share one scan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.failpoints import failpoint
from include.core.refs import Augmented, Finding, GateDecision, Outcome
from include.specs import Dataset, GatePolicy

MADE = "v._origin IS DISTINCT FROM 'real'"


@dataclass(frozen=True, slots=True)
class Check:
    """`predicate` is true for rows that `rule` speaks of; there may be exactly `allowed` of them."""

    rule: str
    predicate: sql.Composable
    column: str | None = None
    allowed: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """Checks over one FROM clause; `row` is the expression that names a row."""

    rows: sql.Composable
    row: str
    checks: tuple[Check, ...]


@failpoint("audit.check")
def audit(connection: Connection, dataset: Dataset, augmented: Augmented) -> Finding:
    """What every check says of `staging.<augmented.table>`, compared with the table that passed the gate."""
    outcomes: list[Outcome] = []
    with connection.cursor() as cursor:
        for scan in _scans(dataset, augmented):
            outcomes += _run(cursor, scan)
    return Finding(name="rows", outcomes=tuple(outcomes))


def decide(outcomes: Sequence[Outcome], policy: GatePolicy) -> GateDecision:
    """Reject for any critical rule that failed and any rule that could not be judged; tell the other failures.

    An audit takes no rows out, so there is no share that may fail. Warnings hold the run where the gate's would.
    """
    failed = [outcome for outcome in outcomes if not outcome.success or outcome.exception]
    grave = [o for o in failed if o.severity == "critical" or o.exception]
    told = [o for o in failed if o not in grave]
    warnings = [_told(o) for o in told if o.severity == "warning"]
    return GateDecision(
        decision="reject" if grave else policy.on_passing(warnings),
        reasons=tuple(_told(outcome) for outcome in grave),
        warnings=tuple(warnings),
    )


def _told(outcome: Outcome) -> str:
    if outcome.exception:
        return f"{outcome.rule} could not be judged: {outcome.exception}"
    if outcome.observed is not None:
        return f"{outcome.rule} failed: {outcome.observed}"
    return f"{outcome.rule} failed" + (f" in {outcome.unexpected} rows" if outcome.unexpected is not None else "")


def _scans(dataset: Dataset, augmented: Augmented) -> Iterator[Scan]:
    version = sql.SQL("staging.{} v").format(sql.Identifier(augmented.table))
    gated = sql.SQL("staging.{} g").format(sql.Identifier(augmented.gated.table))
    yield Scan(version, "v._id", tuple(_row_checks(dataset, augmented)))
    yield Scan(
        sql.SQL("(SELECT * FROM {} WHERE _origin = 'real') v FULL JOIN {} ON g._id = v._id").format(
            version, gated
        ),
        "coalesce(v._id, g._id)",
        tuple(_real_checks(dataset, augmented)),
    )
    yield Scan(
        sql.SQL("{} CROSS JOIN unnest(v._parents) AS parent (id) LEFT JOIN {} ON g._id = parent.id").format(
            version, gated
        ),
        "v._id",
        (
            Check("parents are real rows of train", sql.SQL("g._split IS DISTINCT FROM 'train'")),
            Check(
                "made rows have their parents' label",
                sql.SQL("g._id IS NOT NULL AND g.{0} IS DISTINCT FROM v.{0}").format(
                    sql.Identifier(dataset.label)
                ),
                dataset.label,
            ),
        ),
    )
    for name in dict.fromkeys(("_id", dataset.key, dataset.group_column)):
        yield Scan(
            sql.SQL(
                "(SELECT min(_id) AS _id, count(*) AS rows, min(_split) AS low, max(_split) AS high"
                " FROM {} WHERE {name} IS NOT NULL GROUP BY {name}) v"
            ).format(version, name=sql.Identifier(name)),
            "v._id",
            (
                Check(f"no {name} is in two splits", sql.SQL("v.low <> v.high"), name),
                *((Check("no _id occurs twice", sql.SQL("v.rows > 1"), name),) if name == "_id" else ()),
            ),
        )


def _row_checks(dataset: Dataset, augmented: Augmented) -> Iterator[Check]:
    made = sql.SQL(MADE)
    yield Check("every row has an _id", sql.SQL("v._id IS NULL"), "_id")
    yield Check("made rows are in train only", sql.SQL(f"{MADE} AND v._split IS DISTINCT FROM 'train'"), "_split")
    yield Check(
        "every row is in a known split",
        sql.SQL("v._split IS NULL OR v._split NOT IN ('train', 'validation', 'test')"),
        "_split",
    )
    yield Check(
        "every row has a known origin",
        sql.SQL("v._origin IS NULL OR v._origin NOT IN ('real', 'smote', 'augment')"),
        "_origin",
    )
    yield Check(
        "made rows say how and from what they were made",
        sql.SQL(f"{MADE} AND (cardinality(v._parents) > 0 AND num_nulls(v._method, v._params, v._seed) = 0)"
                " IS NOT TRUE"),
    )  # fmt: skip
    yield Check(
        "real rows have no parents",
        sql.SQL("v._origin = 'real' AND (v._parents = '{}' AND v._method IS NULL) IS NOT TRUE"),
        "_parents",
    )
    yield Check("as many rows are made as were reported", made, "_origin", augmented.made)
    for name in filter(None, (dataset.label, dataset.image)):
        yield Check(
            f"made rows have their {name}",
            sql.SQL(f"{MADE} AND v.{{}} IS NULL").format(sql.Identifier(name)),
            name,
        )
    # A copy has one parent and its gaps too; what lies between two rows was filled before.
    for name in (*dataset.numeric, *dataset.categorical):
        unusable = " OR v.{0}::text IN ('NaN', 'Infinity', '-Infinity')" if name in dataset.numeric else ""
        yield Check(
            f"interpolated {name} is present" + (" and finite" if unusable else ""),
            sql.SQL(f"cardinality(v._parents) > 1 AND (v.{{0}} IS NULL{unusable})").format(sql.Identifier(name)),
            name,
        )


def _real_checks(dataset: Dataset, augmented: Augmented) -> Iterator[Check]:
    columns = (*dataset.columns, "_id", "_split")
    sides = [
        sql.SQL("ROW({})").format(sql.SQL(", ").join(sql.Identifier(side, name) for name in columns))
        for side in ("v", "g")
    ]
    yield Check("every real row passed the gate", sql.SQL("g._id IS NULL"))
    yield Check(
        "real rows are as they passed the gate",
        # Of rows whose bytes are the same no text needs to be made.
        sql.SQL("v._id = g._id AND record_image_ne({0}, {1}) AND {0}::text IS DISTINCT FROM {1}::text").format(
            *sides
        ),
    )
    yield Check("only rows of train are left out", sql.SQL("v._id IS NULL AND g._split IS DISTINCT FROM 'train'"))
    yield Check("no more rows are left out than reported", sql.SQL("v._id IS NULL"), None, augmented.removed)
    yield Check("the gate's rows are all there", sql.SQL("g._id IS NOT NULL"), None, augmented.gated.passed)


def _run(cursor: Cursor, scan: Scan) -> Iterator[Outcome]:
    counts = _figures(cursor, scan, scan.checks, "count(*)")
    broken = [check for check, count in zip(scan.checks, counts, strict=True) if count != check.allowed]
    # Rules that hold need no example, and mostly all hold.
    shown = _figures(cursor, scan, broken, f"min({scan.row})") if broken else ()
    examples = {check.rule: example for check, example in zip(broken, shown, strict=True)}
    for check, count in zip(scan.checks, counts, strict=True):
        success = check not in broken
        expected = f", {check.allowed} expected" if check.allowed else ""
        example = examples.get(check.rule)
        named = f", such as _id {example!r}" if example is not None else ""
        yield Outcome(
            rule=check.rule,
            type="sluice_audit",
            column=check.column,
            severity="critical",
            row_level=True,
            success=success,
            unexpected=0 if success else count,
            observed=f"{count} rows" if success else f"{count} rows{expected}{named}",
            dimension="consistency",
        )


def _figures(cursor: Cursor, scan: Scan, checks: Sequence[Check], figure: str) -> tuple[Any, ...]:
    """The figure of the rows that each check speaks of, in one scan."""
    each = [sql.SQL("{} FILTER (WHERE {})").format(sql.SQL(figure), check.predicate) for check in checks]
    cursor.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(each), scan.rows))
    return cursor.fetchone() or ()
