"""What a model or the declared rules say of the rows that wait, and which of those they label themselves."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.ask)
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from sklearn.linear_model import LogisticRegression  # noqa: TID253

from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.label.choose import UNLABELLED
from include.label.functions import apply
from include.label.label_model import label_model
from include.label.prelabel import Prelabelled, calibrated, prelabel
from include.label.sql_rules import matches
from include.label.vote_matrix import as_table
from include.pipeline.pool import Rows
from include.specs import Dataset, Labelling
from include.specs.rules import Sql
from include.warehouse.staging import queue_name

log = logging.getLogger(__name__)

NOTHING = Prelabelled((), (), ())
# A calibrated model needs so many labels of each class; below that, people label alone.
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Said:
    """The rows that wait, parted by what is said of them; and how the rules did, one entry a rule."""

    parted: Prelabelled = NOTHING
    rules: list[dict[str, Any]] = field(default_factory=list)


def true_in_sql(
    connection: Connection, dataset: Dataset, declared: Labelling, rows: Rows
) -> dict[str, np.ndarray]:
    """Where the condition of each rule in SQL is true, (n,) by the rule's name; nothing unless rules pre-label."""
    if declared.prelabel is None or declared.prelabel.by != "rules":
        return {}
    in_sql = [rule for rule in declared.rules if isinstance(rule, Sql)]
    table = sql.Identifier("staging", queue_name(dataset.name))
    return matches(connection, in_sql, table, key="_id", keys=rows.keys)


def said_of(dataset: Dataset, declared: Labelling, rows: Rows, true: Mapping[str, np.ndarray]) -> Said:
    """By `declared.prelabel`; nothing where it is not declared, or while there are too few labels for a model.

    `true` is where the rules in SQL have a say on these rows.
    """
    if declared.prelabel is None:
        return Said()
    seed = seed_of(dataset.name, declared.seed, "prelabel")
    told: list[dict[str, Any]] = []
    if declared.prelabel.by == "rules":
        probabilities, told = _by_rules(dataset, declared, rows, true)
    else:
        found = _by_model(declared, rows, seed)
        if found is None:
            log.info("too few labels of %s for a model: people label alone", dataset.name)
            return Said()
        probabilities = found
    # Rows on which no rule has a say are people's.
    waiting = np.flatnonzero((rows.labels == UNLABELLED) & ~np.isnan(probabilities).any(axis=1))
    bounds = declared.prelabel.model_dump(include={"threshold", "most", "audit"})
    keys = [rows.keys[place] for place in waiting]
    parted = prelabel(keys, probabilities[waiting], declared.classes, **bounds, seed=seed)
    return Said(parted, told)


def _by_model(declared: Labelling, rows: Rows, seed: int) -> np.ndarray | None:
    known = np.flatnonzero(rows.labels != UNLABELLED)
    counts = np.bincount(rows.labels[known], minlength=len(declared.classes))
    if (counts < FOLDS).any():
        return None
    features = rows.features
    model = calibrated(
        LogisticRegression(max_iter=1000, random_state=seed), features[known],
        [declared.classes[place] for place in rows.labels[known]], [rows.keys[place] for place in known],
        folds=FOLDS, seed=seed,
    )  # fmt: skip
    order = [list(model.classes_).index(name) for name in declared.classes]
    probabilities: np.ndarray = model.predict_proba(features)[:, order]
    return probabilities


def _by_rules(
    dataset: Dataset, declared: Labelling, rows: Rows, true: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Probabilities (n, classes), NaN where no rule has a say, and how each rule did where the class is known."""
    votes = apply(declared.rules, rows.table, declared.classes, key="_id", matches=dict(true))
    if not votes.covered:
        raise FatalError(
            f"None of {len(declared.rules)} rules has a say on any of {len(rows.keys)} rows of {dataset.name}.",
            fix="mend the rules' words, patterns and conditions.",
        )
    reports = votes.report(rows.labels)
    log.info("the rules of %s:\n%s", dataset.name, as_table(reports))
    fitted = label_model(declared.label_model)(votes.votes, len(declared.classes), known=rows.labels)
    said = (votes.votes != UNLABELLED).any(axis=1)
    probabilities = np.where(said[:, None], fitted.probabilities, np.nan)
    accuracy = [None if np.isnan(report.accuracy) else report.accuracy for report in reports]
    return probabilities, [asdict(r) | {"accuracy": share} for r, share in zip(reports, accuracy, strict=True)]
