"""What every training table must hold, whatever its suite says: a key that identifies, labels, two classes."""

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.refs import Outcome
from include.specs import Dataset


def invariants(connection: Connection, dataset: Dataset, passed: str) -> tuple[Outcome, ...]:
    """Outcomes on `staging.<passed>`: one `_id` a row, a label in every row, at least two classes."""
    labels = sql.SQL("SELECT {label}::text, count(*) FROM {passed} GROUP BY 1 ORDER BY 1")
    # In C collation keys are compared byte by byte, which is all that is asked, and costs a fraction.
    keys = sql.SQL('SELECT count(*) - count(_id), count(_id) - count(DISTINCT _id COLLATE "C") FROM {passed}')
    names = {"label": sql.Identifier(dataset.label), "passed": sql.Identifier("staging", passed)}
    with connection.cursor() as cursor:
        cursor.execute(labels.format(**names))
        counts: dict[str | None, int] = dict(cursor.fetchall())
        cursor.execute(keys.format(**names))
        keyless, repeated = cursor.fetchone() or (0, 0)
    unlabelled = counts.pop(None, 0)
    classes = [str(name) for name in counts]
    advice = "a critical expectation on it would send them to quarantine"
    return (
        _outcome(
            "key identifies every row",
            dataset.key,
            not keyless and not repeated,
            f"{keyless} passed rows have no {dataset.key}, {repeated} repeat one; {advice}",
            "uniqueness",
        ),
        _outcome(
            "every row has a label",
            dataset.label,
            not unlabelled,
            f"{unlabelled} passed rows have no {dataset.label}; {advice}",
            "completeness",
        ),
        _outcome(
            "two classes or more",
            dataset.label,
            len(classes) > 1,
            f"{len(classes)} in {dataset.label}: {', '.join(classes[:10])}",
            "completeness",
        ),
    )


def _outcome(rule: str, column: str, success: bool, observed: str, dimension: str) -> Outcome:
    return Outcome(
        rule=rule,
        type="sluice_invariant",
        column=column,
        severity="critical",
        row_level=False,
        success=success,
        observed=observed,
        dimension=dimension,
    )
