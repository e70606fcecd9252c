"""The curation that the tests of faults break: one DAG run, task by task."""

import json
from datetime import UTC, datetime
from pathlib import Path

import albumentations  # noqa: F401  # what is slow to import is imported once, not by every fork
import great_expectations  # noqa: F401
import imblearn.over_sampling  # noqa: F401

from include.core.refs import Augmented, Candidate, Gated, VersionRef
from include.pipeline.audit import audit
from include.pipeline.augment import augment_shard, balance, gather, plan_images
from include.pipeline.build import build
from include.pipeline.publish import publish
from include.pipeline.validate import validate
from include.specs import Dataset
from include.warehouse.staging import sweep

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Run:
    """A DAG run: what a task hands on is kept when the task is done, and a task that is done is not run again."""

    def __init__(self, xcom):
        self._xcom = xcom
        self._done = json.loads(xcom.read_text()) if xcom.exists() else {}

    def task(self, name, reference, function, *args, **options):
        if name not in self._done:
            found = function(*args, **options)
            self._done[name] = found.model_dump(mode="json") if reference else found
            self._xcom.write_text(json.dumps(self._done))
        return reference.model_validate(self._done[name]) if reference else self._done[name]


def curate(case):
    """What `curate_<dataset>` does, from the first task that is not done."""
    url, folder, dataset = case["url"], Path(case["folder"]), Dataset.model_validate(case["dataset"])
    judging = {"suites": folder, "reports": folder / "reports", "at": AT}
    run = Run(folder / f"{dataset.name} {case['run']}.xcom")
    candidate = run.task("build", Candidate, build, url, dataset, case["run"], sql_folder=folder)
    gated = run.task("validate", Gated, validate, url, dataset, candidate, **judging)
    if dataset.augment:
        shards = run.task("plan", None, plan_images, url, dataset, gated)
        done = [
            run.task(f"shard {shard['shard']}", None, augment_shard, url, dataset, gated, shard, folder)
            for shard in shards
        ]
        made = run.task("gather", Augmented, gather, url, dataset, gated, done)
    else:
        made = run.task("balance", Augmented, balance, url, dataset, gated)
    audited = run.task("audit", Augmented, audit, url, dataset, made, storage=folder, **judging)
    version = run.task("publish", VersionRef, publish, url, dataset, audited, at=AT, code="c0ffee")
    run.task("sweep", None, sweep, url, dataset.name)
    return version
