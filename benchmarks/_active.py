"""One course of active learning on arrays, and how many labels it took: shared with the peers' interpreter."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

Select = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Task:
    """Features (n, f) and classes (n,) of a dataset; `batch` labels a round up to `budget`, of which `start` are
    drawn at random; `test` rows are the experimenter's, and `noise` is the share of wrong answers."""

    name: str
    features: np.ndarray
    truth: np.ndarray
    batch: int
    budget: int
    start: int
    test: int
    noise: float = 0.0


def course(task: Task, select: Select, seed: int) -> list[float]:
    """Accuracies on the test part with start, start + batch, … labels, and last with all labels there are.

    `select(features, known, probabilities, batch, seed)` returns places; `known` has -1 where there is no label.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(task.truth))
    test, pool = order[: task.test], order[task.test :]
    x, truth = task.features[pool], task.truth[pool]
    said = answers(truth, task.noise, rng)
    known = np.full(len(pool), -1)
    first = _first(said, task.start)
    known[first] = said[first]
    seen = []
    while True:
        trained = model().fit(x[known >= 0], known[known >= 0])
        seen.append(float(trained.score(task.features[test], task.truth[test])))
        if np.count_nonzero(known >= 0) + task.batch > min(task.budget, len(pool)):
            break
        probabilities = np.zeros((len(x), task.truth.max() + 1))
        probabilities[:, trained.classes_] = trained.predict_proba(x)
        chosen = select(x, known, probabilities, task.batch, seed * 1000 + len(seen))
        known[chosen] = said[chosen]
    return [*seen, float(model().fit(x, said).score(task.features[test], task.truth[test]))]


def model() -> LogisticRegression:
    return LogisticRegression(C=10, max_iter=300)


def answers(truth: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """What an annotator says who is wrong in the share `noise`, evenly among the other classes."""
    classes = int(truth.max()) + 1
    wrong = (truth + rng.integers(1, classes, len(truth))) % classes
    return np.where(rng.random(len(truth)) < noise, wrong, truth)


def _first(said: np.ndarray, start: int) -> np.ndarray:
    """The first rows in random order, and the next one of another class where all of them are of one."""
    first = np.arange(start)
    if len(np.unique(said[first])) < 2:
        first[-1] = np.flatnonzero(said != said[0])[0]
    return first
