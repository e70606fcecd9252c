"""The round of labelling that the tests of faults break: asked, answered and settled, as its DAG does it."""

from datetime import UTC, datetime
from pathlib import Path

import cleanlab  # noqa: F401  # what is slow to import is imported once, not by every fork
import sklearn.linear_model  # noqa: F401

import include.pipeline.consolidate
import include.pipeline.draw  # noqa: F401
from include.core.refs import Asked, LabelResult
from include.label.hand_over import Sheets
from include.pipeline.ask import ask
from include.pipeline.settle import settle
from include.specs import Dataset
from tests.pipeline.broken_curation import Run
from tests.pipeline.reviews import meant

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANNOTATORS = ("ann", "bob")


def label(case):
    """What `label_<dataset>` does, from the first task that is not done; both annotators are honest."""
    url, folder, dataset = case["url"], Path(case["folder"]), Dataset.model_validate(case["dataset"])
    tool, run = Sheets(folder), Run(folder / f"{case['run']}.xcom")
    asked = run.task("ask", Asked, ask, url, dataset, case["run"], tool, storage=folder, at=AT)
    keys = [line.split(",")[0] for line in (folder / asked.place / "items.csv").read_text().splitlines()[1:]]
    for name in ANNOTATORS:
        lines = ["key,label", *(f"{key},{meant(key)}" for key in keys)]
        (folder / asked.place / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return run.task("settle", LabelResult, settle, url, dataset, asked, tool, storage=folder, at=AT)
