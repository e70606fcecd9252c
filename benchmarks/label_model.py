"""A million rows of ten votes made probabilities, against Snorkel's LabelModel on the same votes."""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._databases import scaled
from benchmarks._fit import BALANCE
from benchmarks._peer import interpreter, not_measured, run_apart, variable
from benchmarks.harness import report

QUESTION = "label model: 1 M rows × 10 votes of 2 classes"
GOAL = 1.0
ROWS = scaled(1_000_000)
FUNCTIONS = 10
MOST_MIB = 1024


@dataclass(frozen=True, slots=True)
class Side:
    """`accuracy` is that on rows with a vote, `given` that where the model is told the classes' shares."""

    seconds: list[float]
    accuracy: float
    given: float
    mib: float
    torch: bool


def run() -> dict[str, Any]:
    """Each side runs in a process of its own, whose peak is its memory: interpreter, votes and all."""
    python = interpreter("snorkel")
    if python is None:
        return not_measured("label_model", QUESTION, goal=GOAL, why=f"{variable('snorkel')} names no interpreter")
    votes, truth = drawn()
    ours = _side(Path(sys.executable), "dawid_skene", votes, truth)
    majority = _side(Path(sys.executable), "majority", votes, truth)
    theirs = _side(python, "snorkel", votes, truth)
    figures = {
        "accuracy": ours.accuracy, "Snorkel's accuracy": theirs.accuracy, "the majority's": majority.accuracy,
        "accuracy, balance given": ours.given, "Snorkel's accuracy, balance given": theirs.given,
        "MiB": ours.mib, "Snorkel's MiB": theirs.mib, "torch loaded": ours.torch,
    }  # fmt: skip
    return report(
        "label_model", QUESTION, ours.seconds, theirs.seconds, goal=GOAL, peer="Snorkel's LabelModel",
        figures=figures,
        also=ours.accuracy >= theirs.accuracy and ours.mib <= MOST_MIB and not ours.torch,
    )  # fmt: skip


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Votes (n, 10), and the truth: functions right in 55 to 90 %, which vote on 20 to 70 % of the rows."""
    rng = np.random.default_rng(17)
    truth = (rng.random(ROWS) < BALANCE[1]).astype(np.int8)
    votes = np.full((ROWS, FUNCTIONS), -1, dtype=np.int8)
    spoken = rng.permutation(np.linspace(0.2, 0.7, FUNCTIONS))
    for place, (right, speaks) in enumerate(zip(np.linspace(0.55, 0.9, FUNCTIONS), spoken, strict=True)):
        vote = np.where(rng.random(ROWS) < right, truth, 1 - truth)
        votes[:, place] = np.where(rng.random(ROWS) < speaks, vote, -1)
    return votes, truth


def _side(python: Path, model: str, votes: np.ndarray, truth: np.ndarray) -> Side:
    with tempfile.TemporaryDirectory() as home:
        np.save(Path(home) / "votes.npy", votes)
        run_apart(python, "_fit.py", model, home)
        told = json.loads((Path(home) / "told.json").read_text())
        believed = [np.load(Path(home) / f"{name}.npy") for name in ("believed", "given")]
    voted = ~np.isnan(believed[0])
    accuracies = [float(np.mean((one[voted] > 0.5) == truth[voted])) for one in believed]
    return Side(told["seconds"], *accuracies, told["MiB"], told["torch"])
