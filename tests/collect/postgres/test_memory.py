"""Memory: neither a table nor a transaction has to fit into it."""

import psycopg2
import pytest

from benchmarks._memory import collect_apart
from include.specs import PostgresSource

ITEMS = PostgresSource(name="shop", connection="shop", tables=("items",))
LIMIT_MIB = 60
ROWS = 60_000  # of 2 KiB each: twice the limit and more

CREATE = "CREATE TABLE items (id int PRIMARY KEY, body text)"
# Random text, so that nothing is compressed away.
FILL = """
INSERT INTO items SELECT n, (SELECT string_agg(md5(n::text || '-' || part::text), '')
                             FROM generate_series(1, 64) AS part) FROM generate_series({first}, {last}) AS n
"""


@pytest.fixture
def items(source_url):
    connection = psycopg2.connect(source_url)
    connection.autocommit = True
    connection.cursor().execute(CREATE)
    yield connection.cursor()
    connection.close()


def test_a_snapshot_and_a_transaction_larger_than_the_limit_are_landed_within_it(items, source_url, warehouse_url):
    for first in (1, ROWS + 1):
        items.execute(FILL.format(first=first, last=first + ROWS - 1))
        landed = collect_apart(ITEMS, source_url, warehouse_url, timeout=240)
        assert landed.changes == ROWS
        assert landed.grown < LIMIT_MIB
