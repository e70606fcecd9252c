"""One label model on votes that lie in a folder, in a process of its own: `_fit.py MODEL FOLDER`."""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from include.label.label_model import label_model

ROUNDS = 3
BALANCE = (0.4, 0.6)


def fit(key: str, folder: Path) -> None:
    """Leaves seconds, peak memory in MiB, and the probabilities of class 1, with the balance learned and given."""
    votes = np.load(folder / "votes.npy")
    model = label_model(key)
    # What is imported when it is first used is not the model's.
    model(votes[:1000], 2)
    seconds = []
    for seed in range(ROUNDS):
        begun = time.perf_counter()
        fitted = model(votes, 2, seed=seed)
        seconds.append(time.perf_counter() - begun)
    np.save(folder / "believed.npy", fitted.probabilities[:, 1])
    np.save(folder / "given.npy", model(votes, 2, balance=BALANCE).probabilities[:, 1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"seconds": seconds, "MiB": peak, "torch": "torch" in sys.modules}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    fit(sys.argv[1], Path(sys.argv[2]))
