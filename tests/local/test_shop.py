"""The sample shop as a source: its reader may read and replicate, and may not write."""

import psycopg2
import pytest
from psycopg2.extras import LogicalReplicationConnection

from include.local import shop
from include.specs import PostgresSource

SOURCE = PostgresSource(name="shop", connection="shop", tables=("payments", "public.orders", "not_there"))
SECRETS = {"shop": "the owner's", "shop_reader": "the reader's"}


@pytest.fixture(scope="module")
def prepared(postgres):
    postgres.create_database(shop.DATABASE)
    shop.prepare(postgres, SECRETS, [SOURCE])
    shop.prepare(postgres, SECRETS, [SOURCE])
    return postgres


def test_the_reader_sees_every_table_and_writes_none(prepared):
    connection = psycopg2.connect(shop.reader_url(prepared, SECRETS))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) > 1000 FROM payments")
        assert cursor.fetchone() == (True,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("DELETE FROM payments")
    connection.close()


def test_tables_that_the_owner_adds_later_are_readable_too(prepared):
    owner = psycopg2.connect(shop.owner_url(prepared, SECRETS))
    with owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE added AS SELECT 1 AS id")
    owner.close()
    reader = psycopg2.connect(shop.reader_url(prepared, SECRETS))
    with reader.cursor() as cursor:
        cursor.execute("SELECT id FROM added")
        assert cursor.fetchall() == [(1,)]
    reader.close()


def test_the_reader_may_open_a_replication_slot(prepared):
    connection = psycopg2.connect(
        shop.reader_url(prepared, SECRETS), connection_factory=LogicalReplicationConnection
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE_REPLICATION_SLOT trial TEMPORARY LOGICAL pgoutput")
        assert cursor.fetchone()[0] == "trial"
    connection.close()


def published(postgres):
    connection = psycopg2.connect(shop.reader_url(postgres, SECRETS))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_publication_tables WHERE pubname = 'sluice_shop' ORDER BY 1")
        found = [table for (table,) in cursor.fetchall()]
    connection.close()
    return found


def test_the_tables_of_the_catalog_are_published_and_one_that_is_added_later_joins_them(prepared):
    assert published(prepared) == ["orders", "payments"]
    more = SOURCE.model_copy(update={"tables": (*SOURCE.tables, "customers")})
    shop.prepare(prepared, SECRETS, [more])
    assert published(prepared) == ["customers", "orders", "payments"]
