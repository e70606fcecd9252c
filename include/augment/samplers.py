"""imbalanced-learn's samplers, made to tell which rows each made row lies between, and how far along.

Every function has the same signature; `targets` is the wished count of each class to change. Given the same
seed, what is drawn is exactly what imbalanced-learn's own class draws, but for rows so many that neighbours are
sought by `neighbours.FastNeighbours`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by the registry)
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, BorderlineSMOTE, RandomOverSampler  # noqa: TID253
from imblearn.under_sampling import RandomUnderSampler  # noqa: TID253
from sklearn.preprocessing import OneHotEncoder  # noqa: TID253

from include.augment.neighbours import FastNeighbours, cores
from include.core.errors import FatalError

NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Points:
    """n rows: `numeric` (n, f) is for distances; `categorical` (n, c) and `labels` (n,) are text.

    With `exact` no neighbour may be missed, however long the search takes.
    """

    numeric: np.ndarray
    categorical: np.ndarray
    labels: np.ndarray
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Drawn:
    """Made row i lies `weight[i]` of the way from row `first[i]` to row `second[i]` (-1: a plain copy).

    Indices count the rows that went in. `categorical` (m, c) holds the made rows' categories, None where
    there are none to choose. `removed` are the rows to leave out.
    """

    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray
    categorical: np.ndarray | None = None
    removed: np.ndarray = field(default_factory=lambda: NOTHING)


NOT_ANY = Drawn(NOTHING, NOTHING, np.empty(0))


class _Recording:
    """Overrides the hook in which all of imbalanced-learn's SMOTE family turns draws into rows.

    No row is made here: `tabular.balance` makes them, of the parents' own values.
    """

    def _fit_resample(self, X: Any, y: np.ndarray) -> Any:
        self.drawn_: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._labels = y
        return super()._fit_resample(X, y)  # type: ignore[misc]

    def _generate_samples(  # noqa: PLR0917  (imbalanced-learn's own signature)
        self, X: Any, nn_data: Any, nn_num: np.ndarray, rows: np.ndarray, cols: np.ndarray,
        steps: np.ndarray, y_type: Any = None, y: Any = None,
    ) -> Any:  # fmt: skip
        members = np.flatnonzero(self._labels == y_type)
        # Borderline SMOTE starts from the endangered members alone, but seeks neighbours among all.
        starts = getattr(self, "in_danger_indices", {}).get(y_type, members)
        self.drawn_.append((starts[rows], members[nn_num[rows, cols]], steps[:, 0]))
        return X[:0]

    def drawn(self, categorical: np.ndarray | None = None) -> Drawn:
        if not self.drawn_:
            return NOT_ANY
        first, second, weight = (np.concatenate(part) for part in zip(*self.drawn_, strict=True))
        return Drawn(first, second, weight, categorical)


class _Smote(_Recording, SMOTE):
    pass


class _SmoteNC(_Recording, SMOTENC):
    """Its rows are made after all, for their categories."""

    def _generate_samples(self, *draws: Any) -> Any:
        super()._generate_samples(*draws)
        return SMOTENC._generate_samples(self, *draws)


class _OneHot(OneHotEncoder):
    """scikit-learn's, but that it reads a million rows back at once where it would take them one by one."""

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The categories (n, c), as objects, of a sparse matrix that has in each row one entry a feature."""
        widths = [len(categories) for categories in self.categories_]
        places = X.tocsr().sorted_indices().indices.reshape(-1, len(widths)) - np.cumsum([0, *widths[:-1]])
        columns = [names[place] for names, place in zip(self.categories_, places.T, strict=True)]
        return np.column_stack(columns).astype(object)


class _Borderline(_Recording, BorderlineSMOTE):
    pass


class _Adasyn(_Recording, ADASYN):
    """ADASYN has no such hook, so its drawing is written out here.

    He, Bai, Garcia, Li: "ADASYN: adaptive synthetic sampling approach for imbalanced learning", IJCNN
    2008, with imbalanced-learn's one-versus-rest reading and its order of random draws.
    """

    def _fit_resample(self, X: np.ndarray, y: np.ndarray) -> Any:
        self.drawn_ = []
        self._validate_estimator()
        draw = np.random.RandomState(self.random_state)
        neighbours = self.nn_.n_neighbors - 1
        for label, wanted in self.sampling_strategy_.items():
            members = np.flatnonzero(y == label)
            around = self.nn_.fit(X).kneighbors(X[members], return_distance=False)[:, 1:]
            foreign = np.sum(y[around] != label, axis=1) / neighbours
            _refuse_no_border(label, foreign.any(), "adasyn")
            counts = np.rint(foreign / foreign.sum() * wanted).astype(int)
            among = self.nn_.fit(X[members]).kneighbors(X[members], return_distance=False)[:, 1:]
            rows = np.repeat(np.arange(len(members)), counts)
            chosen = among[rows, draw.choice(neighbours, size=len(rows))]
            weight = draw.uniform(size=(len(rows), 1))
            self.drawn_.append((members[rows], members[chosen], weight[:, 0]))
        return X, y


def smote(points: Points, targets: Mapping[str, int], neighbours: int, seed: int) -> Drawn:
    """Chawla et al.: "SMOTE: synthetic minority over-sampling technique", JAIR 16, 2002."""
    sampler = _Smote(sampling_strategy=dict(targets), random_state=seed, k_neighbors=_search(points, neighbours))
    sampler.fit_resample(points.numeric, points.labels)
    return sampler.drawn()


def smotenc(points: Points, targets: Mapping[str, int], neighbours: int, seed: int) -> Drawn:
    """SMOTE-NC of the same paper: a made row takes each category that is most frequent among the neighbours."""
    width = points.numeric.shape[1]
    mixed = np.hstack([points.numeric.astype(object), points.categorical])
    sampler = _SmoteNC(
        categorical_features=list(range(width, mixed.shape[1])),
        sampling_strategy=dict(targets), random_state=seed, k_neighbors=neighbours,
        categorical_encoder=_OneHot(handle_unknown="ignore", dtype=np.float64),
    )  # fmt: skip
    made, _ = sampler.fit_resample(mixed, points.labels)
    return sampler.drawn(made[len(points.labels) :, width:])


def borderline_smote(points: Points, targets: Mapping[str, int], neighbours: int, seed: int) -> Drawn:
    """Borderline-SMOTE1 of Han, Wang, Mao (ICIC 2005): starts from rows in danger (10 neighbours looked at)."""
    sampler = _Borderline(
        sampling_strategy=dict(targets), random_state=seed, k_neighbors=_search(points, neighbours),
        m_neighbors=_search(points, 10),
    )  # fmt: skip
    sampler.fit_resample(points.numeric, points.labels)
    for label in targets:
        _refuse_no_border(label, label in sampler.in_danger_indices, "borderline_smote")
    return sampler.drawn()


def adasyn(points: Points, targets: Mapping[str, int], neighbours: int, seed: int) -> Drawn:
    """More rows where a class is hard to tell from others. Counts come near the targets, not exactly to them."""
    sampler = _Adasyn(sampling_strategy=dict(targets), random_state=seed, n_neighbors=_search(points, neighbours))
    sampler.fit_resample(points.numeric, points.labels)
    return sampler.drawn()


def random_over(points: Points, targets: Mapping[str, int], neighbours: int, seed: int) -> Drawn:
    """Copies of real rows, drawn with replacement."""
    sampler = RandomOverSampler(sampling_strategy=dict(targets), random_state=seed)
    sampler.fit_resample(np.arange(len(points.labels))[:, None], points.labels)
    first = sampler.sample_indices_[len(points.labels) :].astype(np.int64)
    return Drawn(first, np.full(len(first), -1), np.zeros(len(first)))


def random_under(points: Points, targets: Mapping[str, int], neighbours: int, seed: int) -> Drawn:
    """Real rows left out, drawn without replacement; nothing is made."""
    sampler = RandomUnderSampler(sampling_strategy=dict(targets), random_state=seed)
    sampler.fit_resample(np.arange(len(points.labels))[:, None], points.labels)
    removed = np.setdiff1d(np.arange(len(points.labels)), sampler.sample_indices_)
    return Drawn(NOTHING, NOTHING, np.empty(0), removed=removed)


def _search(points: Points, neighbours: int) -> int | FastNeighbours:
    """imbalanced-learn's own search, or the faster one for many rows."""
    # A row is the nearest one to itself.
    return neighbours if points.exact else FastNeighbours(neighbours + 1, cores())


def _refuse_no_border(label: str, found: Any, method: str) -> None:
    if not found:
        raise FatalError(
            f"{method} starts from rows that lie between classes, and class {label!r} has none.",
            fix="declare balance method smote (or smotenc), which starts from any row.",
        )
