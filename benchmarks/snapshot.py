"""The first snapshot of 5 million rows into landing, against COPY to COPY between the same two databases."""

from typing import Any

from benchmarks._databases import databases, execute, scaled
from benchmarks.harness import report

ROWS = 5_000_000
ROUNDS = 3
GOAL = 0.7


def run() -> dict[str, Any]:
    """Rows a second of each way, in turn; Sluice's up to the commit, with the index of the key."""
    rows = scaled(ROWS)
    ours, plain, keyed = [], [], []
    with databases() as places:
        places.make_source(rows)
        for _ in range(ROUNDS):
            places.make_warehouse()
            places.forget_slots()
            execute(places.source, "CHECKPOINT")
            ours.append(rows / places.collect())
            execute(places.source, "CHECKPOINT")
            plain.append(rows / places.copy())
            execute(places.source, "CHECKPOINT")
            keyed.append(rows / places.copy(key=True))
    to_keyed = sorted(a / b for a, b in zip(ours, keyed, strict=True))[ROUNDS // 2]
    return report(
        "snapshot", f"rows a second of a first snapshot, {rows:,} rows × 9 columns", ours, plain, goal=GOAL,
        peer="COPY | COPY", unit="rows/s", at_least=True,
        figures={"ratio to COPY | COPY with a primary key": to_keyed},
    )  # fmt: skip
