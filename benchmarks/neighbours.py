"""BorderlineSMOTE and ADASYN with Sluice's search for neighbours, against imbalanced-learn with its own."""

import time
from typing import Any

import numpy as np
from imblearn.over_sampling import ADASYN, BorderlineSMOTE
from scipy.stats import ks_2samp

from benchmarks._databases import scaled
from benchmarks.harness import report
from benchmarks.smote import NAMES, rows
from include.augment.tabular import Train, balance
from include.specs import Balance

QUESTION = "BorderlineSMOTE, then ADASYN: 300,000 rows × 20 features, 10 % of them in the smaller class"
GOAL = 3.0
ROUNDS = 3
ROWS = scaled(300_000)
PEERS = {"borderline_smote": BorderlineSMOTE, "adasyn": ADASYN}
# A made row's features are drawn alike by both: the least of 2 × 20 p-values is below this in 1 of 1,000 runs.
LEAST_P = 0.001 / (len(PEERS) * len(NAMES))


def run() -> dict[str, Any]:
    features, labels = rows(ROWS)
    # On both sides distances are those of standardised features.
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    train = Train(
        ids=np.arange(ROWS).astype(str), labels=labels.astype(str), numeric=features,
        categorical=np.empty((ROWS, 0), dtype=object), numeric_names=NAMES, categorical_names=(),
    )  # fmt: skip
    seconds: list[tuple[float, float]] = []
    least = 1.0
    for _ in range(ROUNDS):
        ours, theirs = _ours(train), _theirs(features, labels)
        seconds.append((theirs[0], ours[0]))
        least = min(least, _least_p(ours[1], theirs[1]))
    peer, own = map(list, zip(*seconds, strict=True))
    return report(
        "neighbours", QUESTION, peer, own, goal=GOAL, peer="Sluice", ours_name="imbalanced-learn", at_least=True,
        also=least > LEAST_P, figures={"least p-value of 40 Kolmogorov-Smirnov tests": least, "allowed": LEAST_P},
    )  # fmt: skip


def _ours(train: Train) -> tuple[float, list[np.ndarray]]:
    begun = time.perf_counter()
    made = [balance(train, Balance(method=method), seed=7).numeric for method in PEERS]
    return time.perf_counter() - begun, made


def _theirs(features: np.ndarray, labels: np.ndarray) -> tuple[float, list[np.ndarray]]:
    begun = time.perf_counter()
    # Another seed: the same draws would make the comparison of distributions one of identical rows.
    made = [peer(random_state=8).fit_resample(features, labels)[0][len(labels) :] for peer in PEERS.values()]
    return time.perf_counter() - begun, made


def _least_p(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """The least p-value over methods and features that both sides' made rows are distributed alike.

    Rows made from one parent depend on each other, so one in ten is compared.
    """
    return min(
        float(ks_2samp(a[::10, place], b[::10, place]).pvalue)
        for a, b in zip(ours, theirs, strict=True)
        for place in range(a.shape[1])
    )
