"""Balance the train split of a table: frames in; made rows with parents and weights, and left-out rows, out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.augment)
from threadpoolctl import threadpool_limits

from include.augment.registry import balancer, resolve
from include.augment.samplers import NOT_ANY, Points
from include.core.errors import FatalError
from include.specs import Balance


@dataclass(frozen=True, slots=True)
class Train:
    """The train split's n rows, sorted by id: `numeric` (n, f) float64 with NaN for missing, `categorical`
    (n, c) text with None for missing, `labels` (n,) text, and the names of both kinds of features."""

    ids: np.ndarray
    labels: np.ndarray
    numeric: np.ndarray
    categorical: np.ndarray
    numeric_names: tuple[str, ...]
    categorical_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """m made rows: `numeric` (m, f) = first + weight · (second - first); a `second` of -1 is a plain copy.

    `first` and `second` index the train rows. `removed` are train rows to leave out.
    """

    labels: np.ndarray
    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray
    numeric: np.ndarray
    categorical: np.ndarray
    removed: np.ndarray


def balance(train: Train, declared: Balance, seed: int) -> Made:
    """Bring every smaller class to `ratio` of the largest one (or the larger ones down, for random_under).

    Neighbours are sought on standardised features (mean 0, standard deviation 1 over train), else the
    feature with the largest unit would decide alone; the made values are interpolated between the parents' own
    values, so the rule of `Made` holds in the data's units. Missing numeric values are filled with train's
    median where `impute="median"`. Raises FatalError for one class only, too few rows of a class,
    features that the method cannot take, and missing values without an imputation.
    """
    method = balancer(declared.method)
    counts = _class_counts(train.labels)
    towards = _lower if declared.method == "random_under" else _raise
    targets = towards(counts, declared.ratio)
    numeric, points = train.numeric, Points(train.numeric, train.categorical, train.labels)
    if method.interpolates:
        _refuse_misfit(train, declared.method, method.categorical)
        _refuse_too_few(counts, targets, declared)
        numeric = _complete(train, declared.impute)
        points = Points(_standardised(numeric), train.categorical, train.labels, declared.exact)
    drawn = NOT_ANY
    if targets:
        # How many cores search for neighbours must not decide which of two equally near ones is found.
        with threadpool_limits(1):
            drawn = resolve(method.implementation)(points, targets, declared.neighbours, seed)
    made = numeric[drawn.first]
    if method.interpolates:
        step = numeric[drawn.second]
        step -= made
        step *= drawn.weight[:, None]
        made += step
    return Made(
        labels=train.labels[drawn.first],
        first=drawn.first,
        second=drawn.second,
        weight=drawn.weight,
        numeric=made,
        categorical=train.categorical[drawn.first] if drawn.categorical is None else drawn.categorical,
        removed=drawn.removed,
    )


def _class_counts(labels: np.ndarray) -> dict[str, int]:
    names, numbers = np.unique(labels, return_counts=True)
    counts = {str(name): int(number) for name, number in zip(names, numbers, strict=True)}
    if len(counts) < 2:
        found = ", ".join(f"{name!r} ({number} rows)" for name, number in counts.items()) or "none"
        raise FatalError(
            f"Balancing needs two classes or more in train; found {found}.",
            fix="collect rows of the other class, or take balance out of the dataset's declaration.",
        )
    return counts


def _raise(counts: Mapping[str, int], ratio: float) -> dict[str, int]:
    wanted = round(ratio * max(counts.values()))
    return {label: wanted for label, count in counts.items() if count < wanted}


def _lower(counts: Mapping[str, int], ratio: float) -> dict[str, int]:
    wanted = round(min(counts.values()) / ratio)
    return {label: wanted for label, count in counts.items() if count > wanted}


def _refuse_misfit(train: Train, method: str, categorical: bool | None) -> None:
    if not train.numeric_names:
        raise FatalError(
            f"Balance method {method} interpolates numeric features, and the dataset declares none.",
            fix="declare numeric features, or balance method random_over.",
        )
    if categorical is False and train.categorical_names:
        raise FatalError(
            f"Balance method {method} cannot take categorical features, and the dataset declares"
            f" {', '.join(train.categorical_names)}.",
            fix="declare balance method smotenc.",
        )
    if categorical is None and not train.categorical_names:
        raise FatalError(
            f"Balance method {method} needs categorical features, and the dataset declares none.",
            fix="declare balance method smote.",
        )


def _refuse_too_few(counts: Mapping[str, int], targets: Mapping[str, int], declared: Balance) -> None:
    for label in targets:
        if counts[label] < declared.neighbours + 1:
            raise FatalError(
                f"Balance method {declared.method} with {declared.neighbours} neighbours needs"
                f" {declared.neighbours + 1} train rows of every smaller class;"
                f" class {label!r} has {counts[label]}.",
                fix=f"declare neighbours={max(counts[label] - 1, 1)} or fewer, or balance method random_over.",
            )


def _complete(train: Train, impute: str | None) -> np.ndarray:
    """The numeric features without a gap."""
    for place, name in enumerate(train.categorical_names):
        missing = sum(value is None for value in train.categorical[:, place])
        if missing:
            raise FatalError(
                f"Categorical feature {name} is missing in {missing} of {len(train.ids)} train rows.",
                fix=f"give them a category of their own in the dataset's SQL: coalesce({name}, 'unknown').",
            )
    if np.isfinite(train.numeric).all():
        return train.numeric
    filled = train.numeric.copy()
    for place, name in enumerate(train.numeric_names):
        values = filled[:, place]
        _refuse_infinite(name, int(np.isinf(values).sum()), len(values))
        gaps = np.isnan(values)
        if not gaps.any():
            continue
        if impute is None:
            raise FatalError(
                f"Numeric feature {name} is missing in {gaps.sum()} of {len(values)} train rows, and no imputation"
                " is declared.",
                fix='declare Balance(impute="median"), or fill the gaps in the dataset\'s SQL.',
            )
        if gaps.all():
            raise FatalError(
                f"Numeric feature {name} has no {impute}: all of {len(values)} train rows lack it.",
                fix="leave out features that no row has.",
            )
        values[gaps] = np.median(values[~gaps])
    return filled


def _refuse_infinite(name: str, count: int, of: int) -> None:
    if count:
        raise FatalError(
            f"Numeric feature {name} is infinite in {count} of {of} train rows.",
            fix="bound it in the dataset's SQL, or reject such rows in its suite.",
        )


def _standardised(numeric: np.ndarray) -> np.ndarray:
    if not len(numeric):
        return numeric
    deviation = numeric.std(axis=0)
    scaled = numeric - numeric.mean(axis=0)
    # A constant feature has no say in distances either way.
    scaled /= np.where(deviation > 0, deviation, 1.0)
    return scaled
