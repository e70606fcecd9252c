"""A standby that keeps a copy of the slot is promoted, and the collection goes on there."""

import time
from contextlib import closing

import pytest

from include.core.errors import FatalError
from include.local.postgres import EmbeddedPostgres
from include.warehouse.connection import connect

SETTINGS = {"fsync": "off", "hot_standby_feedback": "on", "shared_buffers": "'64MB'"}


class Standby(EmbeddedPostgres):
    """A copy of a running server that follows it, and keeps its logical slots when asked to."""

    def __init__(self, home, primary):
        super().__init__(home, SETTINGS | {"sync_replication_slots": "on"})
        self.home.mkdir(parents=True)
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._hand_over(self.data.parent)
        done = primary._run(
            "pg_basebackup",
            "-D",
            str(self.data),
            "-R",
            "-S",
            "standby",
            "-c",
            "fast",
            "-d",
            primary.url("postgres"),
        )
        assert done.returncode == 0, done.stderr
        self._write({"port": 0, "password": primary.password})
        with (self.data / "postgresql.auto.conf").open("a") as config:
            config.write(f"primary_conninfo = '{primary.url('postgres')}'\n")

    def promote(self):
        done = self._run("pg_ctl", "promote", "-w", "-D", str(self.data))
        assert done.returncode == 0, done.stderr


@pytest.fixture
def primary(tmp_path):
    server = EmbeddedPostgres(tmp_path / "primary", SETTINGS)
    server.start()
    with closing(connect(server.url("postgres"))) as connection:
        connection.cursor().execute("SELECT pg_create_physical_replication_slot('standby')")
        connection.commit()
    yield server
    server.destroy()


@pytest.fixture
def standby(tmp_path, primary):
    server = Standby(tmp_path / "standby", primary)
    yield server
    server.destroy()


@pytest.fixture
def shop(line, primary):
    shop = line("items")
    shop.url = primary.url("postgres")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY, name text)", "INSERT INTO items VALUES (1, 'primary')")
    shop.collect()
    return shop


def asked(server, question):
    with closing(connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(question)
        return cursor.fetchall()


def copy_the_slot(shop, primary, standby):
    """Let the primary's slot move on until the standby has a copy of it to go on from."""
    slot = f"SELECT synced AND NOT temporary FROM pg_replication_slots WHERE slot_name = '{shop.source.slot}'"
    deadline = time.monotonic() + 60
    number = 1000
    while asked(standby, slot) != [(True,)]:
        assert time.monotonic() < deadline
        number += 1
        # What a busy primary logs by itself now and then, and where a slot may be copied from.
        shop.query("SELECT pg_log_standby_snapshot()")
        shop.execute(f"INSERT INTO items VALUES ({number}, 'on the way')")
        shop.collect()
        time.sleep(0.2)


def caught_up(primary, standby):
    [(end,)] = asked(primary, "SELECT pg_current_wal_lsn()::text")
    deadline = time.monotonic() + 60
    while asked(standby, f"SELECT pg_last_wal_replay_lsn() >= '{end}'") != [(True,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_after_a_promotion_the_collection_goes_on_from_the_copy_of_the_slot(shop, primary, standby):
    standby.start()
    copy_the_slot(shop, primary, standby)
    shop.execute("UPDATE items SET name = 'not yet collected' WHERE id = 1")
    caught_up(primary, standby)
    primary.stop()
    standby.promote()
    shop.url = standby.url("postgres")
    shop.execute("INSERT INTO items VALUES (2, 'standby')")
    shop.collect()
    shop.assert_equal()
    assert shop.position().split(":")[1] == "2"
    assert shop.landed("items", "name", "id = 1") == [("primary",), ("not yet collected",)]
    assert shop.notes() == {}
    shop.execute("DELETE FROM items WHERE id = 1")
    shop.collect()
    shop.assert_equal()


def test_a_standby_promoted_without_what_had_been_read_is_refused_until_a_new_snapshot_is_asked_for(
    shop, primary, standby
):
    standby.start()
    caught_up(primary, standby)
    asked(standby, "SELECT pg_wal_replay_pause()")
    shop.execute("INSERT INTO items VALUES (2, 'read, and lost with the primary')")
    shop.collect()
    before = shop.position()
    primary.stop()
    # What had been received but not replayed goes with the log that is taken away here.
    standby.promote()
    shop.url = standby.url("postgres")
    shop.execute("INSERT INTO items VALUES (3, 'standby')")
    with pytest.raises(FatalError, match=r"is gone|is not in the history of this server"):
        shop.collect()
    assert shop.position() == before
    shop.collect(anew=True)
    shop.assert_equal()
