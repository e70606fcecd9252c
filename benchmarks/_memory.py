"""How much memory a collection takes: it runs in a process of its own, whose peak is sampled."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource

PROJECT = Path(__file__).parents[1]
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Collected:
    """Changes landed, by how many MiB the process grew at its peak, and how long it ran."""

    changes: int
    grown: float
    seconds: float


def collect_apart(source: PostgresSource, source_url: str, warehouse_url: str, *, timeout: int) -> Collected:
    """Collect the source in a process of its own. Raises RuntimeError with its last words if it fails."""
    job = {"source": source.model_dump(), "source_url": source_url, "warehouse_url": warehouse_url}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._memory"], input=json.dumps(job), capture_output=True, text=True,
        timeout=timeout, check=False, cwd=PROJECT,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the collection failed: {done.stderr[-2000:]}")
    return Collected(**json.loads(done.stdout))


class Peak:
    """This process's memory at its highest. The kernel's own high-water mark begins at that of the parent."""

    def __init__(self) -> None:
        self._memory = psutil.Process().memory_info
        self.idle = self.highest = self._memory().rss
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def grown(self) -> float:
        """In MiB."""
        return (self.highest - self.idle) / 2**20

    def _watch(self) -> None:
        while True:
            self.highest = max(self.highest, self._memory().rss)
            time.sleep(0.01)


def main() -> None:
    """Run the job that stands on stdin."""
    # What it imports while it runs is not what it needs for the data.
    import include.collect.postgres  # noqa: F401

    job = json.load(sys.stdin)
    peak, begun = Peak(), time.perf_counter()
    source = PostgresSource.model_validate(job["source"])
    landed = collect_postgres(source, job["source_url"], job["warehouse_url"], at=AT)
    changes = sum(sum(batch.changes.values()) for batch in landed)
    print(json.dumps(asdict(Collected(changes, peak.grown, time.perf_counter() - begun))))


if __name__ == "__main__":
    main()
