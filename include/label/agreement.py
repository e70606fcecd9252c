"""How far annotators agree beyond chance: overall, by class and by pair, with intervals and in words."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label import coefficients
from include.label.coefficients import Prepared
from include.label.votes import Votes

MEASURES: dict[str, Callable[[Votes], Prepared]] = {
    "krippendorff": coefficients.krippendorff,
    "krippendorff_ordinal": partial(coefficients.krippendorff, level="ordinal"),
    "krippendorff_interval": partial(coefficients.krippendorff, level="interval"),
    "krippendorff_ratio": partial(coefficients.krippendorff, level="ratio"),
    "fleiss": coefficients.fleiss,
    "gwet_ac1": coefficients.gwet_ac1,
    "cohen": coefficients.cohen,
    "cohen_linear": partial(coefficients.cohen, weights="linear"),
    "cohen_quadratic": partial(coefficients.cohen, weights="quadratic"),
}
# Landis, Koch: "The measurement of observer agreement for categorical data", Biometrics 33, 1977.
WORDS = ((0.2, "slight"), (0.4, "fair"), (0.6, "moderate"), (0.8, "substantial"), (1.0, "almost perfect"))
COVERAGE = 0.95
# Numbers that a batch of resamples holds at once, which bounds its memory to some 100 MB.
BATCH = 4_000_000
# Pairs that a round keeps on record: of 30 annotators there are 435.
PAIRS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Agreement:
    """`value` with its 95 % interval `low` to `high`, over `items` with two votes or more by `annotators` people.

    `value` is None where the measure is undefined, and `why` says why. `low` and `high` are None as well where
    more than one in twenty resamples of the items leave it undefined. `words` are Landis and Koch's.
    """

    measure: str
    value: float | None
    low: float | None
    high: float | None
    words: str
    items: int
    annotators: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`classes` has each class against all others, `pairs` each two annotators that share an item."""

    overall: Agreement
    classes: dict[str, Agreement]
    pairs: dict[tuple[str, str], Agreement]

    def facts(self) -> dict[str, Any]:
        """As JSON: the overall agreement's fields, and `classes`, `pairs` (the PAIRS_KEPT that agree least, those
        first, each with the names of its `pair`) and `of_pairs`, how many there are."""
        least = sorted(self.pairs.items(), key=lambda one: (one[1].value is None, one[1].value, one[0]))
        return {
            **asdict(self.overall),
            "classes": {label: asdict(found) for label, found in self.classes.items()},
            "pairs": [{"pair": list(names), **asdict(found)} for names, found in least[:PAIRS_KEPT]],
            "of_pairs": len(self.pairs),
        }


def agreement(votes: Votes, measure: str = "krippendorff", *, seed: int, resamples: int = 1000) -> Agreement:
    """The measure of that key, and a percentile bootstrap of whole items (Efron, Tibshirani 1993, ch. 13).

    Undefined, not an error, are votes of one annotator alone or that share no item, and those all alike but for
    Gwet's AC1, which is 1 then. Raises FatalError for an unknown measure and where the measure does not
    fit the votes (`coefficients`).
    """
    if measure not in MEASURES:
        raise FatalError(
            f"There is no measure of agreement {measure!r}.", fix=f"declare one of {', '.join(sorted(MEASURES))}."
        )
    paired = _paired(votes)
    items, people = len(np.unique(paired.item)), len(np.unique(paired.annotator))
    undefined = partial(Agreement, measure, None, None, None, "undefined", items, people)
    if not items:
        return undefined(_unshared(votes))
    if len(votes.classes) < 2:
        return undefined(f"{votes.classes[0]!r} is the only class, so annotators cannot disagree")
    prepared = MEASURES[measure](votes)
    value = float(prepared.value(prepared.units[None, :])[0])
    if np.isnan(value):
        said = np.unique(paired.label)
        alike = (
            f"all votes are {votes.classes[said[0]]!r}" if len(said) == 1 else "no two annotators use two classes"
        )
        return undefined(f"{alike}: agreement and agreement by chance are both perfect, so {measure} is 0/0")
    low, high = interval(prepared, seed, resamples)
    return Agreement(measure, value, low, high, words(value), items, people)


def by_class(
    votes: Votes, measure: str = "krippendorff", *, seed: int, resamples: int = 1000
) -> dict[str, Agreement]:
    """Agreement on each class against all others taken as one (nominal: its order and distances are gone)."""
    nominal = measure.partition("_")[0] if measure.startswith(("krippendorff", "cohen")) else measure
    return {
        label: agreement(_against_others(votes, place), nominal, seed=seed, resamples=resamples)
        for place, label in enumerate(votes.classes)
    }


def by_pair(
    votes: Votes, measure: str = "krippendorff", *, seed: int, resamples: int = 200
) -> dict[tuple[str, str], Agreement]:
    """Agreement of each two annotators that share an item, over the items that they share."""
    pairs, item, first, second = coefficients.shared(votes)
    if not len(pairs):
        return {}
    order = np.lexsort((item, pairs))
    known, starts = np.unique(pairs[order], return_index=True)
    found = {}
    for pair, rows in zip(known, np.split(order, starts[1:]), strict=True):
        names = (votes.annotators[pair // len(votes.annotators)], votes.annotators[pair % len(votes.annotators)])
        either = np.tile(np.arange(2, dtype=np.int32), len(rows))
        labels = np.column_stack([first[rows], second[rows]]).ravel()
        two = Votes(votes.items, names, votes.classes, np.repeat(item[rows], 2), either, labels)
        found[names] = agreement(two, measure, seed=seed, resamples=resamples)
    return found


def report(votes: Votes, measure: str = "krippendorff", *, seed: int) -> Report:
    """Agreement overall, by class and by pair."""
    return Report(
        agreement(votes, measure, seed=seed),
        by_class(votes, measure, seed=seed),
        by_pair(votes, measure, seed=seed),
    )


def words(value: float) -> str:
    """What Landis and Koch call a value of kappa."""
    return "poor" if value < 0 else next((word for bound, word in WORDS[:-1] if value <= bound), WORDS[-1][1])


def interval(prepared: Prepared, seed: int, resamples: int) -> tuple[float | None, float | None]:
    """The 95 % percentile bootstrap interval; None and None where more than one in twenty values are 0/0."""
    draw = np.random.default_rng(seed)
    total = int(prepared.units.sum())
    batch = max(1, BATCH // max(len(prepared.units), prepared.cells))
    values = []
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        times = draw.multinomial(total, prepared.units / total, size=size)
        values.append(prepared.value(times))
    drawn = np.concatenate(values)
    told = drawn[~np.isnan(drawn)]
    if len(told) < COVERAGE * resamples:
        return None, None
    low, high = np.quantile(told, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _paired(votes: Votes) -> Votes:
    """The votes on items that have two or more."""
    keep = np.bincount(votes.item, minlength=len(votes.items))[votes.item] > 1
    return Votes(
        votes.items, votes.annotators, votes.classes, votes.item[keep], votes.annotator[keep], votes.label[keep]
    )


def _unshared(votes: Votes) -> str:
    people = [votes.annotators[place] for place in np.unique(votes.annotator)]
    if not people:
        return "nobody voted"
    if len(people) == 1:
        return f"{people[0]!r} is the only annotator: agreement takes two"
    return f"no item has the votes of two of the {len(people)} annotators"


def _against_others(votes: Votes, place: int) -> Votes:
    chosen = (votes.label == place).astype(np.int32)
    return Votes(
        votes.items, votes.annotators, ("others", votes.classes[place]), votes.item, votes.annotator, chosen
    )
