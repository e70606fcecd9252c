"""A mark holds what a source's tables are at one place in its log, and a run can end exactly there."""

import threading

import psycopg2
import pytest
from psycopg2.extras import LogicalReplicationConnection

from include.collect.postgres.slot import Position
from include.core.errors import RetriableError


@pytest.fixture
def shop(shop):
    shop.execute("INSERT INTO items VALUES (1, 'first')")
    shop.collect()
    return shop


def test_a_run_up_to_a_mark_lands_what_was_written_before_it_and_nothing_of_after(shop):
    with shop.reader() as reader:
        reader.check()
        shop.execute("INSERT INTO items VALUES (2, 'before')")
        with reader.mark() as mark:
            shop.execute("INSERT INTO items VALUES (3, 'after')", "DELETE FROM items WHERE id = 1")
            for batch in reader.batches(shop.position(), shop.standings(), until=mark):
                shop.land(batch)
    assert shop.current("items", "id") == [(1,), (2,)]
    assert Position.parse(shop.position()).lsn >= mark.position.lsn
    shop.collect()
    assert shop.current("items", "id") == [(2,), (3,)]


def test_a_table_that_has_to_be_taken_anew_is_taken_as_it_was_at_the_mark(shop):
    shop.execute("ALTER TABLE items ALTER name TYPE varchar(9)")
    with shop.reader() as reader:
        reader.check()
        with reader.mark() as mark:
            shop.execute("UPDATE items SET name = 'after'")
            for batch in reader.batches(shop.position(), shop.standings(), until=mark):
                shop.land(batch)
    assert shop.as_of("items") == (["id", "name"], [("1", "first")])


def test_a_change_of_shape_waits_until_the_mark_is_given_up(shop):
    with shop.reader() as reader:
        with reader.mark():
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                shop.execute(("SET LOCAL lock_timeout = '50ms'", "ALTER TABLE items ADD colour text"))
        shop.execute("ALTER TABLE items ADD colour text")


def test_a_mark_is_refused_while_a_table_is_not_published(shop):
    shop.execute("CREATE TABLE late (id int PRIMARY KEY)")
    shop.source = shop.source.model_copy(update={"tables": ("items", "late")})
    with shop.reader() as reader, pytest.raises(RetriableError, match="changed while a mark was set: late"):
        with reader.mark():
            pass
    shop.collect()
    with shop.reader() as reader, reader.mark() as mark:
        assert [snapshot.table.name for snapshot in mark.snapshots] == ["items", "late"]


def test_a_source_that_was_never_read_cannot_be_read_up_to_a_mark(shop):
    with shop.reader() as reader, reader.mark() as mark:
        with pytest.raises(RetriableError, match="cannot be read up to a mark: it is new"):
            next(reader.batches(None, until=mark))


def test_a_run_up_to_a_mark_does_not_wait_for_a_truncation_that_waits_for_the_mark(shop):
    with shop.reader() as reader:
        reader.check()
        shop.execute("INSERT INTO items VALUES (2, 'before')")
        with reader.mark() as mark:
            truncation = threading.Thread(target=shop.execute, args=("TRUNCATE items",))
            truncation.start()
            shop.wait_until(lambda: shop.query("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)])
            for batch in reader.batches(shop.position(), shop.standings(), until=mark):
                shop.land(batch)
        truncation.join()
    assert shop.current("items", "id") == [(1,), (2,)]


def test_a_mark_waits_for_another_run_where_a_killed_ones_session_still_holds_its_slot(shop):
    killed = psycopg2.connect(shop.url, connection_factory=LogicalReplicationConnection)
    killed.cursor().execute(f'CREATE_REPLICATION_SLOT "{shop.source.slot}_anew" TEMPORARY LOGICAL pgoutput')
    with shop.reader() as reader:
        reader.check()
        with pytest.raises(RetriableError, match=r"is in use: replication slot .* already exists"), reader.mark():
            pass
    killed.close()
