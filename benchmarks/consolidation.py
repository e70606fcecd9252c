"""How often consolidated labels are right: digits by simulated annotators, one to five labels an item."""

import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from benchmarks._crowds import DIGIT_SKILLS, answers, votes
from benchmarks.harness import report
from include.core.errors import FatalError
from include.label.consolidate import Besides, consolidate
from include.label.out_of_sample import out_of_sample
from include.label.votes import Votes

QUESTION = (
    "accuracy of consolidated labels: 1,797 digits, 2 labels an item by 20 annotators of 0.45 to 0.875 skill"
)
GOAL = 0.92
EACH = (1, 2, 3, 5)
ROUNDS = 3
METHODS = ("majority", "dawid_skene", "one_coin", "crowdlab")
MODEL = "the model alone"


def run() -> dict[str, Any]:
    """`ours` is CROWDLAB's accuracy at two labels an item; the ratio is to the truth, which is 1."""
    features, truth = load_digits(return_X_y=True)
    accuracy: dict[tuple[str, int], list[float]] = {}
    seconds = []
    for each in EACH:
        for seed in range(ROUNDS):
            said = votes(*answers(truth, DIGIT_SKILLS, each, 10, seed), len(DIGIT_SKILLS), 10)
            begun = time.perf_counter()
            model = out_of_sample(said, features, seed=seed)
            seconds.append(time.perf_counter() - begun)
            found = {MODEL: model, **{name: _probabilities(said, name, model) for name in METHODS}}
            for name, probabilities in found.items():
                share = np.nan if probabilities is None else float(np.mean(probabilities.argmax(axis=1) == truth))
                accuracy.setdefault((name, each), []).append(share)
    _show(accuracy)
    figures: dict[str, Any] = {
        f"{name}, labels an item: {each}": float(np.mean(values)) if not np.isnan(values).any() else "undefined"
        for (name, each), values in accuracy.items()
    }
    figures["seconds of the model, 5 folds"] = float(np.median(seconds))
    ours = accuracy["crowdlab", 2]
    return report(
        "consolidation", QUESTION, ours, [1.0] * ROUNDS, goal=GOAL, peer="the truth", ours_name="CROWDLAB",
        unit="right", at_least=True, figures=figures,
    )  # fmt: skip


def _probabilities(said: Votes, method: str, model: np.ndarray) -> np.ndarray | None:
    try:
        return consolidate(said, method, Besides(probabilities=model)).probabilities
    except FatalError:
        # Annotators of whom no two saw the same item cannot be weighed; only the majority is defined.
        return None


def _show(accuracy: dict[tuple[str, int], list[float]]) -> None:
    table = Table(title=f"mean accuracy of {ROUNDS} draws (least), by labels an item")
    for column in ("", *(str(each) for each in EACH)):
        table.add_column(column, justify="left" if not column else "right")
    for name in (*METHODS, MODEL):
        cells = [accuracy[name, each] for each in EACH]
        table.add_row(name, *("–" if np.isnan(c).any() else f"{np.mean(c):.3f} ({min(c):.3f})" for c in cells))
    Console().print(table)
