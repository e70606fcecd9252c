"""How good each annotator is by items whose answer is known, and the items that most divide them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.annotations import Item
from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.label.votes import Consolidated, Votes

# Gold answers that each annotator is supposed to have given before, as well as all do on average.
SUPPOSED = 2.0


@dataclass(frozen=True, slots=True)
class GoldScore:
    """`accuracy` of `right` out of `answered` gold items, with its 95 % Wilson interval `low` to `high`.

    All three are None for an annotator who answered none.
    """

    annotator: str
    right: int
    answered: int
    accuracy: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item on which annotators differ: `entropy` of its votes in bits, and who said what."""

    item: str
    entropy: float
    confidence: float | None
    said: tuple[tuple[str, str], ...]


def with_gold(items: Sequence[str], gold: Iterable[str], share: float, seed: int) -> tuple[str, ...]:
    """The items of a batch with gold items among them, `share` of the whole, in an order that shows neither.

    Which gold items, and the order, depend on keys and seed alone. A gold item in the batch is not repeated.
    Raises FatalError for a share that is none, and where there are too few gold items.
    """
    if not 0 <= share < 1:
        raise FatalError(f"A share of gold items of {share:g} is none.", fix="declare one from 0 to below 1.")
    known = sorted(set(gold) - set(items), key=lambda key: (seed_of(seed, "gold", key), key))
    wanted = round(len(items) * share / (1 - share))
    if len(known) < wanted:
        raise FatalError(
            f"{share:.0%} of gold among {len(items)} items takes {wanted} gold items, and there are {len(known)}.",
            fix="add items whose answer is known, or declare a smaller share.",
        )
    return tuple(sorted([*items, *known[:wanted]], key=lambda key: (seed_of(seed, key), key)))


def on_gold(votes: Votes, gold: Mapping[str, str]) -> tuple[GoldScore, ...]:
    """The accuracy of each of `votes.annotators` on the items that `gold` (item to class) has the answer of.

    Wilson: "Probable inference, the law of succession, and statistical inference", JASA 22, 1927, by statsmodels.
    Raises FatalError for a gold answer that is no class.
    """
    from statsmodels.stats.proportion import proportion_confint

    if unknown := sorted(set(gold.values()) - set(votes.classes)):
        raise FatalError(
            f"A gold item's answer is {unknown[0]!r}, which is none of {', '.join(votes.classes)}.",
            fix="correct the gold item's answer.",
        )
    places = {label: place for place, label in enumerate(votes.classes)}
    answer = np.array([places[gold[item]] if item in gold else -1 for item in votes.items], dtype=np.int64)
    truth = answer[votes.item]
    right = np.bincount(votes.annotator, truth == votes.label, minlength=len(votes.annotators))
    answered = np.bincount(votes.annotator, truth >= 0, minlength=len(votes.annotators))
    scores = []
    for annotator, hits, tries in zip(votes.annotators, right.astype(int), answered.astype(int), strict=True):
        if not tries:
            scores.append(GoldScore(annotator, 0, 0, None, None, None))
            continue
        low, high = proportion_confint(int(hits), int(tries), method="wilson")
        scores.append(GoldScore(annotator, int(hits), int(tries), float(hits / tries), float(low), float(high)))
    return tuple(scores)


def below(scores: Iterable[GoldScore], bound: float) -> tuple[str, ...]:
    """Annotators whose whole interval is below the bound: a few wrong answers alone are no proof."""
    return tuple(sorted(score.annotator for score in scores if score.high is not None and score.high < bound))


def skill(scores: Sequence[GoldScore]) -> np.ndarray:
    """Accuracies (annotators,) to weight votes by: (right + 2 · mean) / (answered + 2).

    The mean is that of all annotators' answers. Who answered no gold item is worth the mean. Raises FatalError
    where nobody answered one.
    """
    right, answered = (np.array([getattr(s, name) for s in scores], dtype=float) for name in ("right", "answered"))
    if not answered.sum():
        raise FatalError(
            "No annotator answered a gold item, so that none can be weighted by them.",
            fix="mix gold items into the round, or consolidate by one_coin.",
        )
    return np.asarray((right + SUPPOSED * right.sum() / answered.sum()) / (answered + SUPPOSED))


def disputed(
    votes: Votes, consolidated: Consolidated | None = None, most: int | None = None
) -> tuple[Dispute, ...]:
    """The items on which annotators differ, those that divide them most first, and no more than `most`.

    By the entropy of the item's votes, then by the least confidence if `consolidated` is given, then by key.
    """
    table = votes.table()
    total = np.maximum(1, table.sum(axis=1, keepdims=True))
    shares = table / total
    entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    confidence = np.full(len(votes.items), np.nan) if consolidated is None else _confidence(votes, consolidated)
    rows = np.flatnonzero(np.count_nonzero(table, axis=1) > 1)
    # Rounded, so that the same split is the same entropy whatever the order of its classes.
    order = rows[np.lexsort((rows, confidence[rows], -entropy[rows].round(9)))][:most]
    starts = np.searchsorted(votes.item, [order, order + 1])
    return tuple(
        Dispute(
            votes.items[row],
            float(entropy[row]),
            None if np.isnan(confidence[row]) else float(confidence[row]),
            tuple(
                (votes.annotators[votes.annotator[v]], votes.classes[votes.label[v]]) for v in range(begin, end)
            ),
        )
        for row, begin, end in zip(order, *starts, strict=True)
    )


def calibration_round(disputes: Iterable[Dispute], items: Mapping[str, Item], guideline: str) -> tuple[Item, ...]:
    """The disputed items to go through together: each with the guideline's text and how often what was said.

    Who said it is left out: a round is about the guideline, not about people.
    """
    rounds = []
    for dispute in disputes:
        counts: dict[str, int] = {}
        for _, label in dispute.said:
            counts[label] = counts.get(label, 0) + 1
        said = ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
        item = items[dispute.item]
        rounds.append(item.model_copy(update={"data": {**item.data, "guideline": guideline, "said": said}}))
    return tuple(rounds)


def _confidence(votes: Votes, consolidated: Consolidated) -> np.ndarray:
    if consolidated.items != votes.items:
        raise FatalError("Votes and consolidated labels are of different items.", fix="consolidate these votes.")
    return consolidated.confidence
