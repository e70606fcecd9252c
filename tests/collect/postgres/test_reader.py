"""Reading a source end to end: snapshot, changes, acknowledgement, and every way to lose some."""

import pytest

from include.core.errors import FatalError, RetriableError

ITEMS = "CREATE TABLE items (id int PRIMARY KEY, name text)"


def test_the_first_run_lands_a_snapshot_and_the_next_what_changed(line):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items VALUES (1, 'a'), (2, NULL)")
    first = shop.collect()
    shop.execute(
        "INSERT INTO items VALUES (3, 'c')",
        "UPDATE items SET name = 'b' WHERE id = 2",
        "DELETE FROM items WHERE id = 1",
    )
    second = shop.collect()
    assert shop.landed("items") == [
        (1, "a", 1, 4, 1), (2, None, 1, 3, 1), (3, "c", 2, None, 2), (2, "b", 3, None, 2),
    ]  # fmt: skip
    assert [batch.changes for batch in first + second] == [{"items": 2}, {"items": 3}]
    assert shop.collect() == []
