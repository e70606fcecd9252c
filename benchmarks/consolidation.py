"""How often consolidated labels are right: digits by simulated annotators, one to five labels an item."""

import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._crowds import DIGIT_SKILLS, answers, votes
from benchmarks.harness import report
from include.core.errors import FatalError
from include.label.consolidate import Besides, calibrated, consolidate
from include.label.out_of_sample import out_of_sample
from include.label.votes import Votes

QUESTION = (
    "accuracy of consolidated labels: 1,797 digits, 2 labels an item by 20 annotators of 0.45 to 0.875 skill"
)
GOAL = 0.92
EACH = (1, 2, 3, 5)
ROUNDS = 3
METHODS = ("majority", "dawid_skene", "one_coin", "crowdlab")
USUAL, MODEL = "crowdlab, usual model", "the model alone"
GOLD = 100


def run() -> dict[str, Any]:
    """`ours` is CROWDLAB's accuracy at two labels an item; the ratio is to the truth, which is 1.

    Its model learns from every vote by itself; the usual one, a logistic regression, from the majority's labels.
    """
    features, truth = load_digits(return_X_y=True)
    accuracy: dict[tuple[str, int], list[float]] = {}
    confidence: dict[str, list[float]] = {"as it is": [], f"by {GOLD} gold items": []}
    seconds = []
    for each in EACH:
        for seed in range(ROUNDS):
            said = votes(*answers(truth, DIGIT_SKILLS, each, 10, seed), len(DIGIT_SKILLS), 10)
            begun = time.perf_counter()
            model = out_of_sample(said, features, seed=seed)
            seconds.append(time.perf_counter() - begun)
            found = {name: _probabilities(said, name, model) for name in METHODS}
            found |= {USUAL: _probabilities(said, "crowdlab", _usual(said, features)), MODEL: model}
            for name, probabilities in found.items():
                share = np.nan if probabilities is None else float(np.mean(probabilities.argmax(axis=1) == truth))
                accuracy.setdefault((name, each), []).append(share)
            if each == 2:
                for name, value in zip(confidence, _confidences(said, model, truth), strict=True):
                    confidence[name].append(value)
    _show(accuracy)
    figures: dict[str, Any] = {
        f"{name}, labels an item: {each}": float(np.mean(values)) if not np.isnan(values).any() else "undefined"
        for (name, each), values in accuracy.items()
    }
    figures |= {f"mean confidence of crowdlab {name}": float(np.mean(v)) for name, v in confidence.items()}
    figures["seconds of the model, 5 folds"] = float(np.median(seconds))
    return report(
        "consolidation", QUESTION, accuracy["crowdlab", 2], [1.0] * ROUNDS, goal=GOAL, peer="the truth",
        ours_name="CROWDLAB", unit="right", at_least=True, figures=figures,
    )  # fmt: skip


def _probabilities(said: Votes, method: str, model: np.ndarray) -> np.ndarray | None:
    try:
        return consolidate(said, method, Besides(probabilities=model)).probabilities
    except FatalError:
        # Annotators of whom no two saw the same item cannot be weighed; only the majority is defined.
        return None


def _usual(said: Votes, features: np.ndarray) -> np.ndarray:
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    labels = said.table().argmax(axis=1)
    return np.asarray(cross_val_predict(regression, features, labels, cv=5, method="predict_proba"))


def _confidences(said: Votes, model: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """CROWDLAB's mean confidence in the items that are not gold, as it is and calibrated."""
    found = consolidate(said, "crowdlab", Besides(probabilities=model))
    gold = {item: said.classes[answer] for item, answer in zip(said.items[:GOLD], truth[:GOLD], strict=True)}
    after = calibrated(found, gold)
    return float(found.confidence[GOLD:].mean()), float(after.confidence[GOLD:].mean())


def _show(accuracy: dict[tuple[str, int], list[float]]) -> None:
    table = Table(title=f"mean accuracy of {ROUNDS} draws (least), by labels an item")
    for column in ("", *(str(each) for each in EACH)):
        table.add_column(column, justify="left" if not column else "right")
    for name in (*METHODS, USUAL, MODEL):
        cells = [accuracy[name, each] for each in EACH]
        table.add_row(name, *("–" if np.isnan(c).any() else f"{np.mean(c):.3f} ({min(c):.3f})" for c in cells))
    Console(width=100).print(table)
