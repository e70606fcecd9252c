"""scikit-activeml's side of `active_learning`: run by an interpreter of its own, `_activeml.py FOLDER`."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Badge, CoreSet, Falcun, RandomSampling, UncertaintySampling

from benchmarks._active import Select, Task, course, model

STRATEGIES = {
    "random": RandomSampling,
    "margin": lambda **options: UncertaintySampling(method="margin_sampling", **options),
    "core-set": CoreSet,
    "BADGE": Badge,
    "Falcun": Falcun,
}


def select(name: str) -> Select:
    """The library's query with its own defaults, of the same model on the same labels."""

    def chosen(x: np.ndarray, known: np.ndarray, probabilities: np.ndarray, batch: int, seed: int) -> np.ndarray:
        strategy = STRATEGIES[name](missing_label=-1, random_state=seed)
        options = {}
        if name not in {"random", "core-set"}:
            classifier = SklearnClassifier(model(), classes=range(probabilities.shape[1]), missing_label=-1)
            options = {"clf": classifier.fit(x, known), "fit_clf": False}
        return strategy.query(x, known, batch_size=batch, **options)

    return chosen


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    asked = json.loads((folder / "asked.json").read_text())
    told = {}
    for number, one in enumerate(asked["tasks"]):
        arrays = np.load(folder / f"task{number}.npz")
        task = Task(features=arrays["features"], truth=arrays["truth"], **one["settings"])
        for name in one["strategies"]:
            told[f"{task.name}/{name}"] = [course(task, select(name), seed) for seed in range(asked["seeds"])]
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
