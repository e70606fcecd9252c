"""Snorkel's side of `labeling_functions`: run by an interpreter of its own, `_snorkel.py FOLDER`."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

FREE, PAID, UNSURE = 1, 0, -1


def free(x):
    return FREE if "free" in x.text else UNSURE


def short(x):
    return FREE if len(x.text) < 40 else UNSURE


def dear(x):
    return PAID if x.price > 900 else UNSURE


ROWWISE = {"free": free, "short": short, "dear": dear}


def frame(rows: int) -> pd.DataFrame:
    """Made-up offers: a key, a text of 3 to 11 words, a price."""
    rng = np.random.default_rng(11)
    words = np.array(
        ["free", "offer", "today", "order", "paper", "green", "table", "lamp", "cheap", "house", "small"]
    )
    texts = [" ".join(words[row[:size]]) for row, size in zip(
        rng.integers(0, len(words), (rows, 11)), rng.integers(3, 12, rows), strict=True
    )]  # fmt: skip
    return pd.DataFrame({"id": np.arange(rows), "text": texts, "price": rng.uniform(1, 1000, rows).round(2)})


def apply(folder: Path) -> None:
    """Seconds and votes of Snorkel's applier; votes of the same functions under Sluice, unchanged."""
    from snorkel.labeling import LabelingFunction, PandasLFApplier

    from include.label.functions import apply as apply_ours

    rows = pd.read_csv(folder / "frame.csv")
    functions = [LabelingFunction(name, f) for name, f in ROWWISE.items()]
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        votes = PandasLFApplier(functions).apply(rows, progress_bar=False)
        seconds.append(time.perf_counter() - begun)
    np.save(folder / "votes.npy", votes)
    begun = time.perf_counter()
    ours = apply_ours(functions, rows, ("paid", "free"), key="id").votes
    unchanged = time.perf_counter() - begun
    told = {"seconds": seconds, "the same": bool((ours == votes).all()), "unchanged": unchanged}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    apply(Path(sys.argv[1]))
