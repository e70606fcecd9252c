"""How right a model of the labels so far is, on rows that were drawn at random and that it never learns from.

Validation rows are those whose keys have the smallest hashes, of all whose label the source does not know: a
random sample of the rows that there are, whatever a strategy chose, and nearly the same after each curation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.ask)
from sklearn.linear_model import LogisticRegression  # noqa: TID253

from include.core.seeds import seed_of
from include.label.choose import UNLABELLED
from include.label.learn import accuracy, trained
from include.label.turn import shuffled
from include.pipeline.pool import Rows
from include.specs import Dataset, Labelling

# The share of the validation rows that must have a label: scores of rounds are compared, so they are of like rows.
ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class Score:
    """`value` is the accuracy on `rows` validation rows; None without one, and `why`."""

    value: float | None = None
    rows: int = 0
    why: str = ""


def validation_rows(dataset: Dataset, declared: Labelling, rows: Rows) -> tuple[str, ...]:
    """The keys of the `validation` rows, in the order in which they are asked about.

    They are half of the rows at the most, so that something is left to learn from.
    """
    if not declared.validation:
        return ()
    known = rows.from_source
    unknown = [key for key in rows.keys if key not in known]
    order = shuffled(unknown, seed_of(dataset.name, declared.seed, "validation"))
    return tuple(unknown[place] for place in order[: min(declared.validation, len(unknown) // 2)])


def score_of(dataset: Dataset, declared: Labelling, rows: Rows, people: Mapping[str, str]) -> Score:
    """Of a logistic regression that was trained on all labels of `rows` but those of validation rows.

    `people` has the labels of people, by which alone it is judged.
    """
    drawn = set(validation_rows(dataset, declared, rows))
    checked = {key: people[key] for key in drawn if key in people}
    if not drawn or len(checked) < math.ceil(ENOUGH * len(drawn)):
        return Score(why=f"{len(checked)} of {len(drawn)} validation rows have a label")
    model = LogisticRegression(max_iter=1000, random_state=seed_of(dataset.name, declared.seed, "score"))
    held_out = np.array([key in drawn for key in rows.keys])
    known = np.where(held_out, UNLABELLED, rows.labels)
    probabilities = trained(model, rows.features, known, len(declared.classes))
    if probabilities is None:
        return Score(why="all labels to learn from are of one class")
    places = [place for place, key in enumerate(rows.keys) if key in checked]
    truth = np.array([declared.classes.index(checked[rows.keys[place]]) for place in places])
    return Score(accuracy(truth, probabilities[places].argmax(axis=1)), len(places))
