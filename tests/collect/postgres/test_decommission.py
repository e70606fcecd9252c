"""Leaving a source drops its slot and its publication, and nothing else."""

from contextlib import closing

import pytest

from include.collect.postgres import decommission
from include.core.errors import FatalError, RetriableError


def test_slot_and_publication_go_and_what_was_landed_stays(line):
    shop = line("items")
    shop.execute(
        "CREATE TABLE items (id int PRIMARY KEY)", "INSERT INTO items VALUES (1)", "CREATE PUBLICATION other"
    )
    shop.collect()
    assert decommission(shop.source, shop.url) == [
        f"slot {shop.source.slot}",
        f"publication {shop.source.publication}",
    ]
    assert shop.slot() is None
    assert shop.query("SELECT pubname FROM pg_publication") == [("other",)]
    assert shop.current("items", "id") == [(1,)]
    assert decommission(shop.source, shop.url) == []
    with pytest.raises(FatalError, match=r"is gone; changes after .* may be lost"):
        shop.collect()


def test_a_source_that_is_being_read_is_left_alone(line):
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY)")
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1)")
    with shop.reader() as reader, closing(reader.batches(shop.position(), shop.standings())) as batches:
        next(batches)
        with pytest.raises(RetriableError, match="is being read"):
            decommission(shop.source, shop.url)
