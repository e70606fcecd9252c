"""Memory: neither a table nor a transaction has to fit into it."""

import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

ROOT = Path(__file__).resolve().parents[3]
LIMIT_MIB = 60
ROWS = 60_000  # of 2 KiB each: twice the limit and more

CREATE = "CREATE TABLE items (id int PRIMARY KEY, body text)"
# Random text, so that nothing is compressed away.
FILL = """
INSERT INTO items SELECT n, (SELECT string_agg(md5(n::text || '-' || part::text), '')
                             FROM generate_series(1, 64) AS part) FROM generate_series({first}, {last}) AS n
"""

# The peak is sampled: the kernel's own high-water mark starts at that of the process which started this one.
COLLECT = """
import sys, threading, time
from datetime import datetime, timezone
import psutil
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource
import include.collect.postgres, include.warehouse.landing

def watch():
    global peak
    while True:
        peak = max(peak, memory().rss)
        time.sleep(0.01)

source_url, warehouse_url = sys.stdin.read().split()
source = PostgresSource(name="shop", connection="shop", tables=("items",))
memory = psutil.Process().memory_info
before = peak = memory().rss
threading.Thread(target=watch, daemon=True).start()
landed = collect_postgres(source, source_url, warehouse_url, at=datetime(2026, 1, 1, tzinfo=timezone.utc))
print(sum(batch.changes.get("items", 0) for batch in landed), (peak - before) // 2**20)
"""


def collect(source_url, warehouse_url):
    """Rows landed by a process of its own, and by how many MiB its peak memory grew."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECT], input=f"{source_url}\n{warehouse_url}", capture_output=True, text=True,
        timeout=240, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rows, grown = map(int, done.stdout.split())
    return rows, grown


@pytest.fixture
def items(source_url):
    connection = psycopg2.connect(source_url)
    connection.autocommit = True
    connection.cursor().execute(CREATE)
    yield connection.cursor()
    connection.close()


def test_a_snapshot_and_a_transaction_larger_than_the_limit_are_landed_within_it(items, source_url, warehouse_url):
    items.execute(FILL.format(first=1, last=ROWS))
    rows, grown = collect(source_url, warehouse_url)
    assert rows == ROWS
    assert grown < LIMIT_MIB

    items.execute(FILL.format(first=ROWS + 1, last=2 * ROWS))
    rows, grown = collect(source_url, warehouse_url)
    assert rows == ROWS
    assert grown < LIMIT_MIB
