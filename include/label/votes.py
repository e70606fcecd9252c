"""Votes on items in columns, and what is made of them: a probability of each class for each item."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError


@dataclass(frozen=True, slots=True)
class Votes:
    """n votes: `item`, `annotator` and `label` (n,) int32 are places in `items`, `annotators` and `classes`.

    An annotator has one vote an item at the most; votes are sorted by item, then annotator.
    """

    items: tuple[str, ...]
    annotators: tuple[str, ...]
    classes: tuple[str, ...]
    item: np.ndarray
    annotator: np.ndarray
    label: np.ndarray

    @classmethod
    def of(
        cls, votes: Iterable[tuple[str, str, str]], classes: Sequence[str], items: Sequence[str] | None = None
    ) -> "Votes":
        """From (item, annotator, class) in any order. `items` may name some that nobody has voted on.

        Raises FatalError for an unknown class, an unknown item, and a second vote of an annotator on an item.
        """
        found = sorted(votes)
        known = tuple(sorted(items if items is not None else {item for item, _, _ in found}))
        people = tuple(sorted({annotator for _, annotator, _ in found}))
        places = {label: place for place, label in enumerate(classes)}
        item_places = {item: place for place, item in enumerate(known)}
        person_places = {person: place for place, person in enumerate(people)}
        for item, annotator, label in found:
            if label not in places:
                raise FatalError(
                    f"{annotator!r} labelled item {item!r} as {label!r}, which is none of {', '.join(classes)}.",
                    fix="correct the label, or add the class to the dataset's labelling.",
                )
            if item not in item_places:
                raise FatalError(
                    f"{annotator!r} labelled item {item!r}, which was not asked for.",
                    fix="take the label out, or label the item in a round that asks for it.",
                )
        for (item, annotator, first), (again, by, second) in itertools.pairwise(found):
            if (item, annotator) == (again, by):
                raise FatalError(
                    f"{annotator!r} answered twice for item {item!r}: {first!r} and {second!r}.",
                    fix="keep one answer: the later one is the relabelling.",
                )
        columns = np.array(
            [(item_places[i], person_places[a], places[c]) for i, a, c in found], dtype=np.int32
        ).reshape(-1, 3)
        return cls(known, people, tuple(classes), columns[:, 0], columns[:, 1], columns[:, 2])

    def table(self) -> np.ndarray:
        """How many votes each class has for each item: (items, classes) int64."""
        width = len(self.classes)
        counts = np.bincount(self.item.astype(np.int64) * width + self.label, minlength=len(self.items) * width)
        return counts.reshape(len(self.items), width)


@dataclass(frozen=True, slots=True)
class Consolidated:
    """What the votes come to: `probabilities` (items, classes) float64, each row summing to 1, or all NaN where
    nobody voted; `skill` (annotators,) is each one's estimated accuracy, NaN where it cannot be told."""

    items: tuple[str, ...]
    classes: tuple[str, ...]
    annotators: tuple[str, ...]
    probabilities: np.ndarray
    skill: np.ndarray

    @property
    def labels(self) -> list[str | None]:
        """The likeliest class of each item, the first of equally likely ones; None where nobody voted."""
        told = ~np.isnan(self.probabilities).any(axis=1)
        best = np.where(told, np.nan_to_num(self.probabilities).argmax(axis=1), -1)
        return [self.classes[place] if place >= 0 else None for place in best]

    @property
    def confidence(self) -> np.ndarray:
        """The probability of each item's label; NaN where nobody voted."""
        return self.probabilities.max(axis=1) if len(self.classes) else np.empty(0)


def refuse_none(votes: Votes) -> None:
    """Raises FatalError if nobody voted on anything."""
    if not len(votes.item):
        raise FatalError(
            f"None of {len(votes.items)} items has a vote: everyone abstained, or nothing came back.",
            fix="wait for the annotators, or label the items in another round; without a vote there is no label.",
        )
