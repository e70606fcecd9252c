"""What every training table must hold, whatever its suite says: a key that identifies, labels, two classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.refs import Outcome
from include.specs import Dataset
from include.validate.suite import Suite

UNIQUE: Final = "expect_column_values_to_be_unique"


@dataclass(frozen=True, slots=True)
class Passed:
    """Rows that passed by their label as text, and how many of them are without an `_id`."""

    labels: Mapping[str | None, int]
    keyless: int


def count_passed(connection: Connection, dataset: Dataset, passed: str) -> Passed:
    """What the invariants need to know of `staging.<passed>`."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {}::text, count(*), count(*) - count(_id) FROM {} GROUP BY 1 ORDER BY 1").format(
                sql.Identifier(dataset.label), sql.Identifier("staging", passed)
            )
        )
        found = cursor.fetchall()
    return Passed({label: count for label, count, _ in found}, sum(without for _, _, without in found))


def count_repeated(connection: Connection, passed: str) -> int:
    """How many rows of `staging.<passed>` have the `_id` of another one, which sorts all of them."""
    # In C collation keys are compared byte by byte, which is all that is asked, and costs a fraction.
    count = sql.SQL('SELECT count(_id) - count(DISTINCT _id COLLATE "C") FROM {}')
    with connection.cursor() as cursor:
        cursor.execute(count.format(sql.Identifier("staging", passed)))
        return int((cursor.fetchone() or (0,))[0])


def invariants(dataset: Dataset, passed: Passed, repeated: int) -> tuple[Outcome, ...]:
    """Outcomes on the rows that passed: one `_id` a row, a label in every row, at least two classes.

    Of a dataset that declares labelling only the first: rows without a label are set aside after the gate.
    """
    keyless, unlabelled = passed.keyless, passed.labels.get(None, 0)
    classes = [label for label in passed.labels if label is not None]
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
