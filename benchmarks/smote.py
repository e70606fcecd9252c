"""SMOTE from staging to staging, against bare imbalanced-learn on arrays in memory and COPY of the same rows."""

import io
import time
from typing import Any

import numpy as np
import psycopg2
from imblearn.over_sampling import SMOTE
from sklearn.datasets import make_classification

from benchmarks._databases import Databases, databases, scaled
from benchmarks.harness import report
from include.core.refs import Candidate, Gated, GateDecision
from include.pipeline.augment import balance
from include.specs import Balance, Dataset
from include.warehouse.connection import transaction

QUESTION = "SMOTE of 400,000 rows × 20 features, 10 % of them in the smaller class, from staging to staging"
GOAL = 1.2
ROUNDS = 3
ROWS, FEATURES = scaled(400_000), 20
NAMES = tuple(f"f{place}" for place in range(FEATURES))
DATASET = Dataset(name="bench", sources=("shop",), key="id", numeric=NAMES, label="label",
                  balance=Balance(method="smote", ratio=1.0, neighbours=5))  # fmt: skip


def run() -> dict[str, Any]:
    features, labels = rows()
    with databases() as places:
        places.make_warehouse()
        fill(places, features, labels)
        rounds = [(_ours(places), _bare(places, features, labels)) for _ in range(ROUNDS + 1)][1:]
    ours, bare = map(list, zip(*rounds, strict=True))
    return report("smote", QUESTION, ours, bare, goal=GOAL, peer="imbalanced-learn + COPY")


def rows(count: int = ROWS, features: int = FEATURES) -> tuple[np.ndarray, np.ndarray]:
    """The features (count, features) and labels (count,) of two classes, 9 to 1, that overlap."""
    return make_classification(
        count, features, n_informative=10, n_clusters_per_class=4, weights=[0.9], class_sep=0.8, flip_y=0.01,
        random_state=7,
    )  # fmt: skip


def fill(places: Databases, features: np.ndarray, labels: np.ndarray) -> None:
    """The table that passed the gate: everything is train."""
    columns = ", ".join(f"{name} float8" for name in NAMES)
    with transaction(places.warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE staging.passed (id int, {columns}, label int, _id text, _split text)")
        lines = "\n".join(
            f"{number},{','.join(map(repr, row))},{label},{number},train"
            for number, (row, label) in enumerate(zip(features.tolist(), labels.tolist(), strict=True))
        )
        cursor.copy_expert("COPY staging.passed FROM STDIN (FORMAT csv)", io.StringIO(lines))
        cursor.execute("ANALYZE staging.passed")


def gated() -> Gated:
    candidate = Candidate(dataset="bench", run="r", table="built", batches={}, rows=ROWS, sql_hash="x")
    return Gated(candidate=candidate, table="passed", passed=ROWS, quarantined=0, reasons={},
                 decision=GateDecision(decision="publish"), suite_hash="x", report="x")  # fmt: skip


def _ours(places: Databases) -> float:
    begun = time.perf_counter()
    balance(places.warehouse, DATASET, gated())
    return time.perf_counter() - begun


def _bare(places: Databases, features: np.ndarray, labels: np.ndarray) -> float:
    """The algorithm alone, and the bytes of the rows that it reads and writes."""
    begun = time.perf_counter()
    SMOTE(random_state=7).fit_resample(features, labels)
    connection = psycopg2.connect(places.warehouse, options="-c role=sluice_writer")
    with connection, connection.cursor() as cursor:
        read, written = io.BytesIO(), io.BytesIO()
        cursor.copy_expert("COPY staging.passed TO STDOUT (FORMAT binary)", read)
        cursor.copy_expert("COPY staging.bench__r_454349e4__version TO STDOUT (FORMAT binary)", written)
    return time.perf_counter() - begun
