"""A proof compares source and landing at one place in the log, and names what differs."""

import threading

import psycopg2
import pytest

from include.collect.postgres.slot import Position
from include.core.errors import FatalError
from include.core.refs import Reconciliation, TableReconciliation
from include.pipeline.reconcile import reconcile, refuse_unequal
from include.warehouse.connection import transaction
from tests.collect.postgres.conftest import AT, Line

ODD = 'Ämter "x"'


@pytest.fixture
def shop(source_url, warehouse_url):
    shop = Line(source_url, warehouse_url, "items", "bag", ODD)
    shop.execute(
        "CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8,2))",
        "CREATE TABLE bag (word text)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "CREATE TYPE state AS ENUM ('new', 'old')",
        'CREATE TABLE "Ämter ""x""" (id int PRIMARY KEY, "t" state, "_d" int[])',
        "INSERT INTO items SELECT g, 'name ' || g, g FROM generate_series(1, 5) g",
        "INSERT INTO bag VALUES ('a'), ('a'), (NULL)",
        """INSERT INTO "Ämter ""x\""" VALUES (1, 'new', '[5:6]={1,2}'), (2, NULL, NULL)""",
    )
    return shop


def proof_of(shop):
    return reconcile(shop.source, shop.url, shop.warehouse, at=AT)


def tamper(shop, statement):
    """Write past Sluice into the landing; `landing` stands for the landing tables' common prefix."""
    with transaction(shop.warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(statement.replace("landing_", f"landing.{shop.source.name}_"))


def test_a_source_that_was_never_read_is_collected_and_proven(shop):
    proof = proof_of(shop)
    assert proof.equal
    rows = [(table.table, table.source_rows, table.landed_rows) for table in proof.tables]
    assert rows == [("items", 5, 5), ("bag", 3, 3), (ODD, 2, 2)]
    assert Position.parse(shop.position()).lsn <= Position.parse(proof.position).lsn
    refuse_unequal(proof)


def test_rows_that_are_missing_too_many_or_different_are_counted_and_named(shop):
    shop.collect()
    tamper(shop, "DELETE FROM landing_items WHERE id IN (1, 2)")
    tamper(shop, "UPDATE landing_items SET name = 'other' WHERE id = 3")
    tamper(shop, "INSERT INTO landing_items VALUES (9, NULL, 1, 1, NULL, 1)")
    tamper(shop, "UPDATE landing_bag SET word = 'b' WHERE ctid = (SELECT min(ctid) FROM landing_bag)")
    proof = proof_of(shop)
    assert proof.tables == (
        TableReconciliation(table="items", source_rows=5, landed_rows=4, missing=2, extra=1, different=1),
        TableReconciliation(table="bag", source_rows=3, landed_rows=3, missing=1, extra=1),
        TableReconciliation(table=ODD, source_rows=2, landed_rows=2),
    )
    with pytest.raises(FatalError) as refused:
        refuse_unequal(proof)
    assert "2 of 3 tables" in str(refused.value)
    assert "items: 2 rows are missing, 1 are too many, 1 differ (5 at the source, 4 landed)" in str(refused.value)
    shop.collect(anew=True)
    assert proof_of(shop).equal


def test_null_is_told_from_an_empty_text(shop):
    shop.collect()
    tamper(shop, "UPDATE landing_bag SET word = '' WHERE word IS NULL")
    assert proof_of(shop).tables[1] == TableReconciliation(
        table="bag", source_rows=3, landed_rows=3, missing=1, extra=1
    )


def test_a_table_that_is_left_out_is_not_proven(shop):
    shop.collect()
    shop.execute("ALTER TABLE items DROP CONSTRAINT items_pkey")
    proof = proof_of(shop)
    assert [table.equal for table in proof.tables] == [False, True, True]
    with pytest.raises(FatalError, match="items is left out: Table 'items' has no usable replica identity"):
        refuse_unequal(proof)


def test_tables_that_had_to_be_taken_anew_are_proven_in_the_same_run(shop):
    shop.collect()
    shop.execute("ALTER TABLE items ALTER name TYPE varchar(99)", "TRUNCATE bag", "INSERT INTO bag VALUES ('z')")
    assert proof_of(shop).equal
    assert any("taken anew" in note for note in shop.notes()[2])


def test_it_is_proven_at_one_lsn_while_writers_go_on(shop):
    shop.collect()
    wrote, stop = threading.Event(), threading.Event()

    def write(worker):
        connection = psycopg2.connect(shop.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            number = 0
            while not stop.is_set():
                number += 1
                cursor.execute("INSERT INTO items VALUES (%s, 'x', 1)", (worker * 1_000_000 + number,))
                cursor.execute("UPDATE items SET price = price + 1 WHERE id <= 5")
                cursor.execute("DELETE FROM items WHERE id = %s", (worker * 1_000_000 + number - 3,))
                cursor.execute("INSERT INTO bag VALUES (%s)", (str(number % 7),))
                wrote.set()
        connection.close()

    writers = [threading.Thread(target=write, args=(worker,)) for worker in (1, 2)]
    for writer in writers:
        writer.start()
    wrote.wait(20)
    proofs = [proof_of(shop) for _ in range(3)]
    stop.set()
    for writer in writers:
        writer.join()
    assert [proof.equal for proof in proofs] == [True, True, True]
    rows = [proof.tables[1].source_rows for proof in proofs]
    assert rows[0] < rows[1] < rows[2]


def test_a_proof_travels_as_plain_json():
    proof = Reconciliation(
        source="shop", batch=3, position="1:1:0/1", tables=(TableReconciliation(table="items", missing=1),)
    )
    assert Reconciliation.model_validate(proof.model_dump(mode="json")) == proof
