"""Older servers are read as well: what depends on the version is tried on each that is here."""

from pathlib import Path

import pytest

from include.local.postgres import EmbeddedPostgres

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


class Debian(EmbeddedPostgres):
    """Debian's own server, of the version whose programs lie in that folder."""

    def _binaries(self):
        return DEBIAN_15


@pytest.fixture(
    scope="module",
    params=[
        16,
        pytest.param(
            15, marks=pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's PostgreSQL 15 is not here")
        ),
    ],
)
def server(request, tmp_path_factory):
    settings = {"fsync": "off", "max_slot_wal_keep_size": "'1MB'"}
    home = tmp_path_factory.mktemp("older")
    server = (
        Debian(home, settings) if request.param == 15 else EmbeddedPostgres(home, settings, version=request.param)
    )
    server.start()
    yield server, request.param
    server.destroy()


@pytest.fixture
def shop(line, server):
    shop = line("items", "bag", "parts")
    shop.url = server[0].url("postgres")
    shop.execute(
        "DROP TABLE IF EXISTS items, bag, parts, parts_1",
        f"DROP PUBLICATION IF EXISTS {shop.source.publication}",
        "CREATE TABLE items (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED, body text)",
        "ALTER TABLE items ALTER body SET STORAGE EXTERNAL",
        "CREATE TABLE bag (word text)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE parts_2 PARTITION OF parts DEFAULT",
        "INSERT INTO items (id, n, body) SELECT g, g, repeat('t', 9000) FROM generate_series(1, 9) g",
        "INSERT INTO bag VALUES ('a'), ('a')",
        "INSERT INTO parts VALUES (1), (11)",
    )
    shop.collect()
    yield shop
    shop.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        f" WHERE slot_name = '{shop.source.slot}' AND NOT active"
    )


def test_the_server_is_of_the_version_that_is_meant(shop, server):
    assert int(shop.query("SELECT current_setting('server_version_num')")[0][0]) // 10_000 == server[1]


def test_every_kind_of_change_lands_and_generated_columns_are_in_neither_snapshot_nor_stream(shop):
    shop.execute(
        "UPDATE items SET n = 20 WHERE id = 2",
        "UPDATE items SET id = 33, n = 7 WHERE id = 3",
        "DELETE FROM items WHERE id = 4",
        "DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag)",
        "UPDATE parts SET id = 12 WHERE id = 1",
        "TRUNCATE parts_2",
        "INSERT INTO parts VALUES (5)",
    )
    shop.collect()
    shop.assert_equal()
    assert shop.as_of("items")[0] == ["id", "n", "body"]
    assert shop.current("items", "length(body)") == [(9000,)] * 8


def test_changes_of_shape_are_followed(shop):
    shop.execute(
        "ALTER TABLE items ADD colour text DEFAULT 'red'",
        "UPDATE items SET n = 0 WHERE id = 1",
        "ALTER TABLE bag RENAME word TO term",
        "ALTER TABLE parts DETACH PARTITION parts_1",
    )
    shop.collect()
    shop.assert_equal()
    shop.execute("ALTER TABLE items DROP twice, ALTER n TYPE bigint", "UPDATE items SET n = 5000000000")
    shop.collect()
    shop.assert_equal()


def test_a_slot_that_the_server_gave_up_is_made_anew(shop):
    shop.execute("DELETE FROM items WHERE id = 1", "INSERT INTO bag VALUES ('b')")
    shop.let_the_slot_go()
    shop.collect()
    shop.assert_equal()
    assert "all tables are taken anew: the server gave slot" in shop.notes()[2][0]
