"""Three labeling functions over a million rows, against Snorkel's applier with the same three, row by row."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._databases import scaled
from benchmarks._peer import interpreter, run_apart, variable
from benchmarks._snorkel import ROWWISE, frame
from benchmarks.harness import report
from include.label.functions import apply, labeling_function
from include.specs.rules import Keyword

QUESTION = "labeling functions, rows a second: 1 M rows × 3 functions, a text and a number"
GOAL = 100.0
ROUNDS = 3
ROWS = scaled(1_000_000)
# The peer is slow: it gets so many of the rows.
FEWER = scaled(20_000)
CLASSES = ("paid", "free")


@labeling_function("text", label="free")
def short(text: pd.Series) -> Any:
    return text.str.len() < 40


@labeling_function("price", label="paid")
def dear(price: pd.Series) -> Any:
    return price > 900


FREE = Keyword(name="free", label="free", column="text", words=("free",), inside=True, ignore_case=False)


def run() -> dict[str, Any]:
    rows = frame(ROWS)
    ours: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        votes = apply([FREE, short, dear], rows, CLASSES, key="id").votes
        ours.append(ROWS / (time.perf_counter() - begun))
    few = rows.iloc[:FEWER]
    loop, by_row = _loop(few)
    figures: dict[str, Any] = {"a plain df.apply(axis=1) with the three, rows/s": loop}
    if python := interpreter("snorkel"):
        theirs, seen, told = _snorkel(python, few)
        figures["Snorkel's own functions, unchanged, under Sluice, rows/s"] = FEWER / told["unchanged"]
        peer, the_same = "Snorkel's applier", told["the same"]
    else:
        figures["Snorkel"] = f"not available: {variable('snorkel')} names no interpreter"
        theirs, seen, peer, the_same = [loop] * ROUNDS, by_row, "df.apply(axis=1)", True
    the_same = the_same and bool(np.array_equal(votes[:FEWER], seen)) and bool(np.array_equal(seen, by_row))
    figures["the same votes on the rows that both saw"] = the_same
    return report(
        "labeling_functions", QUESTION, ours, theirs, goal=GOAL, peer=peer, unit="rows/s", at_least=True,
        also=the_same, figures=figures,
    )  # fmt: skip


def _loop(rows: pd.DataFrame) -> tuple[float, np.ndarray]:
    """Rows a second and votes of a loop that does what any row-wise applier has to do."""
    begun = time.perf_counter()
    votes = rows.apply(lambda row: [function(row) for function in ROWWISE.values()], axis=1)
    return len(rows) / (time.perf_counter() - begun), np.array(votes.tolist(), dtype=np.int8)


def _snorkel(python: Path, rows: pd.DataFrame) -> tuple[list[float], np.ndarray, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as home:
        rows.to_csv(Path(home) / "frame.csv", index=False)
        run_apart(python, "_snorkel.py", home)
        told = json.loads((Path(home) / "told.json").read_text())
        return [len(rows) / spent for spent in told["seconds"]], np.load(Path(home) / "votes.npy"), told
