"""What every training table must hold, whatever its suite says: a key that identifies, labels, two classes."""

from collections.abc import Sequence
from typing import Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.refs import Outcome
from include.specs import Dataset
from include.validate.suite import Suite

UNIQUE: Final = "expect_column_values_to_be_unique"


def invariants(connection: Connection, dataset: Dataset, passed: str, *, unique: bool) -> tuple[Outcome, ...]:
    """Outcomes on `staging.<passed>`: one `_id` a row, a label in every row, at least two classes.

    Of a dataset that declares labelling only the first: rows without a label are set aside after the gate.
    `unique` says that no two of its rows have one key: then none is sought, which would sort all keys.
    """
    names = {"label": sql.Identifier(dataset.label), "passed": sql.Identifier("staging", passed)}
    labels = sql.SQL("SELECT {label}::text, count(*), count(*) - count(_id) FROM {passed} GROUP BY 1 ORDER BY 1")
    # In C collation keys are compared byte by byte, which is all that is asked, and costs a fraction.
    keys = sql.SQL('SELECT count(_id) - count(DISTINCT _id COLLATE "C") FROM {passed}')
    with connection.cursor() as cursor:
        cursor.execute(labels.format(**names))
        found = cursor.fetchall()
        repeated = 0
        if not unique:
            cursor.execute(keys.format(**names))
            (repeated,) = cursor.fetchone() or (0,)
    keyless = sum(without for _, _, without in found)
    unlabelled = sum(count for label, count, _ in found if label is None)
    classes = [label for label, _, _ in found if label is not None]
    advice = "a critical expectation on it would send them to quarantine"
    keyed = _outcome(
        "key identifies every row",
        dataset.key,
        not keyless and not repeated,
        f"{keyless} passed rows have no {dataset.key}, {repeated} repeat one; {advice}",
        "uniqueness",
    )
    if dataset.labelling:
        return (keyed,)
    return (
        keyed,
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


def key_is_unique(suite: Suite, outcomes: Sequence[Outcome], key: str) -> bool:
    """Whether a rule that was judged, on all rows and without tolerance, keeps rows of one key from passing.

    Its bad rows are rejected, and Great Expectations and the verdict agree on their number.
    """
    judged = {o.rule for o in outcomes if o.exception is None}
    return any(
        e.type == UNIQUE and dict(e.kwargs) == {"column": key} and e.severity == "critical" and e.rule in judged
        for e in suite.expectations
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
