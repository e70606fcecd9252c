"""Peers whose packages do not go with Sluice's: each runs in an interpreter of its own."""

import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.harness import keep

PROJECT = Path(__file__).parents[1]


def interpreter(peer: str) -> Path | None:
    """The Python that the environment variable SLUICE_BENCH_<PEER> names; None if it names none."""
    named = os.environ.get(variable(peer))
    return Path(named) if named and Path(named).exists() else None


def variable(peer: str) -> str:
    return f"SLUICE_BENCH_{peer.upper()}"


def run_apart(python: Path, script: str, *arguments: str, timeout: int = 1800) -> str:
    """What the script of this folder prints. Raises RuntimeError with its last words if it fails."""
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name(script)), *arguments], capture_output=True, text=True,
        timeout=timeout, check=False, env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
    return done.stdout


def not_measured(name: str, question: str, *, goal: float, why: str) -> dict[str, Any]:
    """What a benchmark tells that lacks its peer or its data: no ratio, and it does not hold."""
    print(f"{question}: not measured: {why}")
    result = {"question": question, "ratio": None, "goal": goal, "holds": False, "not measured": why}
    keep(name, result)
    return result
