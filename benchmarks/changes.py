"""A million mixed changes applied to landing, against pg_recvlogical reading them from a copy of the same slot."""

import statistics
from typing import Any

from benchmarks._databases import databases, execute, scaled
from benchmarks.harness import report

CHANGES = 1_000_000
ROUNDS = 3
GOAL = 0.35
# Where COPY moves as many rows a second as this, landing applies as many changes a second as that.
COPY_RATE, CHANGE_RATE = 300_000, 50_000


def run() -> dict[str, Any]:
    """Changes a second of each way, in turn: 70 % updates, 20 % inserts, 10 % deletes, 1,000 a transaction."""
    changes = scaled(CHANGES)
    ours, received = [], []
    with databases() as places:
        places.make_source(changes)
        places.make_warehouse()
        places.collect()
        copied = changes / places.copy()
        for _ in range(ROUNDS):
            places.change(changes)
            execute(places.source, "CHECKPOINT")
            received.append(changes / places.receive())
            ours.append(changes / places.collect())
    fast = statistics.median(ours) >= CHANGE_RATE or copied < COPY_RATE
    return report(
        "changes", f"changes a second into landing, {changes:,} mixed changes", ours, received, goal=GOAL,
        peer="pg_recvlogical", unit="changes/s", at_least=True, also=fast,
        figures={"COPY | COPY, rows/s": copied, f"≥ {CHANGE_RATE:,} changes/s": fast},
    )  # fmt: skip
