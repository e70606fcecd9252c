"""Pre-labelling: what a model is sure of it labels itself, people check a sample of that and do the rest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label.turn import shuffled


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one row, and how likely that is to be right."""

    key: str
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Prelabelled:
    """Every row is in one of three: `labelled` by the model (`origin` model), `audited` (the model is sure, and
    people label it all the same, unseen), `review` (people label it, and may see what the model says)."""

    labelled: tuple[Prediction, ...]
    audited: tuple[Prediction, ...]
    review: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Of `rows` that people labelled where the model was sure, it was `right` in so many.

    `low` to `high` is the 95 % interval of its accuracy (Wilson: "Probable inference", JASA 22, 1927);
    `claimed` is the mean of its confidence in them.
    """

    rows: int
    right: int
    claimed: float
    low: float
    high: float

    @property
    def overconfident(self) -> bool:
        """Whether the model claims more than the interval allows."""
        return self.claimed > self.high


def prelabel(
    keys: Sequence[str], probabilities: np.ndarray, classes: Sequence[str], *, threshold: float,
    most: float = 1.0, audit: float = 0.05, seed: int = 0,
) -> Prelabelled:  # fmt: skip
    """Part n rows by the model's calibrated `probabilities` (n, k).

    A model is sure of a row whose likeliest class has at least the probability `threshold`; of at most the share
    `most` of all rows, those with the highest. Of these the share `audit` (one row at least, if there are any) is
    drawn for people. All depends on seed and keys, and not on the order of the rows.
    """
    _refuse_improbable(probabilities, len(keys), len(classes))
    for name, share in (("threshold", threshold), ("most", most), ("audit", audit)):
        if not 0 <= share <= 1:
            raise FatalError(f"{name} is {share}, and no share.", fix="give a number from 0 to 1.")
    order = shuffled(keys, seed)
    confidence = probabilities[order].max(axis=1) if len(order) else np.empty(0)
    by_confidence = np.argsort(-confidence, kind="stable")[: math.floor(most * len(order))]
    sure = by_confidence[confidence[by_confidence] >= threshold]
    # Places in `order` are random already: the first so many are a random sample.
    checked = np.sort(sure)[: min(len(sure), max(1, round(audit * len(sure)))) if audit else 0]
    drawn, taken = set(checked.tolist()), set(sure.tolist())
    said: dict[str, list[Prediction]] = {"labelled": [], "audited": [], "review": []}
    for place, row in enumerate(order.tolist()):
        best = int(probabilities[row].argmax())
        part = "audited" if place in drawn else "labelled" if place in taken else "review"
        said[part].append(Prediction(keys[row], classes[best], float(probabilities[row, best])))
    return Prelabelled(
        *(tuple(sorted(said[part], key=lambda p: p.key)) for part in ("labelled", "audited", "review"))
    )


def audited(prelabelled: Prelabelled, answers: Mapping[str, str]) -> Audit:
    """How right the model was in its audited rows; `answers` has people's class by key.

    Raises FatalError where none of them has been answered.
    """
    checked = [p for p in prelabelled.audited if p.key in answers]
    if not checked:
        raise FatalError(
            f"None of {len(prelabelled.audited)} audited rows has been labelled by people.",
            fix="wait for their labels before the model's are believed.",
        )
    right = sum(p.label == answers[p.key] for p in checked)
    low, high = _wilson(right, len(checked))
    return Audit(len(checked), right, float(np.mean([p.confidence for p in checked])), low, high)


def calibrated(
    classifier: Any, features: Any, labels: Sequence[str], keys: Sequence[str], *,
    method: Literal["sigmoid", "isotonic"] = "sigmoid", folds: int = 5, seed: int = 0,
) -> Any:  # fmt: skip
    """The classifier (scikit-learn's kind) fitted on labelled rows, with calibrated `predict_proba`.

    Cross-validated: each fold's model is calibrated on the rows that it did not see, and the mean of all is taken.
    "sigmoid" is Platt's (1999), for few labels; "isotonic" (Zadrozny, Elkan 2002) wants a thousand or so. Raises
    FatalError where a class has fewer rows than there are folds.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold

    names, counts = np.unique(np.asarray(labels), return_counts=True)
    if len(names) < 2 or counts.min() < folds:
        told = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
        raise FatalError(
            f"A model cannot be calibrated in {folds} folds on the labels {told or 'none'}.",
            fix=f"label at least {folds} rows of each class, two classes at least, or take fewer folds.",
        )
    # Folds are taken as rows come: by the hash of their keys.
    order = shuffled(keys, seed)
    rows = features.iloc[order] if hasattr(features, "iloc") else features[order]
    parts = StratifiedKFold(n_splits=folds)
    return CalibratedClassifierCV(classifier, method=method, cv=parts).fit(rows, np.asarray(labels)[order])


def _wilson(right: int, rows: int) -> tuple[float, float]:
    z = 1.959963984540054
    share = right / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return middle - half, middle + half


def _refuse_improbable(probabilities: np.ndarray, rows: int, classes: int) -> None:
    if probabilities.shape != (rows, classes):
        raise FatalError(
            f"Probabilities of {rows} rows and {classes} classes have the shape {probabilities.shape}.",
            fix="give one row a key and one column a class.",
        )
    if not np.isfinite(probabilities).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-6):
        raise FatalError(
            "Probabilities are missing, or do not sum to 1 in every row.", fix="give a classifier's predict_proba."
        )
