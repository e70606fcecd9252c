"""The reader's memory while it lands one transaction of ten million changes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks._databases import ROW, databases, execute, scaled
from benchmarks.harness import report

CHANGES = 10_000_000
ALLOWED_MIB = 200.0

# The peak is sampled: the kernel's own high-water mark starts at that of the process which started this one.
COLLECT = """
import sys, threading, time
import psutil
from benchmarks._databases import AT
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource
import include.collect.postgres, include.warehouse.landing

def watch():
    global peak
    while True:
        peak = max(peak, memory().rss)
        time.sleep(0.01)

source_url, warehouse_url = sys.stdin.read().split()
source = PostgresSource(name="bench", connection="x", tables=("payments",))
memory = psutil.Process().memory_info
idle = peak = memory().rss
threading.Thread(target=watch, daemon=True).start()
begun = time.perf_counter()
landed = collect_postgres(source, source_url, warehouse_url, at=AT)
count = sum(batch.changes.get("payments", 0) for batch in landed)
print(count, (peak - idle) / 2**20, time.perf_counter() - begun)
"""


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
        done = subprocess.run(
            [sys.executable, "-c", COLLECT], input=f"{places.source}\n{places.warehouse}", capture_output=True,
            text=True, timeout=3600, check=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
    landed, grown, seconds = done.stdout.split()
    if int(landed) != changes:
        raise RuntimeError(f"{landed} of {changes} changes were landed")
    return report(
        "large_transaction", f"MiB above idle for one transaction of {changes:,} changes", [float(grown)],
        [ALLOWED_MIB], goal=1.0, peer="allowed", unit="MiB", figures={"seconds": float(seconds)},
    )  # fmt: skip
