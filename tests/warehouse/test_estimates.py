"""The planner knows how large landed histories are, so that a join of two of them is no look-up row by row."""

import json
import time
from itertools import count

import pytest

from include.core.batch import Batch, Column, Table, TableChanges
from include.warehouse.asof import as_of
from include.warehouse.connection import transaction
from include.warehouse.estimates import inform
from include.warehouse.landing import land
from tests.warehouse.test_history import AT

ROWS = 2000


def table(name):
    return Table(name, (Column("id", "integer", 1), Column("n", "integer", 2)), ("id",))


class Shop:
    """A source of two tables; each batch has new rows, and changes some of the old ones."""

    def __init__(self, url):
        self.url, self.batch, self.rows = url, 0, 0

    def land(self, rows, changed=0):
        sequence = count(1)
        both = [TableChanges(table(name), sequence) for name in ("orders", "payments")]
        for changes in both:
            for key in [*range(self.rows, self.rows + rows), *range(changed)]:
                changes.upsert([str(key), str(self.batch)])
        start = str(self.batch) if self.batch else None
        self.batch, self.rows = self.batch + 1, self.rows + rows
        with transaction(self.url) as connection:
            land(connection, Batch("shop", start, str(self.batch), changes=tuple(both)), AT)

    def stale(self):
        """What the server was told of; how many rows there are reaches it within a second of a commit."""
        for _ in range(50):
            if found := inform(self.url, ["shop_orders", "shop_payments"]):
                return found
            time.sleep(0.1)
        return []

    def joined(self):
        """How many rows the planner takes the join of both tables, as they are now, for."""
        with transaction(self.url) as connection, connection.cursor() as cursor:
            orders, payments = (as_of(connection, "shop", name, self.batch) for name in ("orders", "payments"))
            cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT * FROM {orders} AS o JOIN {payments} AS p USING (id)")
            ((plan,),) = cursor.fetchall()
        found = plan if isinstance(plan, list) else json.loads(plan)
        return found[0]["Plan"]["Plan Rows"]


@pytest.fixture
def shop(warehouse_url):
    return Shop(warehouse_url)


def test_histories_that_the_server_never_looked_at_are_looked_at_once(shop):
    shop.land(ROWS)
    shop.land(10, changed=500)
    assert shop.stale() == ["shop_orders", "shop_payments"]
    assert shop.joined() == pytest.approx(shop.rows, rel=0.3)
    assert inform(shop.url, ["shop_orders", "shop_payments"]) == []


def test_a_history_that_has_grown_by_more_than_a_tenth_is_looked_at_again(shop):
    shop.land(ROWS)
    assert len(shop.stale()) == 2
    shop.land(2 * ROWS)
    assert shop.stale() == ["shop_orders", "shop_payments"]
    assert shop.joined() == pytest.approx(shop.rows, rel=0.3)


def test_a_table_that_is_not_there_is_nobody_s_concern(shop):
    assert inform(shop.url, ["shop_refunds"]) == []
