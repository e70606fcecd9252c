"""Where the stored position and the slot do not fit, reading fails loudly and never starts in between."""

from contextlib import closing

import pytest

from include.collect.postgres.slot import Position, lsn_number
from include.core.errors import FatalError
from include.local.postgres import EmbeddedPostgres
from include.warehouse.connection import connect


@pytest.fixture
def shop(line):
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY)", "INSERT INTO items VALUES (1)")
    shop.collect()
    return shop


def refused(shop, says):
    before = shop.position()
    with pytest.raises(FatalError, match=says) as caught:
        shop.collect()
    assert "trigger the DAG decommission_<source>" in caught.value.fix
    assert shop.position() == before


def test_a_slot_that_is_gone(shop):
    shop.query(f"SELECT pg_drop_replication_slot('{shop.source.slot}')")
    refused(shop, "is gone; changes after .* may be lost")
    assert shop.slot() is None


def test_a_slot_that_was_recreated(shop):
    shop.query(f"SELECT pg_drop_replication_slot('{shop.source.slot}')")
    shop.execute("INSERT INTO items VALUES (2)")
    shop.query(f"SELECT pg_create_logical_replication_slot('{shop.source.slot}', 'pgoutput')")
    refused(shop, "past the stored position")


def test_a_slot_that_somebody_else_moved_on(shop):
    shop.execute("INSERT INTO items VALUES (2)")
    shop.query(f"SELECT pg_replication_slot_advance('{shop.source.slot}', pg_current_wal_lsn())")
    refused(shop, "past the stored position")


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        (lambda p: Position("1", p.timeline, p.lsn), "of another server or timeline"),
        (lambda p: Position(p.system, 7, p.lsn), "of another server or timeline"),
        (lambda p: p.at(p.lsn + (1 << 40)), "ahead of the server's log"),
    ],
)
def test_a_database_that_was_restored_or_exchanged(shop, exchange, says):
    elsewhere = exchange(Position.parse(shop.position()))
    with shop.reader() as reader, pytest.raises(FatalError, match=says):
        next(reader.batches(str(elsewhere)))


def test_a_slot_whose_log_the_server_removed(tmp_path, line):
    server = EmbeddedPostgres(tmp_path, {"max_slot_wal_keep_size": "'1MB'", "fsync": "off"})
    server.start()
    try:
        shop = line("items")
        shop.url = server.url("postgres")
        shop.execute("CREATE TABLE items (id int PRIMARY KEY)")
        shop.collect()
        for number in range(3):
            shop.execute(f"INSERT INTO items VALUES ({number})")
            shop.query("SELECT pg_switch_wal()")
        with closing(connect(shop.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("CHECKPOINT")
        refused(shop, "is lost: the server removed log that had not been read")
    finally:
        server.destroy()


def test_a_position_reads_back_as_it_was_written():
    text = "7312345678901234567:3:16/B374D848"
    assert str(Position.parse(text)) == text
    assert lsn_number("1/0") == 1 << 32
