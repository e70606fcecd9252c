"""Pages a second of a whole crawl, landed and all, against bare Scrapy with the same settings and JSON lines."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks._site import PAGES
from benchmarks.harness import report
from include.catalog import source
from include.local.postgres import EmbeddedPostgres
from include.pipeline.collect import collect_site
from include.specs import SiteSource
from include.warehouse.prepare import prepare

PROJECT = Path(__file__).parents[1]
QUESTION = f"pages a second of a crawl of {PAGES:,} pages over loopback, from start to landed"
GOAL = 0.9
ROUNDS = 3
PASSWORD = "a benchmark's own password"  # noqa: S105
AT = datetime(2026, 3, 1, tzinfo=UTC)


def run() -> dict[str, Any]:
    """Alternate a first crawl into an empty warehouse and a run of `_bare_spider.py`, start and end included."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name, _site() as url:
        folder = Path(name)
        postgres = EmbeddedPostgres(folder / "postgres", {})
        postgres.start()
        try:
            rounds = [(_ours(postgres, url, folder), _bare(url, folder)) for _ in range(ROUNDS + 1)][1:]
        finally:
            postgres.destroy()
    ours, bare = map(list, zip(*rounds, strict=True))
    return report("crawl", QUESTION, ours, bare, goal=GOAL, peer="bare Scrapy", unit="pages/s", at_least=True)


@contextmanager
def _site() -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._site"], cwd=PROJECT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


def _ours(postgres: EmbeddedPostgres, url: str, folder: Path) -> float:
    database = f"crawl_{time.monotonic_ns()}"
    postgres.create_database(database)
    prepare(postgres.url(database), login="sluice", password=PASSWORD)
    warehouse = postgres.url(database, user="sluice", password=PASSWORD)
    declared = source("shop_site")
    assert isinstance(declared, SiteSource)
    site = declared.model_copy(update={"delay": 0.0, "max_pages": PAGES + 100})
    begun = time.perf_counter()
    [landed] = collect_site(site, url, warehouse, folder / "storage", at=AT)
    seconds = time.perf_counter() - begun
    # The root is one more page, of the same product as page 0.
    assert landed.changes == {"pages": PAGES + 1, "products": PAGES, "reviews": 3 * PAGES, "pictures": 0}, landed
    return (PAGES + 1) / seconds


def _bare(url: str, folder: Path) -> float:
    target = folder / "bare.jsonl"
    target.unlink(missing_ok=True)
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "benchmarks._bare_spider"], input=json.dumps([url, str(target)]) + "\n", text=True,
        timeout=600, check=True, cwd=PROJECT,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    with target.open() as lines:
        assert sum("path" in json.loads(line) for line in lines) == PAGES + 1
    return (PAGES + 1) / seconds
