"""Of runs that meet at a source one reads and the others are refused, until it is free again."""

import pytest
from psycopg2.extras import LogicalReplicationConnection

from include.core.errors import RetriableError


def test_of_two_runs_at_once_the_second_is_refused(shop):
    with shop.reader() as first, shop.reader() as second:
        batches = first.batches(None)
        batch = next(batches)
        with pytest.raises(RetriableError, match="Another run is reading"):
            next(second.batches(None))
        shop.land(batch)
    assert shop.collect() == []


def test_the_second_is_refused_before_it_could_read_a_position_that_still_moves(shop):
    with shop.reader() as first, shop.reader() as second:
        first.check()
        with pytest.raises(RetriableError, match="Another run is reading"):
            second.check()
        first.close()
        second.check()


def test_a_run_that_fails_half_way_frees_the_slot_at_once(shop):
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    with shop.reader() as reader:
        batches = reader.batches(shop.position(), shop.standings())
        next(batches)
        assert shop.slot("active") is True
    shop.wait_until(lambda: shop.slot("active") is False)


def test_a_slot_that_somebody_else_reads_can_be_tried_again_later(shop):
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    other = LogicalReplicationConnection(shop.url)
    options = {"proto_version": "1", "publication_names": shop.source.publication}
    other.cursor().start_replication(shop.source.slot, options=options)
    with pytest.raises(RetriableError, match=r"is in use: replication slot .* is active"):
        shop.collect()
    other.close()
    shop.wait_until(lambda: shop.slot("active") is False)
    assert [batch.changes for batch in shop.collect()] == [{"items": 1}]
