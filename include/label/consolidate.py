"""From votes to one label an item and how sure it is, by the method of a key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label import dawid_skene as models
from include.label.votes import Consolidated, Votes, refuse_none

LEAST_GOLD = 30
# The logarithms between which the power lies: gold items that are all right would make it infinite.
POWERS = (-3.0, 3.0)


@dataclass(frozen=True, slots=True)
class Besides:
    """What is known besides the votes, where a method needs it.

    `probabilities` (items, classes): a model's, of items that it was not trained on (`out_of_sample`).
    `skill` (annotators,): the share of gold items that each one got right (`annotators.skill`).
    """

    probabilities: np.ndarray | None = None
    skill: np.ndarray | None = None


NOTHING = Besides()


def consolidate(votes: Votes, method: str = "dawid_skene", besides: Besides = NOTHING) -> Consolidated:
    """Probabilities of each item's classes, by the method of that key in `METHODS`.

    `majority`: shares of votes, which are no probabilities of being right. `one_coin` and `dawid_skene`: posterior
    probabilities under the model, overconfident where annotators err together. `gold`: those of one coin where
    accuracies are known. `crowdlab`: a weighted mean of the model's and the annotators' word, from cleanlab.

    Raises FatalError for an unknown key, without any vote, and where the method lacks what it needs.
    """
    if method not in METHODS:
        raise FatalError(
            f"There is no way to consolidate votes called {method!r}.",
            fix=f"declare one of {', '.join(sorted(METHODS))}.",
        )
    refuse_none(votes)
    return METHODS[method](votes, besides)


def tied(consolidated: Consolidated) -> tuple[str, ...]:
    """The items whose two likeliest classes are equally likely: their label is the first of them in `classes`."""
    if len(consolidated.classes) < 2:
        return ()
    second, first = np.sort(consolidated.probabilities, axis=1)[:, -2:].T
    return tuple(
        consolidated.items[place] for place in np.flatnonzero(np.isclose(first, second, rtol=0, atol=1e-12))
    )


def calibrated(consolidated: Consolidated, gold: Mapping[str, str]) -> Consolidated:
    """The same labels with confidences that are right on gold items (item to class), answered like the others.

    Probabilities p become p^b / Σ p^b, b the one under which the gold answers are likeliest: temperature scaling,
    Guo, Pleiss, Sun, Weinberger: "On calibration of modern neural networks", ICML 2017. It helps where confidences
    are all too low or all too high, as those of CROWDLAB and of Dawid–Skene are. Raises FatalError for fewer than
    `LEAST_GOLD` labelled gold items, and for an answer that is no class.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    if unknown := sorted(set(gold.values()) - set(consolidated.classes)):
        raise FatalError(
            f"A gold item's answer is {unknown[0]!r}, which is none of {', '.join(consolidated.classes)}.",
            fix="correct the gold item's answer.",
        )
    known = ~np.isnan(consolidated.probabilities).any(axis=1)
    rows = np.array(
        [place for place, item in enumerate(consolidated.items) if known[place] and item in gold], dtype=int
    )
    if len(rows) < LEAST_GOLD:
        raise FatalError(
            f"Confidence is calibrated by {LEAST_GOLD} labelled gold items or more, and there are {len(rows)}.",
            fix="mix more gold items into the round, or keep the confidence as the method gives it.",
        )
    truth = [consolidated.classes.index(gold[consolidated.items[row]]) for row in rows]
    logs = np.log(np.clip(consolidated.probabilities, 1e-12, None))

    def loss(power: float) -> float:
        scaled = np.exp(power) * logs[rows]
        return float(np.mean(logsumexp(scaled, axis=1) - scaled[np.arange(len(rows)), truth]))

    power = np.exp(minimize_scalar(loss, bounds=POWERS, method="bounded").x)
    scaled = power * logs
    return replace(consolidated, probabilities=np.exp(scaled - logsumexp(scaled, axis=1, keepdims=True)))


def majority(votes: Votes, _: Besides = NOTHING) -> Consolidated:
    """The share of votes that each class has; what ties is told by `tied`.

    An annotator's skill is the share of votes that the majority of the others on the item gives too; where others
    tie, its part of the tie.
    """
    table = votes.table()
    with np.errstate(invalid="ignore"):
        shares = table / table.sum(axis=1, keepdims=True)
    others = table[votes.item]
    others[np.arange(len(others)), votes.label] -= 1
    most = others.max(axis=1)
    credit = np.where(others[np.arange(len(others)), votes.label] == most, 1, 0) / (others == most[:, None]).sum(
        axis=1
    )
    right = np.bincount(votes.annotator, credit * (most > 0), minlength=len(votes.annotators))
    shown = np.bincount(votes.annotator, most > 0, minlength=len(votes.annotators))
    skill = np.divide(right, shown, out=np.full(len(shown), np.nan), where=shown > 0)
    return Consolidated(votes.items, votes.classes, votes.annotators, shares, skill)


def crowdlab(votes: Votes, besides: Besides) -> Consolidated:
    """CROWDLAB, by cleanlab: the weighted mean of the model's probabilities and each annotator's vote.

    Goh, Tkachenko, Mueller: "CROWDLAB: supervised learning to infer consensus labels and quality scores for data
    with multiple annotators", 2022. cleanlab tells the weights and the quality of one label an item; the mean over
    all classes is formed here, with P(vote | true) the agreement with the consensus. Its likeliest class may
    differ from cleanlab's label, which is the likeliest by the weights of one round before. It tells which labels
    are surer, not how sure they are: where annotators err often, its confidence is far below the share that is
    right. Raises FatalError without the model's probabilities, and where no item has two votes.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    if len(votes.classes) == 1:
        return majority(votes)
    model, rows, labels = _dense(votes, besides.probabilities)
    found = get_label_quality_multiannotator(
        labels, model, return_detailed_quality=False, return_weights=True, verbose=False
    )
    quality = found["label_quality"]
    several = quality["num_annotations"].to_numpy() > 1
    agreed = quality["annotator_agreement"].to_numpy()[several].mean()
    weights = found["annotator_weight"]
    word = np.where(np.eye(len(votes.classes), dtype=bool), agreed, (1 - agreed) / (len(votes.classes) - 1))
    mean = model * found["model_weight"]
    place = np.searchsorted(rows, votes.item)
    people = np.searchsorted(np.unique(votes.annotator), votes.annotator)
    np.add.at(mean, place, weights[people, None] * word[votes.label])
    probabilities = np.full((len(votes.items), len(votes.classes)), np.nan)
    probabilities[rows] = mean / mean.sum(axis=1, keepdims=True)
    skill = np.full(len(votes.annotators), np.nan)
    stats = found["annotator_stats"]["annotator_quality"]
    skill[np.unique(votes.annotator)[stats.index.to_numpy()]] = stats.to_numpy()
    return Consolidated(votes.items, votes.classes, votes.annotators, probabilities, skill)


def _dense(votes: Votes, model: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The model's probabilities of items voted on, their places, and their labels (items, annotators)."""
    if model is None or model.shape != (len(votes.items), len(votes.classes)):
        shape = "none" if model is None else f"{model.shape[0]} × {model.shape[1]}"
        raise FatalError(
            f"crowdlab needs a model's probabilities for {len(votes.items)} items × {len(votes.classes)} classes, "
            f"and has {shape}.",
            fix="declare features for the model, or consolidate by dawid_skene.",
        )
    if np.bincount(votes.item).max() < 2:
        raise FatalError(
            "crowdlab weighs annotators by how they agree, and no item has the votes of two.",
            fix="have some items labelled twice, or consolidate by gold or majority.",
        )
    rows, place = np.unique(votes.item, return_inverse=True)
    people, column = np.unique(votes.annotator, return_inverse=True)
    labels = np.full((len(rows), len(people)), np.nan)
    labels[place, column] = votes.label
    return model[rows], rows, labels


def _gold(votes: Votes, besides: Besides) -> Consolidated:
    if besides.skill is None:
        raise FatalError(
            "Votes can be weighted by gold only where each annotator's accuracy on gold items is known.",
            fix="mix gold items into the round, or consolidate by one_coin, which estimates it.",
        )
    return models.known_skill(votes, besides.skill)


METHODS: dict[str, Callable[[Votes, Besides], Consolidated]] = {
    "majority": majority,
    "dawid_skene": lambda votes, _: models.dawid_skene(votes).consolidated,
    "one_coin": lambda votes, _: models.one_coin(votes).consolidated,
    "gold": _gold,
    "crowdlab": crowdlab,
}
