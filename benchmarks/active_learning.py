"""How many labels active learning takes, against drawing at random and against scikit-activeml's strategies."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import StandardScaler

from benchmarks._active import Select, Task, course
from benchmarks._peer import PROJECT, interpreter, not_measured, variable
from benchmarks._real import missing, reviews
from benchmarks.harness import report
from include.label.choose import Pool, choose
from include.label.features import text

QUESTION = (
    "labels for 95 and 98 % of full-data accuracy: three datasets, right and noisy annotators; mean of 20 seeds"
)
GOAL = 1.0
SEEDS = 20
SHARES = (0.95, 0.98)
NOISE = 0.1
# Labels that a loop needs besides to know that it may stop: all strategies pay them.
VALIDATION = 50
DEFAULT = "diverse_margin"
OURS = ("random", "margin", DEFAULT, "k_center", "activelab")
PEERS = ("random", "margin", "core-set", "BADGE", "Falcun")
THEIRS = "scikit-activeml"
FEWER = {"k_center", "activelab", "core-set"}


def run() -> dict[str, Any]:
    """Both sides get the same rows, first labels, answers and model, and the same number of labels a round.

    A share is reached in the first round that, with the one after it, has that share of the accuracy of all labels
    of the same annotator. What is not reached counts as the budget, and is told.
    """
    if why := missing("movie_reviews.csv.gz"):
        return not_measured("active_learning", QUESTION, goal=GOAL, why=why)
    if (python := interpreter("activeml")) is None:
        return not_measured(
            "active_learning", QUESTION, goal=GOAL, why=f"{variable('activeml')} names no interpreter"
        )
    tasks = _tasks()
    with tempfile.TemporaryDirectory() as home:
        peer = _begin_peer(python, Path(home), tasks)
        ours = {
            (task.name, name): [course(task, _select(name), seed) for seed in range(SEEDS)]
            for task in tasks for name in _asked(OURS, task)
        }  # fmt: skip
        if peer.wait(3600) != 0:
            raise RuntimeError(f"_activeml.py failed: {(Path(home) / 'errors').read_text()[-2000:]}")
        told = json.loads((Path(home) / "told.json").read_text())
    theirs = {tuple(name.split("/")): runs for name, runs in told.items()}
    return _judged(tasks, ours, theirs)


def _tasks() -> list[Task]:
    images, digits = load_digits(return_X_y=True)
    cells, cancer = load_breast_cancer(return_X_y=True)
    films = reviews()
    standard, words = StandardScaler().fit_transform(cells), text(films["text"], dimensions=200)
    positive = (films["sentiment"] == "pos").to_numpy().astype(int)
    found = []
    for noise in (0.0, NOISE):
        more = " (noisy)" if noise else ""
        found += [
            Task(f"digits{more}", images / 16, digits, 20, 600, start=20, test=600, noise=noise),
            Task(f"breast cancer{more}", standard, cancer, 4, 120, start=4, test=190, noise=noise),
            Task(f"film reviews{more}", words, positive, 40, 1100, start=20, test=600, noise=noise),
        ]
    return found


def _asked(names: tuple[str, ...], task: Task) -> list[str]:
    """What is slow, or far behind with right annotators, is left out with noisy ones."""
    return [name for name in names if not (task.noise and name in FEWER)]


def _select(name: str) -> Select:
    def chosen(x: np.ndarray, known: np.ndarray, probabilities: np.ndarray, batch: int, seed: int) -> np.ndarray:
        pool = Pool([str(place) for place in range(len(x))], known, x, probabilities)
        return np.array([int(key) for key in choose(name, pool, batch, seed)])

    return chosen


def _begin_peer(python: Path, home: Path, tasks: list[Task]) -> subprocess.Popen[bytes]:
    asked = []
    for number, task in enumerate(tasks):
        np.savez(home / f"task{number}.npz", features=task.features, truth=task.truth)
        settings = {key: getattr(task, key) for key in ("name", "batch", "budget", "start", "test", "noise")}
        asked.append({"settings": settings, "strategies": _asked(PEERS, task)})
    (home / "asked.json").write_text(json.dumps({"tasks": asked, "seeds": SEEDS}))
    with (home / "errors").open("wb") as errors:
        return subprocess.Popen(
            [str(python), str(Path(__file__).with_name("_activeml.py")), str(home)], stderr=errors,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )  # fmt: skip


def _needed(task: Task, runs: list[list[float]], share: float) -> np.ndarray:
    """Labels of each seed, validation counted; NaN where the budget did not do."""
    found = []
    for *accuracies, full in runs:
        reached = np.array(accuracies) >= share * full
        lasting = np.flatnonzero(reached & np.append(reached[1:], True))
        found.append(task.start + lasting[0] * task.batch + VALIDATION if len(lasting) else np.nan)
    return np.array(found)


def _judged(tasks: list[Task], ours: dict[Any, Any], theirs: dict[Any, Any]) -> dict[str, Any]:
    """The default strategy against the one peer strategy of the least geometric mean over all tasks and shares.

    Besides, and harder: against whichever peer strategy turned out best in each of them.
    """
    cells = {(task, share): _counted(task, share, ours, theirs) for task in tasks for share in SHARES}
    _show(cells)
    everywhere = [name for name in PEERS if name not in FEWER]
    means = {name: np.array([needed[THEIRS, name][0].mean() for needed in cells.values()]) for name in everywhere}
    best = min(everywhere, key=lambda name: np.log(means[name]).sum())
    mine = np.array([needed["", DEFAULT][0].mean() for needed in cells.values()])
    surely_worse, hindsight, told = 0, [], {}
    for (task, share), needed in cells.items():
        own, missed = needed["", DEFAULT]
        chosen = min((key for key in needed if key[0] == THEIRS), key=lambda key: needed[key][0].mean())
        low, high = _interval(own, needed[chosen][0])
        surely_worse += low > 1
        hindsight.append(own.mean() / needed[chosen][0].mean())
        factor = needed["", "random"][0].mean() / own.mean()
        told[f"{task.name}, {share:.0%}"] = (
            f"{_told(own.mean(), missed)}; random takes {factor:.2f} times that;"
            f" {hindsight[-1]:.2f} ({low:.2f} to {high:.2f}) of {chosen[1]}'s"
        )
    return report(
        "active_learning", QUESTION, mine.tolist(), means[best].tolist(), goal=GOAL, unit="labels",
        peer=f"scikit-activeml, {best}", ours_name=f"Sluice, {DEFAULT}", also=surely_worse == 0,
        figures={
            "against each task's and share's best peer, geometric mean": float(np.exp(np.log(hindsight).mean())),
            f"of {len(cells)}, surely worse than that one in": surely_worse, **told,
        },
    )  # fmt: skip


def _counted(task: Task, share: float, ours: dict[Any, Any], theirs: dict[Any, Any]) -> dict[Any, Any]:
    """By side and strategy: each seed's labels, not reached counting as the budget, and how often that was."""
    found = {}
    for side, courses in (("", ours), (THEIRS, theirs)):
        for (of, name), runs in courses.items():
            if of == task.name:
                needed = _needed(task, runs, share)
                missed = int(np.isnan(needed).sum())
                found[side, name] = np.nan_to_num(needed, nan=task.budget + VALIDATION), missed
    return found


def _show(cells: dict[Any, Any]) -> None:
    table = Table(title=f"labels needed, {VALIDATION} of validation and the first ones counted")
    for column in ("task", "share", "strategy", "mean", "not reached", "random's / this", "95 %"):
        table.add_column(column)
    for (task, share), needed in cells.items():
        chance = needed["", "random"][0]
        for (side, name), (values, missed) in sorted(needed.items(), key=lambda one: one[1][0].mean()):
            low, high = _interval(chance, values)
            table.add_row(
                task.name, f"{share:.0%}", f"{side} {name}".strip(), _told(values.mean(), missed), str(missed),
                f"{chance.mean() / values.mean():.2f}", f"{low:.2f} to {high:.2f}",
            )  # fmt: skip
        table.add_section()
    Console(width=140).print(table)


def _told(mean: float, missed: int) -> str:
    return "not reached" if missed > SEEDS / 2 else f"{'≥ ' if missed else ''}{mean:.0f}"


def _interval(ones: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """The 95 % bootstrap interval of the ratio of means, seeds drawn in pairs."""
    drawn = np.random.default_rng(0).integers(0, len(ones), (4000, len(ones)))
    low, high = np.quantile(ones[drawn].mean(axis=1) / others[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
