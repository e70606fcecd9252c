"""The learning loop: train, score, select, label, again; one round at a time, so that a DAG can run it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.label.choose import UNLABELLED, Pool, choose

Ended = Literal["budget", "target", "no gain", "nothing left"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`budget` is of labels in all, those of the validation rows among them, `batch` of a round.

    The loop ends at the budget, at the score `target`, or where the best score of the last `patience` rounds is
    not `gain` above the best before. `first` is the strategy while fewer than two classes are known.
    """

    batch: int
    budget: int
    strategy: str = "margin"
    target: float | None = None
    patience: int = 5
    gain: float = 0.002
    first: str = "random"


@dataclass(frozen=True, slots=True)
class Rows:
    """What there is to learn from: n `keys`, their `features` (n, f), and the labels of `validation` rows.

    Validation rows are never trained on and never chosen.
    """

    keys: Sequence[str]
    features: Any
    classes: tuple[str, ...]
    validation: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Round:
    """`labels` were given before it, validation included; a model trained on them has `score`, None without one;
    `chosen` are the keys to label next, none when the loop has ended."""

    labels: int
    score: float | None
    chosen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Course:
    rounds: tuple[Round, ...] = ()
    ended: Ended | None = None


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(truth == predicted))


def next_round(
    course: Course, rows: Rows, labels: Mapping[str, str], model: Any, plan: Plan, *, seed: int,
    score: Callable[[np.ndarray, np.ndarray], float] = accuracy,
) -> Course:  # fmt: skip
    """The course and one more round: a clone of `model` (scikit-learn's kind) trained, and what to label next.

    `score` compares places of classes (v,) of the validation rows with predicted ones. All depends on keys, labels
    and seed; a second call with the same gives the same. Raises FatalError for labels of unknown keys or classes.
    """
    if course.ended:
        return course
    _refuse(rows, labels)
    order = np.argsort(np.asarray(rows.keys, dtype=object), kind="stable")
    keys, features = [rows.keys[place] for place in order], rows.features[order]
    known, told = _places(keys, labels, rows.classes), _places(keys, rows.validation, rows.classes)
    probabilities = trained(model, features, known, len(rows.classes))
    reached = None
    if probabilities is not None and rows.validation:
        checked = np.flatnonzero(told != UNLABELLED)
        reached = score(told[checked], probabilities[checked].argmax(axis=1))
    given = len(labels) + len(rows.validation)
    free = np.flatnonzero(told == UNLABELLED)
    left = int(np.count_nonzero(known[free] == UNLABELLED))
    scores = [one for one in (*(r.score for r in course.rounds), reached) if one is not None]
    over = ended(
        scores, given=given, left=left, budget=plan.budget,
        target=plan.target, patience=plan.patience, gain=plan.gain,
    )  # fmt: skip
    chosen: tuple[str, ...] = ()
    if over is None:
        pool = Pool(
            [keys[place] for place in free], known[free], features[free],
            None if probabilities is None else probabilities[free],
        )  # fmt: skip
        strategy = plan.first if probabilities is None else plan.strategy
        chosen = choose(strategy, pool, min(plan.batch, plan.budget - given), seed_of(seed, len(course.rounds)))
    return replace(course, rounds=(*course.rounds, Round(given, reached, chosen)), ended=over)


def learn(
    rows: Rows, label: Callable[[Sequence[str]], Mapping[str, str]], model: Any, plan: Plan, *, seed: int,
    known: Mapping[str, str] | None = None, score: Callable[[np.ndarray, np.ndarray], float] = accuracy,
) -> tuple[Course, dict[str, str]]:  # fmt: skip
    """Rounds until the loop ends: the course, and all labels, those `known` before among them.

    `label` is asked for the classes of keys; it may leave some out, which may be asked for again. Raises
    FatalError where it answers none of them, or what it was not asked.
    """
    labels = dict(known or {})
    course = next_round(Course(), rows, labels, model, plan, seed=seed, score=score)
    while not course.ended:
        asked = course.rounds[-1].chosen
        answers = label(asked)
        if not answers or set(answers) - set(asked):
            raise FatalError(
                f"Of {len(asked)} rows asked for, {len(set(answers) & set(asked))} were labelled,"
                f" and {len(set(answers) - set(asked))} others.",
                fix="label some of the rows of the round, and no others.",
            )
        labels |= answers
        course = next_round(course, rows, labels, model, plan, seed=seed, score=score)
    return course, labels


def trained(model: Any, features: Any, known: np.ndarray, classes: int) -> np.ndarray | None:
    """Probabilities (n, classes) of a clone of `model` trained on the known rows; None if those are of one class.

    `known` (n,) has the place of each row's class, UNLABELLED where it has none. A class that no row has gets 0.
    """
    from sklearn.base import clone

    train = np.flatnonzero(known != UNLABELLED)
    if len(np.unique(known[train])) < 2:
        return None
    fitted = clone(model).fit(features[train], known[train])
    probabilities = np.zeros((len(known), classes))
    probabilities[:, fitted.classes_] = fitted.predict_proba(features)
    return probabilities


def ended(
    scores: Sequence[float], *, given: int, left: int, budget: int | None = None, target: float | None = None,
    patience: int | None = None, gain: float = 0.0,
) -> Ended | None:  # fmt: skip
    """Whether a loop ends here, and why: `scores` of its rounds so far, the newest last.

    `given` labels count against the budget, `left` rows can still be labelled. A bound that is None ends nothing.
    """
    if target is not None and scores and scores[-1] >= target:
        return "target"
    if budget is not None and given >= budget:
        return "budget"
    if left == 0:
        return "nothing left"
    if patience is None:
        return None
    before, recent = scores[:-patience], scores[-patience:]
    return "no gain" if before and max(recent) < max(before) + gain else None


def _places(keys: Sequence[str], labels: Mapping[str, str], classes: tuple[str, ...]) -> np.ndarray:
    places = {label: place for place, label in enumerate(classes)}
    return np.array([places[labels[key]] if key in labels else UNLABELLED for key in keys], dtype=np.int64)


def _refuse(rows: Rows, labels: Mapping[str, str]) -> None:
    known = set(rows.keys)
    for key, label in (*labels.items(), *rows.validation.items()):
        if key not in known:
            raise FatalError(
                f"There is a label for {key!r}, which is no row.", fix="give its row, or leave it out."
            )
        if label not in rows.classes:
            raise FatalError(
                f"Row {key!r} is labelled {label!r}, which is none of {', '.join(rows.classes)}.",
                fix="correct the label, or add the class.",
            )
    if both := sorted(set(labels) & set(rows.validation)):
        raise FatalError(
            f"Row {both[0]!r} is both for training and for validation.", fix="keep validation rows out of `known`."
        )
