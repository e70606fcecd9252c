"""Whether balancing helped: models trained with and without it, scored on the untouched validation split."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from threadpoolctl import threadpool_limits

from include.core.refs import Augmented, Finding, Outcome
from include.core.seeds import seed_of
from include.publish.contenders import FOLDS, Examples, learners, predictions, tuned_threshold
from include.publish.scores import PRECISION, gain, scores
from include.specs import Dataset
from include.warehouse import bulk

NAME = "balancing"
RULE = "balancing does not lower the average precision"
# Rows to train on, the made ones included, and to score on, at most: a share of all, drawn by a hash of `_id`.
MOST = 10_000
# Rows of a class without which a score of it says nothing.
LEAST = 5
_DIGITS = 4


def judge_balancing(connection: Connection, dataset: Dataset, augmented: Augmented) -> Finding | None:
    """Score what two learners make of train as it is, balanced, and treated otherwise; None without a balance.

    With `Balance(must_help="average_precision")` it is a rule of the audit: the learner that is better without
    balancing must not be worse with it, by more than the 95 % interval of the difference. The same rows and seed
    give the same figures.
    """
    declared = dataset.balance
    if declared is None:
        return None
    read = {
        "train": _read(connection, dataset, augmented.gated.table, augmented.table, "train"),
        "balanced": _read(connection, dataset, augmented.table, augmented.table, "train"),
        "validation": _read(connection, dataset, augmented.table, augmented.table, "validation"),
    }
    missing = _missing(read)
    evidence: dict[str, Any] = {"method": declared.method, "not_judged": missing}
    if not missing:
        seed = seed_of(dataset.name, dataset.seed, NAME)
        # The learners' libraries are loaded before they are limited. How many cores a sum is spread over must not
        # decide its last digit.
        makers = learners(seed)
        with threadpool_limits(1):
            evidence |= _compare(read, makers, seed)
    return Finding(name=NAME, outcomes=_outcomes(dataset, evidence), evidence=evidence)


def _compare(
    read: Mapping[str, Examples], makers: Mapping[str, Callable[[bool], Any]], seed: int
) -> dict[str, Any]:
    train, validation = read["train"], read["validation"]
    names, counts = np.unique(train.labels, return_counts=True)
    # Of two classes the rarer one is scored, of more each against the rest, and the mean of all counts.
    asked = [str(name) for name in (names[np.argsort(counts, kind="stable")][:1] if len(names) == 2 else names)]
    held = {name: np.count_nonzero(validation.labels == name) for name in asked}
    scored = [name for name in asked if LEAST <= held[name] <= len(validation) - LEAST]
    tuned = len(names) == 2 and _foldable(train, scored[0])
    found = [
        {"learner": learner} | row
        for learner, make in makers.items()
        for row in _scored(make, read, scored, tuned=tuned, seed=seed)
    ]
    return {
        "classes": scored,
        "classes_not_scored": [name for name in asked if name not in scored],
        "rows": {name: len(examples) for name, examples in read.items()},
        "most_rows": MOST,
        "precision": PRECISION,
        "scores": [{name: _rounded(value) for name, value in row.items()} for row in found],
    }


def _scored(
    make: Callable[[bool], Any], read: Mapping[str, Examples], scored: list[str], *, tuned: bool, seed: int
) -> Iterator[dict[str, Any]]:
    """What each contender reaches with one learner; a threshold is `tuned`, and used, for two classes alone."""
    validation = read["validation"]
    classes, predicted = predictions(make, read["train"], read["balanced"], validation, seed)
    contenders = {name: (probability, 0.5) for name, probability in predicted.items()}
    if tuned:
        threshold = tuned_threshold(make, read["train"], scored[0])
        contenders["tuned threshold"] = (predicted["nothing"], threshold)
    for name, (probability, threshold) in contenders.items():
        row: dict[str, Any] = {"contender": name, **_mean(validation, probability, classes, scored)}
        if tuned:
            row |= _decided(validation.labels == scored[0], probability[:, classes.index(scored[0])], threshold)
        if name in predicted and name != "nothing":
            row["gain"] = _gain(validation, (probability, predicted["nothing"]), classes, scored, seed)
        yield row


def _foldable(train: Examples, positive: str) -> bool:
    """Whether rows of the class are in so many groups that every fold of them has some."""
    return len(np.unique(train.groups[train.labels == positive])) >= 2 * FOLDS


def _mean(
    validation: Examples, probability: np.ndarray, classes: list[str], scored: list[str]
) -> dict[str, float]:
    each = [scores(validation.labels == name, probability[:, classes.index(name)]) for name in scored]
    return {measure: float(np.mean([one[measure] for one in each])) for measure in each[0]}


def _decided(truth: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    """F1, precision and recall of what is decided at the threshold."""
    taken = probability >= threshold
    hits = float((taken & truth).sum())
    return {
        "threshold": threshold,
        "f1": 2 * hits / max(1.0, float(taken.sum() + truth.sum())),
        "precision": hits / max(1.0, float(taken.sum())),
        "recall": hits / float(truth.sum()),
    }


def _gain(
    validation: Examples, both: tuple[np.ndarray, np.ndarray], classes: list[str], scored: list[str], seed: int
) -> list[float]:
    """The difference in average precision to doing nothing, and its interval; the mean of the classes' own."""
    each = []
    for name in scored:
        ours, theirs = (probability[:, classes.index(name)] for probability in both)
        each.append(gain(validation.labels == name, ours, theirs, validation.groups, seed))
    return [float(value) for value in np.mean(each, axis=0)]


def _outcomes(dataset: Dataset, evidence: Mapping[str, Any]) -> tuple[Outcome, ...]:
    if dataset.balance is None or dataset.balance.must_help is None:
        return ()
    said: dict[str, Any] = {"success": False, "exception": evidence["not_judged"]}
    if not evidence["not_judged"]:
        plain = [row for row in evidence["scores"] if row["contender"] == "nothing"]
        best = max(plain, key=lambda row: row["average_precision"])["learner"]
        (row,) = (r for r in evidence["scores"] if (r["learner"], r["contender"]) == (best, "balanced"))
        difference, low, high = row["gain"]
        said = {
            "success": high >= 0,
            "observed": f"{difference:+.4f} by {dataset.balance.method}, {best}; 95 %: {low:+.4f} to {high:+.4f}",
        }
    return (
        Outcome(
            rule=RULE, type="sluice_balancing", column=dataset.label, severity="critical", row_level=False, **said
        ),
    )


def _missing(read: Mapping[str, Examples]) -> str | None:
    """Why there is nothing to judge, or None."""
    if not read["train"].numeric.shape[1] + read["train"].categorical.shape[1]:
        return "there are no numeric or categorical features to learn from"
    for name, examples in read.items():
        _, counts = np.unique(examples.labels, return_counts=True)
        if len(counts) < 2 or np.sort(counts)[-2] < LEAST:
            return f"{name} has fewer than {LEAST} rows of a second class"
    return None


def _read(connection: Connection, dataset: Dataset, table: str, version: str, split: str) -> Examples:
    """Rows of a split of `staging.<table>`: the share that leaves MOST of the split in `staging.<version>`."""
    numeric, categorical = dataset.numeric, dataset.categorical
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM staging.{} WHERE _split = {}").format(
                sql.Identifier(version), sql.Literal(split)
            )
        )
        (count,) = cursor.fetchone() or (0,)
    columns = [
        sql.SQL("{}::text AS _label").format(sql.Identifier(dataset.label)),
        sql.SQL("coalesce({}::text, _id) AS _group").format(sql.Identifier(dataset.group_column)),
        *(sql.SQL("{0}::float8 AS {0}").format(sql.Identifier(name)) for name in numeric),
        *(sql.SQL("{0}::text AS {0}").format(sql.Identifier(name)) for name in categorical),
    ]
    query = sql.SQL(
        "SELECT {columns} FROM staging.{table} WHERE _split = {split}"
        " AND ('x' || left(md5(_id), 13))::bit(52)::bigint < {most} * 2.0 ^ 52 ORDER BY _id COLLATE \"C\""
    ).format(
        columns=sql.SQL(", ").join(columns),
        table=sql.Identifier(table),
        split=sql.Literal(split),
        most=sql.Literal(min(1.0, MOST / max(1, count))),
    )
    types = {"_label": "string", "_group": "string"} | dict.fromkeys(numeric, "double")
    found = bulk.read(connection, query, types | dict.fromkeys(categorical, "string"))
    return Examples(
        _matrix([found[name].to_numpy() for name in numeric], len(found), np.float64),
        _matrix([found[name].to_numpy() for name in categorical], len(found), object),
        np.array(found["_label"].to_pylist(), dtype=np.str_),
        np.array(found["_group"].to_pylist(), dtype=np.str_),
    )


def _matrix(columns: list[np.ndarray], rows: int, dtype: Any) -> np.ndarray:
    return np.column_stack(columns).astype(dtype) if columns else np.empty((rows, 0), dtype=dtype)


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
