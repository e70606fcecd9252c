"""The whole line for `payment_fraud` under Airflow, against a plain script with the same libraries."""

import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from include.core.errors import FatalError
from include.local.api import run_path
from include.local.home import Home
from include.local.stack import Stack

QUESTION = "payment_fraud from landing to a published version, with the sample shop's 24,000 payments"
# Under Airflow each of five tasks is a process that imports its libraries anew, which a table of this
# size cannot hide; the plain script pays once. A table of a million rows is another question.
GOAL = 5.0
ROUNDS = 3


def run() -> dict[str, Any]:
    """Alternate a DAG run with a run of `_plain.py`; every round has a seed of its own, so all of it is done."""
    home = Home(Path(tempfile.mkdtemp(prefix="sluice-bench-")))
    home.make()
    stack = Stack(home, print)
    try:
        stack.start("up", None)
        _wait(stack, "collect_shop", _trigger(stack, "collect_shop"))
        _wait_for_first_version(stack)
        times: list[tuple[float, float]] = []
        for seed in range(ROUNDS):
            ours = _wait(stack, "curate_payment_fraud", _trigger(stack, "curate_payment_fraud", seed=1_000 + seed))
            times.append((ours, _plain(stack, seed)))
    finally:
        stack.stop()
        stack.postgres.destroy()
        shutil.rmtree(home.path)
    ours_all, plain_all = map(list, zip(*times, strict=True))
    return report("line", QUESTION, ours_all, plain_all, goal=GOAL, peer="plain script")


def _trigger(stack: Stack, dag: str, **params: Any) -> str:
    answer = stack.api.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": params})
    return str(answer["dag_run_id"])


def _wait(stack: Stack, dag: str, run: str) -> float:
    """Wait for the run's end; how long it took, in seconds, by Airflow's own clock."""
    for _ in range(600):
        found = stack.api.get(run_path(dag, run))
        if found["state"] == "success":
            begun, ended = (datetime.fromisoformat(found[name]) for name in ("start_date", "end_date"))
            return (ended - begun).total_seconds()
        if found["state"] == "failed":
            raise FatalError(f"{dag} failed.", fix=f"see the logs in {stack.place.path}.")
        time.sleep(1)
    raise FatalError(f"{dag} did not end within 10 minutes.", fix="free the machine of other work.")


def _wait_for_first_version(stack: Stack) -> None:
    """The run that the collected source started, so that no other run is under way when measuring begins."""
    for _ in range(120):
        runs = stack.api.get("/dags/curate_payment_fraud/dagRuns")["dag_runs"]
        if runs:
            _wait(stack, "curate_payment_fraud", runs[0]["dag_run_id"])
            return
        time.sleep(1)
    raise FatalError("The collected shop started no curation.", fix="see that both DAGs are active.")


def _plain(stack: Stack, seed: int) -> float:
    begun = time.perf_counter()
    # The URL goes by standard input: an argument list is open to every user of the machine.
    subprocess.run(
        [sys.executable, "-m", "benchmarks._plain", str(seed)], input=stack.warehouse_url, text=True, timeout=600,
        check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return time.perf_counter() - begun
