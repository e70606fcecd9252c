"""Where the stored position and the slot do not fit, reading fails loudly and never starts in between."""

import pytest

from include.collect.postgres.slot import Position, lsn_number
from include.core.errors import FatalError
from include.local.postgres import EmbeddedPostgres


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
    assert "trigger collect_<source> with a new snapshot" in caught.value.fix
    assert shop.position() == before
    # What the fix says helps.
    shop.execute("INSERT INTO items VALUES (77)")
    shop.collect(anew=True)
    shop.assert_equal()
    shop.execute("DELETE FROM items WHERE id = 77")
    shop.collect()
    shop.assert_equal()


def test_a_slot_that_is_gone(shop):
    shop.query(f"SELECT pg_drop_replication_slot('{shop.source.slot}')")
    refused(shop, "is gone; changes after .* may be lost")


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
    "exchange",
    [
        lambda p: Position("1", p.timeline, p.lsn),
        lambda p: Position(p.system, 7, p.lsn),
        lambda p: p.at(p.lsn + (1 << 40)),
    ],
)
def test_a_database_that_was_restored_or_exchanged(shop, exchange):
    elsewhere = exchange(Position.parse(shop.position()))
    with shop.reader() as reader, pytest.raises(FatalError, match="is not in the history of this server"):
        next(reader.batches(str(elsewhere), shop.standings()))


def test_a_slot_that_the_server_gave_up_is_announced_and_a_snapshot_continues_the_history(tmp_path, line):
    server = EmbeddedPostgres(tmp_path, {"max_slot_wal_keep_size": "'1MB'", "fsync": "off"})
    server.start()
    try:
        shop = line("items", "bag")
        shop.url = server.url("postgres")
        shop.execute(
            "CREATE TABLE items (id int PRIMARY KEY, name text)",
            "CREATE TABLE bag (word text)",
            "ALTER TABLE bag REPLICA IDENTITY FULL",
            "INSERT INTO items VALUES (1, 'stays'), (2, 'vanishes'), (3, 'changes')",
            "INSERT INTO bag VALUES ('a'), ('a')",
        )
        shop.collect()
        shop.execute(
            "DELETE FROM items WHERE id = 2",
            "UPDATE items SET name = 'changed' WHERE id = 3",
            "INSERT INTO items VALUES (4, 'new')",
            "DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag)",
        )
        shop.let_the_slot_go()
        shop.collect()
        shop.assert_equal()
        assert shop.notes() == {
            2: [f"all tables are taken anew: the server gave slot {shop.source.slot!r} up (wal_removed)"]
        }
        assert shop.landed("items") == [
            (1, "stays", 1, None, 1),
            (2, "vanishes", 1, 2, 1),
            (3, "changes", 1, 2, 1),
            (3, "changed", 2, None, 2),
            (4, "new", 2, None, 2),
        ]
        assert shop.landed("bag") == [("a", 1, 2, 1), ("a", 1, None, 1)]
        shop.execute("INSERT INTO items VALUES (5, 'followed again')")
        shop.collect()
        shop.assert_equal()
    finally:
        server.destroy()


def test_a_position_reads_back_as_it_was_written():
    text = "7312345678901234567:3:16/B374D848"
    assert str(Position.parse(text)) == text
    assert lsn_number("1/0") == 1 << 32
