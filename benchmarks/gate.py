"""Twenty expectations with full quarantine and report, against the same checks in hand-fused SQL."""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._databases import AT, Databases, databases, execute, scaled
from benchmarks._gate import PAYMENTS, by_hand, make_candidate, write, write_suite
from benchmarks.harness import report
from include.pipeline.validate import validate
from include.warehouse.staging import sweep

ROWS = 2_000_000
ROUNDS = 5
GOAL = 1.3


def run() -> dict[str, Any]:
    """Alternate `validate` and the statements by hand, on the same candidate, a new one in each round.

    The first round, in which Great Expectations is imported, is not counted: a task pays that once.
    """
    rows = scaled(ROWS)
    with databases() as places, tempfile.TemporaryDirectory() as home:
        suites = write_suite(Path(home))
        places.make_warehouse()
        execute(places.admin, "SELECT sluice.ensure_quarantine('by_hand')")
        rounds = [_round(places, suites, rows, number) for number in range(ROUNDS + 1)][1:]
    ours, hand = map(list, zip(*rounds, strict=True))
    return report(
        "gate", f"20 expectations on {rows:,} rows, with full quarantine and report", ours, hand, goal=GOAL,
        peer="hand-fused SQL",
    )  # fmt: skip


def _round(places: Databases, suites: Path, rows: int, number: int) -> tuple[float, float]:
    candidate = make_candidate(places, rows, f"run {number}")
    statements = by_hand(places, candidate)
    execute(places.admin, "CHECKPOINT")
    begun = time.perf_counter()
    write(places, *statements)
    hand = time.perf_counter() - begun
    execute(places.admin, "CHECKPOINT")
    begun = time.perf_counter()
    gated = validate(
        places.warehouse, PAYMENTS, candidate, suites=suites, reports=suites / "reports", at=AT
    )  # fmt: skip
    ours = time.perf_counter() - begun
    ((kept,),) = execute(places.admin, f"SELECT count(*) FROM quarantine.by_hand WHERE run = '{candidate.run}'")
    if kept != gated.quarantined:
        raise RuntimeError(f"Sluice rejected {gated.quarantined} rows, by hand it were {kept}")
    sweep(places.warehouse, PAYMENTS.name)
    return ours, hand
