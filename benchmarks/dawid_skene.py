"""Dawid–Skene and its one-coin form by Sluice and by crowd-kit, on the same simulated votes."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._crowds import answers, votes
from benchmarks._databases import scaled
from benchmarks.harness import keep, report
from include.label import dawid_skene
from include.label.votes import Votes

QUESTION = "Dawid–Skene, then one coin: 20,000 items × 3 votes, 5 classes, 6 of 30 annotators guess"
GOAL = 5.0
ROUNDS = 7
ITEMS = scaled(20_000)
EACH, CLASSES = 3, 5
SKILL = np.concatenate([np.linspace(0.6, 0.9, 24), np.full(6, 1 / CLASSES)])
CROWD_KIT = "crowd-kit==1.4.1"
MODELS = {"dawid_skene": dawid_skene.dawid_skene, "one_coin": dawid_skene.one_coin}
# Two estimates of the same labels differ by chance in a few items: no lower is within so many standard errors.
ERRORS = 2.0


def run() -> dict[str, Any]:
    """Seconds of both models together, from columns of integers to labels; a round has its own votes.

    "Accuracy no lower" is judged over all rounds, by the items that one side alone has right.
    """
    spent: dict[str, list[float]] = {side: [] for side in ("theirs", "ours")}
    right: dict[str, list[np.ndarray]] = {f"{side} {name}": [] for side in spent for name in MODELS}
    majority = []
    with tempfile.TemporaryDirectory() as home:
        python = _install(Path(home))
        if python is None:
            print(f"{CROWD_KIT} cannot be installed here: nothing to compare with.", file=sys.stderr)
            result = {
                "question": QUESTION,
                "goal": GOAL,
                "ratio": None,
                "holds": False,
                "peer": "cannot be installed",
            }
            keep("dawid_skene", result)
            return result
        for seed in range(ROUNDS):
            truth = np.random.default_rng([seed, 1]).integers(CLASSES, size=ITEMS)
            said = votes(*answers(truth, SKILL, EACH, CLASSES, seed), len(SKILL), CLASSES)
            majority.append(float(np.mean(said.table().argmax(axis=1) == truth)))
            for side, (seconds, labels) in (("theirs", _theirs(python, Path(home), said)), ("ours", _ours(said))):
                spent[side].append(seconds)
                for name, found in labels.items():
                    right[f"{side} {name}"].append(found == truth)
    figures: dict[str, Any] = {"accuracy of the majority": statistics.mean(majority)}
    no_lower = True
    for name in MODELS:
        ours, theirs = (np.concatenate(right[f"{side} {name}"]) for side in ("ours", "theirs"))
        gained, lost = int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours))
        figures[f"accuracy of {name}, Sluice"] = float(ours.mean())
        figures[f"accuracy of {name}, crowd-kit"] = float(theirs.mean())
        figures[f"items that {name} has right alone, Sluice / crowd-kit"] = f"{gained:,} / {lost:,}"
        no_lower &= gained >= lost - ERRORS * (gained + lost) ** 0.5
    return report(
        "dawid_skene", QUESTION, spent["theirs"], spent["ours"], goal=GOAL, peer="Sluice", ours_name="crowd-kit",
        at_least=True, also=bool(no_lower), figures=figures,
    )  # fmt: skip


def _install(home: Path) -> Path | None:
    """An environment of its own with crowd-kit; None if it cannot be installed."""
    subprocess.run([sys.executable, "-m", "venv", str(home / "peer")], check=True, timeout=300)
    python = home / "peer" / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", CROWD_KIT]
    done = subprocess.run(command, capture_output=True, timeout=900, check=False)
    return python if done.returncode == 0 else None


def _ours(said: Votes) -> tuple[float, dict[str, np.ndarray]]:
    begun = time.perf_counter()
    found = {name: model(said).consolidated.probabilities.argmax(axis=1) for name, model in MODELS.items()}
    return time.perf_counter() - begun, found


def _theirs(python: Path, home: Path, said: Votes) -> tuple[float, dict[str, np.ndarray]]:
    np.savez(home / "votes.npz", item=said.item, annotator=said.annotator, label=said.label)
    script = str(Path(__file__).with_name("_crowd_kit.py"))
    subprocess.run(
        [str(python), script, str(home / "votes.npz"), str(home / "found.npz")], check=True, timeout=600
    )
    found = np.load(home / "found.npz")
    return float(sum(found[f"{name}_seconds"] for name in MODELS)), {name: found[name] for name in MODELS}
