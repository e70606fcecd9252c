"""How far annotators agree on where something is: rectangles in images, spans in texts, stretches of time."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.annotations import Annotation, Rectangle, Span, TimeRange
from include.core.errors import FatalError
from include.label.agreement import Agreement, interval
from include.label.coefficients import Prepared
from include.label.overlap import of_rectangles, of_stretches

Region = Rectangle | Span | TimeRange


@dataclass(frozen=True, slots=True)
class Matching:
    """Two regions of `kind` match if their intersection over union is at least `least`, and more than 0."""

    kind: type[Region]
    least: float
    overlap: Callable[[Any, Any], np.ndarray]


# An exact span is one that has nothing more and nothing less; PASCAL VOC's bound for a rectangle is a half.
MATCHINGS: dict[str, Matching] = {
    "rectangle_f1": Matching(Rectangle, 0.5, of_rectangles),
    "span_f1_exact": Matching(Span, 1.0, of_stretches),
    "span_f1_overlap": Matching(Span, 0.0, of_stretches),
    "time_f1": Matching(TimeRange, 0.5, of_stretches),
}


@dataclass(frozen=True, slots=True)
class Matched:
    """Of `first` and `second` regions of two annotators, `pairs` match, with `overlap` the sum of their IoU."""

    first: int = 0
    second: int = 0
    pairs: int = 0
    overlap: float = 0.0

    def __add__(self, other: "Matched") -> "Matched":
        return Matched(
            self.first + other.first,
            self.second + other.second,
            self.pairs + other.pairs,
            self.overlap + other.overlap,
        )

    @property
    def f1(self) -> float | None:
        """2 · pairs / all regions: the harmonic mean of precision and recall, the same whoever is taken for right.

        None where neither drew a region.
        """
        return 2 * self.pairs / (self.first + self.second) if self.first + self.second else None

    @property
    def mean_overlap(self) -> float | None:
        """The mean IoU of what matches; None where nothing does."""
        return self.overlap / self.pairs if self.pairs else None


@dataclass(frozen=True, slots=True)
class RegionReport:
    """`pairs` has each two annotators that share an item, `classes` all pairs together by class."""

    overall: Agreement
    mean_overlap: float | None
    pairs: dict[tuple[str, str], Matched] = field(default_factory=dict)
    classes: dict[str, Matched] = field(default_factory=dict)


def match(first: Sequence[Region], second: Sequence[Region], how: Matching) -> Matched:
    """One to one, so that as much as possible is matched with as much overlap, by the Hungarian method (scipy).

    Regions match that answer the same question with the same labels, and overlap enough. Kuhn: "The Hungarian
    method for the assignment problem", Naval Res. Logist. Quart. 2, 1955.
    """
    from scipy.optimize import linear_sum_assignment

    if not (first and second):
        return Matched(len(first), len(second))
    overlap = how.overlap(first, second)
    same = np.array([[a.name == b.name and set(a.labels) == set(b.labels) for b in second] for a in first])
    may = same & (overlap >= how.least) & (overlap > 0)
    # One match more outweighs any overlap, which sums to less than the number of regions.
    gain = np.where(may, overlap + min(len(first), len(second)) + 1, 0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    chosen = may[rows, columns]
    return Matched(len(first), len(second), int(chosen.sum()), float(overlap[rows, columns][chosen].sum()))


def region_agreement(
    annotations: Iterable[Annotation], measure: str, *, seed: int, resamples: int = 1000
) -> RegionReport:
    """F1 of regions over all pairs of annotators and all items, with a percentile bootstrap of whole items.

    `measure` is a key of `MATCHINGS`. An annotator who saw an item and drew nothing counts as having found
    nothing; one who skipped it does not count. F1 is not corrected for chance: where a match by chance is rare,
    kappa tends to it (Hripcsak, Rothschild: "Agreement, the F-measure, and reliability in information retrieval",
    JAMIA 12, 2005), so Landis and Koch's words do not apply and `words` is empty.

    It is undefined (value None) where no item has two annotators, or none of them drew anything. Raises FatalError
    for an unknown measure, and an annotator who answered twice.
    """
    if measure not in MATCHINGS:
        raise FatalError(
            f"There is no measure of regions {measure!r}.", fix=f"declare one of {', '.join(sorted(MATCHINGS))}."
        )
    how = MATCHINGS[measure]
    answers = _answers(annotations, how.kind)
    by_item: dict[str, Matched] = {}
    pairs: dict[tuple[str, str], Matched] = {}
    classes: dict[str, Matched] = {}
    for item in sorted(answers):
        for one, two in itertools.combinations(sorted(answers[item]), 2):
            first, second = answers[item][one], answers[item][two]
            found = match(first, second, how)
            by_item[item] = by_item.get(item, Matched()) + found
            pairs[one, two] = pairs.get((one, two), Matched()) + found
            for label in {label for region in (*first, *second) for label in region.labels}:
                of_label = match(_with(label, first), _with(label, second), how)
                classes[label] = classes.get(label, Matched()) + of_label
    people = {name for pair in pairs for name in pair}
    overall = _overall(measure, list(by_item.values()), len(people), seed, resamples)
    whole = sum(by_item.values(), Matched())
    return RegionReport(overall, whole.mean_overlap, dict(sorted(pairs.items())), dict(sorted(classes.items())))


def _with(label: str, regions: Sequence[Region]) -> list[Region]:
    return [region for region in regions if label in region.labels]


def _answers(annotations: Iterable[Annotation], kind: type[Region]) -> dict[str, dict[str, list[Region]]]:
    answers: dict[str, dict[str, list[Region]]] = {}
    for said in annotations:
        if said.skipped:
            continue
        of_item = answers.setdefault(said.item, {})
        if said.annotator in of_item:
            raise FatalError(
                f"{said.annotator!r} answered twice for item {said.item!r}.",
                fix="keep one answer: the later one is the relabelling.",
            )
        of_item[said.annotator] = [region for region in said.regions if isinstance(region, kind)]
    return answers


def _overall(measure: str, items: list[Matched], people: int, seed: int, resamples: int) -> Agreement:
    whole = sum(items, Matched())
    if whole.f1 is None:
        why = "no item has two annotators" if not items else "nobody drew a region where two annotators looked"
        return Agreement(measure, None, None, None, "undefined", len(items), people, why)
    matched = np.array([2 * item.pairs for item in items], dtype=float)
    drawn = np.array([item.first + item.second for item in items], dtype=float)

    def value(times: np.ndarray) -> np.ndarray:
        total = times @ drawn
        return np.divide(times @ matched, total, out=np.full(len(times), np.nan), where=total > 0)

    low, high = interval(Prepared(np.ones(len(items), dtype=np.int64), value), seed, resamples)
    return Agreement(measure, whole.f1, low, high, "", len(items), people)
