"""The first snapshot of 5 million rows into landing, in one range and in two, against COPY to COPY beside it."""

from typing import Any

from benchmarks._databases import databases, execute, scaled
from benchmarks.harness import report

ROWS = 5_000_000
ROUNDS = 3
GOAL = 0.7
RANGES, GOAL_OF_RANGES = 2, 1.0


def run() -> dict[str, Any]:
    """Rows a second of each way, in turn; Sluice's up to the commit, with the index of the key.

    With ranges, what is copied at once costs so many sessions at either end; the raw pipe has one.
    """
    rows = scaled(ROWS)
    ours, ranged, plain, keyed = [], [], [], []
    with databases() as places:
        places.make_source(rows)
        for _ in range(ROUNDS):
            for ways, options in ((ours, {}), (ranged, {"snapshot_ranges": RANGES})):
                places.make_warehouse()
                places.forget_slots()
                execute(places.source, "CHECKPOINT")
                ways.append(rows / places.collect(**options))
            execute(places.source, "CHECKPOINT")
            plain.append(rows / places.copy())
            execute(places.source, "CHECKPOINT")
            keyed.append(rows / places.copy(key=True))
    to_keyed = sorted(a / b for a, b in zip(ours, keyed, strict=True))[ROUNDS // 2]
    to_one = sorted(a / b for a, b in zip(ranged, ours, strict=True))[ROUNDS // 2]
    in_ranges = report(
        "snapshot_ranges", f"rows a second of a first snapshot in {RANGES} ranges, {rows:,} rows × 9 columns",
        ranged, plain, goal=GOAL_OF_RANGES, peer="COPY | COPY", unit="rows/s", at_least=True,
        figures={"ratio to one range": to_one},
    )  # fmt: skip
    in_one = report(
        "snapshot", f"rows a second of a first snapshot, {rows:,} rows × 9 columns", ours, plain, goal=GOAL,
        peer="COPY | COPY", unit="rows/s", at_least=True,
        figures={"ratio to COPY | COPY with a primary key": to_keyed},
    )  # fmt: skip
    return in_one | {"holds": in_one["holds"] and in_ranges["holds"]}
