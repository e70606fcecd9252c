"""The proof, kept with a version, that nothing of one split is in another: what was compared, and what was found.

Keys, groups and parents of made rows are the audit's own rules (`audit.py`); here are entities, time and content.
"""

from collections.abc import Iterator
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.refs import Augmented, Finding, Outcome
from include.publish.twins import EXAMPLES, Compared
from include.specs import Dataset
from include.specs.leakage import Kind

NAME = "leakage"
ORDER = "every split ends before the next one begins"
# The audit's rules that belong to the proof.
_OWN = ("is in two splits", "parents are real rows of train", "made rows are in train only")
_SPLIT = sql.SQL("array_position('{train,validation,test}'::text[], _split)")


def prove(
    connection: Connection, dataset: Dataset, augmented: Augmented, rows: Finding, storage: Any | None
) -> Finding:
    """Compare the splits of `staging.<augmented.table>`; `rows` is what the audit found, which has to hold first.

    `storage` is the root of the object storage, in which a dataset's images lie. Made rows are not compared by
    content: they are in train alone, and so are their parents, which are.
    """
    base = [outcome for outcome in rows.outcomes if any(part in outcome.rule for part in _OWN)]
    if not all(outcome.success for outcome in rows.outcomes):
        return Finding(name=NAME, outcomes=(), evidence=_evidence(base, [], "the rows have faults of their own"))
    if dataset.image and storage is None:
        return Finding(
            name=NAME, outcomes=(_unjudged(dataset),), evidence=_evidence(base, [], "no object storage")
        )
    found = list(_compare(connection, dataset, augmented.table, storage))
    return Finding(
        name=NAME,
        outcomes=tuple(compared.outcome(dataset.leakage) for compared in found),
        evidence=_evidence(base, found, None),
    )


def _compare(connection: Connection, dataset: Dataset, table: str, storage: Any) -> Iterator[Compared]:
    from include.publish.near_images import compare_images
    from include.publish.near_rows import compare_rows
    from include.publish.near_text import compare_text

    for column in dataset.leakage.entities:
        yield _entity(connection, table, column)
    if dataset.time and (dataset.leakage.time_ordered or dataset.split.by_time):
        yield _order(connection, table, dataset.time)
    yield from compare_rows(connection, dataset, table)
    for column in dataset.text:
        yield compare_text(connection, dataset, table, column)
    if dataset.image:
        yield compare_images(connection, dataset, table, storage)


def _entity(connection: Connection, table: str, column: str) -> Compared:
    """Values of the column that rows of two splits have, each with a row of either."""
    query = sql.SQL(
        "WITH placed AS (SELECT {column} AS entity, _id, {split} AS split FROM staging.{table}"
        " WHERE _origin = 'real' AND {column} IS NOT NULL),"
        " shared AS (SELECT entity, min(split) AS low FROM placed GROUP BY 1 HAVING min(split) < max(split))"
        ' SELECT count(*) OVER (), min(_id COLLATE "C") FILTER (WHERE split = low),'
        ' min(_id COLLATE "C") FILTER (WHERE split > low) FROM shared JOIN placed USING (entity)'
        " GROUP BY entity ORDER BY 2, 3 LIMIT {most}"
    ).format(column=sql.Identifier(column), table=sql.Identifier(table), split=_SPLIT, most=sql.Literal(EXAMPLES))
    return _counted(connection, table, query, "entity", rule=f"no {column} is in two splits", column=column)


def _order(connection: Connection, table: str, column: str) -> Compared:
    """Rows that are later than the first one of a later split, or have no time, each with that first row."""
    query = sql.SQL(
        "WITH placed AS (SELECT {column} AS time, _id, {split} AS split FROM staging.{table}"
        " WHERE _origin = 'real'), begun AS (SELECT DISTINCT ON (split) split, time, _id FROM placed"
        ' WHERE time IS NOT NULL ORDER BY split, time, _id COLLATE "C"),'
        " late AS (SELECT DISTINCT ON (p._id) p._id AS a, coalesce(b._id, p._id) AS b FROM placed p"
        " LEFT JOIN begun b ON b.split > p.split AND b.time < p.time WHERE b.split IS NOT NULL OR p.time IS NULL"
        " ORDER BY p._id, b.split) SELECT count(*) OVER (), a, b FROM late"
        ' ORDER BY a COLLATE "C" LIMIT {most}'
    ).format(column=sql.Identifier(column), table=sql.Identifier(table), split=_SPLIT, most=sql.Literal(EXAMPLES))
    return _counted(connection, table, query, "time", rule=ORDER, column=column)


def _counted(
    connection: Connection, table: str, query: sql.Composable, kind: Kind, *, rule: str, column: str
) -> Compared:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM staging.{} WHERE _origin = 'real'").format(sql.Identifier(table))
        )
        (rows,) = cursor.fetchone() or (0,)
        cursor.execute(query)
        found = cursor.fetchall()
    leaks = found[0][0] if found else 0
    return Compared(
        kind=kind,
        rule=rule,
        column=column,
        rows=rows,
        found=leaks,
        leaks=leaks,
        examples=tuple((a, b) for _, a, b in found),
    )


def _unjudged(dataset: Dataset) -> Outcome:
    return Outcome(
        rule="images of different splits are compared",
        type="sluice_leakage",
        column=dataset.image,
        severity="critical",
        row_level=False,
        success=False,
        exception="the audit was given no object storage to read them from",
        dimension="uniqueness",
    )


def _evidence(base: list[Outcome], found: list[Compared], missing: str | None) -> dict[str, Any]:
    return {
        "holds": missing is None and all(o.success for o in base) and not any(c.leaks for c in found),
        "rules": {outcome.rule: outcome.success for outcome in base},
        "compared": [compared.evidence() for compared in found],
        "not_compared": missing,
    }
