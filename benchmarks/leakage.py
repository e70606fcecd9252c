"""How often a planted leak is caught, how often a table without one is rejected, for every kind; and how fast."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from psycopg2.extensions import connection as Connection
from rich.console import Console
from rich.table import Table

from benchmarks._databases import SCALE, databases, scaled
from benchmarks._leaky import CASES, NUMBERS, Case, copied, nearly, parted, real, store
from benchmarks.harness import keep
from include.core.refs import Augmented, Candidate, Finding, Gated, GateDecision
from include.publish.leakage import prove
from include.specs import Dataset
from include.warehouse.connection import connect

QUESTION = (
    "the share of planted leaks that is caught; of 100 tables without one of each kind, none is to be rejected"
)
RUNS = 100
ROWS = 1_000_000
MADE = Augmented(
    gated=Gated(
        candidate=Candidate(dataset="bench", run="bench", table="x", batches={}, rows=1, sql_hash="x"),
        table="gated", passed=1, quarantined=0, reasons={}, decision=GateDecision(decision="publish"),
        suite_hash="x", report="x",
    ),
    table="version", method="none", made=0, removed=0,
)  # fmt: skip


def run() -> dict[str, Any]:
    """Each kind over 100 tables: as they are, and with one leak of two rows."""
    runs = max(2, round(RUNS * SCALE))
    with databases() as places, tempfile.TemporaryDirectory() as folder:
        places.make_warehouse()
        connection = connect(places.warehouse, role="sluice_writer")
        counted = {name: _count(connection, case, runs, Path(folder)) for name, case in CASES.items()}
        seconds, found = _large(connection, Path(folder))
        connection.close()
    alarms = sum(alarms for alarms, _ in counted.values())
    planted = [caught / runs for _, caught in counted.values() if caught is not None]
    result = {
        "question": QUESTION,
        "ratio": min(planted),
        "goal": 1.0,
        "holds": min(planted) == 1 and alarms == 0 and found == [1, 1],
        "runs": runs,
        "kinds": {name: {"false_alarms": alarms, "caught": caught} for name, (alarms, caught) in counted.items()},
        "rows": scaled(ROWS),
        "seconds": seconds,
    }
    table = Table(title=f"{QUESTION} ({runs} tables each)")
    for column in ("", "false alarms", "caught"):
        table.add_column(column, justify="left" if not column else "right")
    for name, (raised, caught) in counted.items():
        table.add_row(name, str(raised), "" if caught is None else str(caught))
    Console().print(table)
    Console().print(f"  equal and nearly equal rows among {scaled(ROWS):,}: {seconds:.1f} s, found {found}")
    keep("leakage", result)
    return result


def _count(connection: Connection, case: Case, runs: int, folder: Path) -> tuple[int, int | None]:
    """False alarms, and leaks caught; None where none is planted."""
    alarms = caught = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        columns = case.draw(rng, case.rows)
        split = parted(rng, case.rows, by_time=case.dataset.time is not None)
        store(connection, columns, split, folder)
        alarms += not _held(_prove(connection, case.dataset, folder))
        if case.plant:
            case.plant(columns, int(np.flatnonzero(split == "train")[0]), int(np.flatnonzero(split == "test")[0]))
            store(connection, columns, split, folder)
            caught += not _held(_prove(connection, case.dataset, folder))
    return alarms, caught if case.plant else None


def _large(connection: Connection, folder: Path) -> tuple[float, list[int]]:
    """Seconds for a large table with one equal and one nearly equal pair, and the leaks found of either kind."""
    rng = np.random.default_rng(0)
    columns, split = real(rng, scaled(ROWS)), parted(rng, scaled(ROWS), by_time=False)
    train, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
    copied(columns, int(train[0]), int(test[0]))
    nearly(columns, int(train[1]), int(test[1]))
    store(connection, columns, split, folder)
    begun = time.perf_counter()
    found = _prove(connection, NUMBERS, folder)
    return time.perf_counter() - begun, [compared["leaks"] for compared in found.evidence["compared"]]


def _prove(connection: Connection, dataset: Dataset, folder: Path) -> Finding:
    return prove(connection, dataset, MADE, Finding(name="rows", outcomes=()), folder)


def _held(finding: Finding) -> bool:
    return all(outcome.success for outcome in finding.outcomes)
