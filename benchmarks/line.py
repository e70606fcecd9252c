"""A million payments from build to publish under Airflow, against a plain script with the same libraries."""

import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks._databases import execute, scaled
from benchmarks.harness import report
from include.catalog import DATASETS
from include.core.errors import FatalError
from include.local import shop
from include.local.api import run_path
from include.local.home import Home
from include.local.stack import Stack

QUESTION = "payment_fraud from its SQL to a published version, under Airflow, with a million payments"
GOAL = 1.3
ROUNDS = 3
# The shop's history once more, some hours later, under other keys; {n} says for which time.
AGAIN = """
INSERT INTO orders SELECT id + {n} * 10000000, customer_id, product_id, quantity, total, status,
    placed_at + {n} * interval '3 hours' FROM orders WHERE id < 10000000;
INSERT INTO payments SELECT id + {n} * 10000000, order_id + {n} * 10000000, customer_id, reference || '-{n}',
    card_holder, amount, installments, method, device, ip_country, status, captured_at + {n} * interval '3 hours'
    FROM payments WHERE id < 10000000;
INSERT INTO chargebacks SELECT id + {n} * 10000000, payment_id + {n} * 10000000, reason,
    filed_at + {n} * interval '3 hours' FROM chargebacks WHERE id < 10000000;
"""


def run() -> dict[str, Any]:
    """Alternate the curation that a collection starts, and a run of `_plain.py`, while the shop trades on."""
    home = Home(Path(tempfile.mkdtemp(prefix="sluice-bench-")))
    home.make()
    stack = Stack(home, print)
    try:
        stack.start("up", None)
        _alone(stack)
        _fill(stack)
        rounds = [(_line(stack), _plain(stack, seed)) for seed in range(ROUNDS + 1)][1:]
    finally:
        stack.stop()
        stack.postgres.destroy()
        shutil.rmtree(home.path)
    ours, plain = map(list, zip(*rounds, strict=True))
    return report("line", QUESTION, ours, plain, goal=GOAL, peer="plain script")


def _alone(stack: Stack) -> None:
    """The sample's other datasets, which the same collection would have curated beside, wait."""
    for dataset in DATASETS:
        if dataset.name != "payment_fraud":
            stack.api.patch(f"/dags/curate_{dataset.name}", {"is_paused": True})


def _fill(stack: Stack) -> None:
    """Bring the shop to a million payments."""
    url = shop.owner_url(stack.postgres, stack.secrets)
    ((payments,),) = execute(url, "SELECT count(*) FROM payments WHERE id < 10000000")
    for number in range(1, scaled(1_000_000) // payments + 1):
        execute(url, AGAIN.format(n=number))


def _line(stack: Stack) -> float:
    """Seconds from the first task of the curation which a collection starts to the version's publication."""
    known = {run["dag_run_id"] for run in _curations(stack)}
    answer = stack.api.post("/dags/collect_shop/dagRuns", {"logical_date": None, "conf": {}})
    _ended(stack, "collect_shop", str(answer["dag_run_id"]))
    for _ in range(120):
        if started := [run["dag_run_id"] for run in _curations(stack) if run["dag_run_id"] not in known]:
            _ended(stack, "curate_payment_fraud", started[0])
            return _published(stack, started[0])
        time.sleep(0.5)
    raise FatalError("The collected shop started no curation.", fix="see that both DAGs are active.")


def _published(stack: Stack, run: str) -> float:
    tasks = stack.api.get(f"{run_path('curate_payment_fraud', run)}/taskInstances")["task_instances"]
    times = {task["task_id"]: task for task in tasks}
    begun, ended = times["build"]["start_date"], times["publish"]["end_date"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def _curations(stack: Stack) -> list[dict[str, Any]]:
    return list(stack.api.get("/dags/curate_payment_fraud/dagRuns", limit=100)["dag_runs"])


def _ended(stack: Stack, dag: str, run: str) -> None:
    """Wait for the run's end."""
    for _ in range(1800):
        found = stack.api.get(run_path(dag, run))
        if found["state"] == "success":
            return
        if found["state"] == "failed":
            raise FatalError(f"{dag} failed.", fix=f"see the logs in {stack.place.path}.")
        time.sleep(0.5)
    raise FatalError(f"{dag} did not end within 15 minutes.", fix="free the machine of other work.")


def _plain(stack: Stack, seed: int) -> float:
    begun = time.perf_counter()
    # The URLs go by standard input: an argument list is open to every user of the machine.
    urls = f"{shop.reader_url(stack.postgres, stack.secrets)}\n{stack.warehouse_url}\n"
    subprocess.run(
        [sys.executable, "-m", "benchmarks._plain", str(seed)], input=urls, text=True, timeout=1800, check=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return time.perf_counter() - begun
