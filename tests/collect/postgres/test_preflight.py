"""Preflight names every fault at once, each with its fix, and leaves the source as it was."""

from contextlib import closing

import psycopg2
import pytest

from include.collect.postgres import preflight
from include.core.errors import FatalError
from include.local.postgres import EmbeddedPostgres
from include.specs import PostgresSource
from include.warehouse.connection import connect


def faults(shop, url=None):
    with closing(connect(url or shop.url)) as connection, pytest.raises(FatalError) as caught:
        preflight(connection, shop.source)
    return [line for line in str(caught.value).splitlines() if line.startswith("- ")]


@pytest.fixture
def login(postgres):
    """Makes a plain login for a shop's database and returns its URL."""
    made = []

    def make(shop, name, *grants):
        owner = shop.url
        shop.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        made.append((owner, name))
        shop.execute(*grants)
        return postgres.url(owner.rsplit("/", 1)[1], user=name, password="x")

    yield make
    for owner, name in made:
        with closing(psycopg2.connect(owner)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_every_faulty_table_is_named_with_its_fix(line):
    shop = line("missing", "keyless", "nothing", "late", "parts", "seen", "fleeting", "fine", "full", "indexed")
    shop.execute(
        "CREATE TABLE keyless (n int)",
        "CREATE TABLE nothing (id int PRIMARY KEY)",
        "ALTER TABLE nothing REPLICA IDENTITY NOTHING",
        "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE)",
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parts DEFAULT",
        "ALTER TABLE part REPLICA IDENTITY NOTHING",
        "CREATE VIEW seen AS SELECT 1 AS id",
        "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)",
        "CREATE TABLE fine (id int PRIMARY KEY)",
        "CREATE TABLE indexed (id int NOT NULL UNIQUE)",
        "ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_id_key",
        'CREATE TABLE "full" (n int)',
        'ALTER TABLE "full" REPLICA IDENTITY FULL',
    )
    found = faults(shop)
    expected = [
        "table 'missing' does not exist. Fix: correct the source's tables",
        "table 'keyless' has no usable replica identity (no primary key that is checked at once). Fix: add a",
        "table 'nothing' has no usable replica identity (REPLICA IDENTITY NOTHING). Fix: add a primary",
        "table 'late' has no usable replica identity (no primary key",
        "table 'parts' has a partition whose replica identity does not identify its rows. Fix: ALTER TABLE",
        "table 'seen' is a view. Fix: declare the tables that it reads",
        "table 'fleeting' is unlogged or temporary",
    ]
    assert [line[2 : 2 + len(start)] for line, start in zip(found, expected, strict=True)] == expected


def test_a_refused_table_is_not_published_so_the_sources_own_updates_go_on(line):
    shop = line("fine", "keyless")
    shop.execute(
        "CREATE TABLE fine (id int PRIMARY KEY)", "CREATE TABLE keyless (n int)", "INSERT INTO keyless VALUES (1)"
    )
    with pytest.raises(FatalError, match="'keyless' has no usable replica identity"):
        shop.collect()
    shop.execute("UPDATE keyless SET n = 2")
    assert shop.query("SELECT count(*) FROM pg_publication") == [(0,)]
    assert shop.slot() is None


def test_a_login_without_rights_is_told_each_statement_that_gives_them(line, login):
    shop = line("items", "secrets")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY)", "CREATE TABLE secrets (id int PRIMARY KEY)")
    url = login(shop, "plain_reader", "GRANT SELECT ON items TO plain_reader")
    assert faults(shop, url) == [
        "- login 'plain_reader' may not replicate. Fix: ALTER ROLE \"plain_reader\" REPLICATION.",
        "- login 'plain_reader' may not read table 'secrets'. Fix: GRANT USAGE ON SCHEMA \"public\" TO"
        ' "plain_reader"; GRANT SELECT ON "public"."secrets" TO "plain_reader".',
        "- the login may not publish 'items', 'secrets': that takes the tables' owner, with CREATE on the"
        f' database. Fix: as owner: CREATE PUBLICATION "{shop.source.publication}" FOR TABLE ONLY'
        ' "public"."items", ONLY "public"."secrets" WITH (publish_via_partition_root = true).',
    ]


def test_a_login_with_just_the_rights_that_were_named_can_collect(line, login):
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY)", "INSERT INTO items VALUES (1)")
    url = login(
        shop,
        "plain_replicator",
        "ALTER ROLE plain_replicator REPLICATION",
        "GRANT SELECT ON items TO plain_replicator",
        f"CREATE PUBLICATION {shop.source.publication} FOR TABLE ONLY items",
    )
    shop.url, owner = url, shop.url
    assert [batch.changes for batch in shop.collect()] == [{"items": 1}]
    shop.url = owner
    shop.execute("INSERT INTO items VALUES (2)")
    shop.url = url
    assert [batch.changes for batch in shop.collect()] == [{"items": 1}]


def test_row_level_security_that_would_hide_rows_is_a_fault(line, login):
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY)", "ALTER TABLE items ENABLE ROW LEVEL SECURITY")
    url = login(
        shop,
        "plain_hidden",
        "ALTER ROLE plain_hidden REPLICATION",
        "GRANT SELECT ON items TO plain_hidden",
        f"CREATE PUBLICATION {shop.source.publication} FOR TABLE ONLY items",
    )
    assert faults(shop, url) == [
        "- row-level security hides rows of table 'items' from login 'plain_hidden'. Fix: ALTER ROLE"
        ' "plain_hidden" BYPASSRLS.'
    ]


@pytest.mark.parametrize(
    ("publication", "says"),
    [
        ("FOR TABLE items WITH (publish = 'insert')", "leaves out some kinds of change"),
        ("FOR TABLE items (id)", "leaves out rows or columns of table 'items'"),
        ("FOR TABLE items WHERE (id > 1)", "leaves out rows or columns of table 'items'"),
    ],
)
def test_a_publication_that_leaves_something_out_is_refused(line, publication, says):
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY, name text)")
    shop.execute(f"CREATE PUBLICATION {shop.source.publication} {publication}")
    (fault,) = faults(shop)
    assert says in fault


def test_a_server_that_is_not_set_up_for_it_says_which_settings(tmp_path):
    server = EmbeddedPostgres(
        tmp_path, {"wal_level": "replica", "max_replication_slots": "1", "max_wal_senders": "0", "fsync": "off"}
    )
    server.start()
    try:
        with closing(connect(server.url("postgres"))) as connection:
            connection.cursor().execute("SELECT pg_create_physical_replication_slot('taken')")
            connection.cursor().execute("CREATE TABLE public.items (id int PRIMARY KEY)")
            with pytest.raises(FatalError) as caught:
                preflight(connection, PostgresSource(name="shop", connection="x", tables=("items",)))
    finally:
        server.destroy()
    assert [line for line in str(caught.value).splitlines() if line.startswith("- ")] == [
        "- the server's wal_level is replica, logical replication needs logical. Fix: ALTER SYSTEM SET wal_level ="
        " 'logical' and restart the server.",
        "- all 1 replication slots are taken. Fix: raise max_replication_slots to at least 2, or drop a slot that"
        " nobody reads.",
        "- all 0 WAL senders are busy. Fix: raise max_wal_senders to at least 1.",
    ]
