"""Which given labels are likely wrong, by confident learning: proposals for the next round, not removals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError


@dataclass(frozen=True, slots=True)
class Suspect:
    """An item whose `given` label is likely wrong: `quality` is its probability, `likelier` the likeliest."""

    item: str
    given: str
    likelier: str
    quality: float


def suspects(
    items: Sequence[str], labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]
) -> tuple[Suspect, ...]:
    """Items to label again, the least likely label first; `probabilities` (items, classes) are out of sample.

    cleanlab's `find_label_issues`, pruned by noise rate: a label is counted against where another class is more
    likely than it is on average for items of that class. Northcutt, Jiang, Chuang: "Confident learning", JAIR 70,
    2021. The order of the rows makes no difference. Raises FatalError for an unknown class, a repeated item,
    probabilities of another shape or that are no probabilities.
    """
    from cleanlab.filter import find_label_issues

    _refuse(items, labels, probabilities, classes)
    if not len(items):
        return ()
    places = {label: place for place, label in enumerate(classes)}
    order = sorted(range(len(items)), key=items.__getitem__)
    given = np.array([places[labels[row]] for row in order])
    model = probabilities[order]
    # In one process: cleanlab would start one for each core for any number of rows.
    wrong = np.flatnonzero(find_label_issues(given, model, n_jobs=1))
    found = [
        Suspect(
            items[order[row]],
            classes[given[row]],
            classes[int(model[row].argmax())],
            float(model[row, given[row]]),
        )
        for row in wrong
    ]
    return tuple(sorted(found, key=lambda suspect: (suspect.quality, suspect.item)))


def _refuse(
    items: Sequence[str], labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]
) -> None:
    if probabilities.shape != (len(items), len(classes)) or len(labels) != len(items):
        raise FatalError(
            f"There are {len(items)} items, {len(labels)} labels, {len(classes)} classes, and probabilities "
            f"of shape {probabilities.shape}.",
            fix="give each item one label and a probability of each class.",
        )
    if unknown := sorted(set(labels) - set(classes)):
        raise FatalError(
            f"{unknown[0]!r} is a label and none of the classes {', '.join(classes)}.",
            fix="correct the label, or add the class to the dataset's labelling.",
        )
    if len(set(items)) < len(items):
        twice = next(item for item in items if list(items).count(item) > 1)
        raise FatalError(f"Item {twice!r} has two labels.", fix="consolidate the labels first: one an item.")
    if not (np.isfinite(probabilities).all() and np.allclose(probabilities.sum(axis=1), 1, atol=1e-3)):
        raise FatalError(
            "The probabilities of some item do not sum to 1.",
            fix="give out-of-sample probabilities of a classifier, for labelled items only.",
        )
