"""The reader's memory while it lands one transaction of ten million changes."""

from typing import Any

from benchmarks._databases import ROW, databases, execute, scaled
from benchmarks._memory import collect_apart
from benchmarks.harness import report
from include.specs import PostgresSource

CHANGES = 10_000_000
ALLOWED_MIB = 200.0


def run() -> dict[str, Any]:
    """MiB above the idle reader, once: the transaction is of one kind of change, and as large as all of them."""
    changes = scaled(CHANGES)
    with databases() as places:
        places.make_source(1_000)
        places.make_warehouse()
        places.collect()
        execute(
            places.source,
            f"INSERT INTO payments SELECT {ROW} FROM generate_series(1001, {1000 + changes}) AS n",
        )
        source = PostgresSource(name="bench", connection="x", tables=("payments",))
        landed = collect_apart(source, places.source, places.warehouse, timeout=3600)
    if landed.changes != changes:
        raise RuntimeError(f"{landed.changes} of {changes} changes were landed")
    return report(
        "large_transaction", f"MiB above idle for one transaction of {changes:,} changes", [landed.grown],
        [ALLOWED_MIB], goal=1.0, peer="allowed", unit="MiB", figures={"seconds": landed.seconds},
    )  # fmt: skip
