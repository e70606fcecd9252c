"""What balancing is compared with: two learners, trained on the rows as they are, weighted, and oversampled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)

# Rows that a category needs to be one of its own, and categories that are told apart at most.
COMMON, MOST = 5, 50
FOLDS = 3


@dataclass(frozen=True, slots=True)
class Examples:
    """n rows: `numeric` (n, f), NaN for missing, `categorical` (n, c) text, `labels` and `groups` (n,) text."""

    numeric: np.ndarray
    categorical: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "Examples":
        return Examples(self.numeric[rows], self.categorical[rows], self.labels[rows], self.groups[rows])


class Encoding:
    """Features as numbers, learnt from rows of train: categories as columns of 0 and 1, nothing else changed."""

    def __init__(self, train: Examples) -> None:
        self._names = []
        for column in train.categorical.T:
            names, counts = np.unique(_texts(column), return_counts=True)
            order = np.argsort(-counts, kind="stable")[:MOST]
            self._names.append(np.sort(names[order][counts[order] >= COMMON]))

    def of(self, rows: Examples) -> np.ndarray:
        shown = [
            (_texts(column)[:, None] == names).astype(np.float64)
            for column, names in zip(rows.categorical.T, self._names, strict=True)
        ]
        return np.hstack([rows.numeric, *shown])


def learners(seed: int) -> dict[str, Callable[[bool], object]]:
    """Makers of an untrained learner each, `True` for class weights: a fast linear one, a strong one of trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fast(weights: bool) -> object:
        return make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(max_iter=300, class_weight="balanced" if weights else None),
        )

    def strong(weights: bool) -> object:
        return HistGradientBoostingClassifier(
            max_iter=60,
            learning_rate=0.15,
            max_leaf_nodes=15,
            early_stopping=False,
            class_weight="balanced" if weights else None,
            random_state=seed,
        )

    return {"logistic regression": fast, "gradient boosting": strong}


def predictions(
    make: Callable[[bool], object], train: Examples, balanced: Examples, validation: Examples, seed: int
) -> tuple[list[str], dict[str, np.ndarray]]:
    """The classes, and each contender's probabilities of them (n, k) for the rows of validation."""
    encoding = Encoding(train)
    asked = encoding.of(validation)
    trained = {
        "nothing": (train, False),
        "class weights": (train, True),
        "random oversampling": (train.take(oversampled(train.labels, seed)), False),
        "balanced": (balanced, False),
    }
    found, classes = {}, []
    for name, (rows, weights) in trained.items():
        model = make(weights)
        model.fit(encoding.of(rows), rows.labels)  # type: ignore[attr-defined]
        classes = [str(label) for label in model.classes_]  # type: ignore[attr-defined]
        found[name] = np.asarray(model.predict_proba(asked))  # type: ignore[attr-defined]
    return classes, found


def tuned_threshold(make: Callable[[bool], object], train: Examples, positive: str) -> float:
    """The threshold of the largest F1 in predictions of train by models that had not seen the row's group."""
    from sklearn.metrics import precision_recall_curve
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    folds = StratifiedGroupKFold(FOLDS).split(train.labels, train.labels, train.groups)
    probability = cross_val_predict(
        make(False), Encoding(train).of(train), train.labels == positive, cv=list(folds), method="predict_proba"
    )[:, 1]
    precision, recall, thresholds = precision_recall_curve(train.labels == positive, probability)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[min(int(np.argmax(f1)), len(thresholds) - 1)])


def oversampled(labels: np.ndarray, seed: int) -> np.ndarray:
    """Rows to train on: all, and draws with replacement that bring every class to the largest one's count."""
    rng = np.random.default_rng(seed)
    names, counts = np.unique(labels, return_counts=True)
    more = [
        rng.choice(np.flatnonzero(labels == name), counts.max() - n) for name, n in zip(names, counts, strict=True)
    ]
    return np.concatenate([np.arange(len(labels)), *more])


def _texts(column: np.ndarray) -> np.ndarray:
    return np.array(["\0" if value is None else f"={value}" for value in column], dtype=np.str_)
