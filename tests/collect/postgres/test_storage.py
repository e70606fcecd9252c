"""What the source's log does not tell is noticed by the catalog's entries, and the table is taken anew."""

import pytest

from include.collect.postgres.storage import Storage
from include.core.batch import Table

TYPES = (
    "CREATE TYPE mood AS ENUM ('ok', 'so so')",
    "CREATE DOMAIN wish AS mood",
    "CREATE TYPE moods AS RANGE (subtype = mood)",
    "CREATE TYPE spot AS (x int, label text)",
)
VALUES = "'ok', '{ok,NULL}', 'so so', '[ok,so so]', ROW(1, 'a')"
INSERT = f"INSERT INTO items VALUES (1, {VALUES}), (2, {VALUES})"
# Changes of types, each of which prints values of these columns otherwise than they were landed.
RESPELLED = [
    ("mood, many, wish, span", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'"),
    (
        "mood, many, wish, span",
        "ALTER TYPE mood RENAME VALUE 'so so' TO 'bad'",
        "INSERT INTO items (id, mood) VALUES (3, 'bad')",
        "ALTER TYPE mood RENAME VALUE 'bad' TO 'so so'",
    ),
    ("spot", "ALTER TYPE spot ADD ATTRIBUTE y int", "INSERT INTO items (id, spot) VALUES (4, ROW(4, 'd', 4))"),
    ("spot", "ALTER TYPE spot DROP ATTRIBUTE label"),
]
# Changes after which whatever was written in between is not in the log.
UNPUBLISHED = [
    ("ALTER PUBLICATION {} DROP TABLE items", "ALTER PUBLICATION {} ADD TABLE ONLY items"),
    ("ALTER PUBLICATION {} SET TABLE items WHERE (id < 2)", "ALTER PUBLICATION {} SET TABLE items"),
    ("ALTER PUBLICATION {} SET TABLE items (id)", "ALTER PUBLICATION {} SET TABLE items"),
    (
        "ALTER PUBLICATION {} SET (publish = 'insert')",
        "ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate')",
    ),
    ("DROP PUBLICATION {}", "CREATE PUBLICATION {} FOR TABLES IN SCHEMA public"),
    ("ALTER PUBLICATION {} DROP TABLES IN SCHEMA public", "ALTER PUBLICATION {} ADD TABLES IN SCHEMA public"),
    ("DROP PUBLICATION {}", "CREATE PUBLICATION {} FOR ALL TABLES"),
    ("DROP PUBLICATION {}", "CREATE PUBLICATION {} FOR ALL TABLES"),
]
ONCE_OUT = "it was not, or not as it is now, in the publication for a while"


@pytest.fixture
def shop(line):
    """Two rows of items whose columns are made of an enum and a composite, in every way there is."""
    shop = line("items")
    shop.execute(
        *TYPES,
        "CREATE TABLE items (id int PRIMARY KEY, mood mood, many mood[], wish wish, span moods, spot spot)",
        INSERT,
    )
    shop.collect()
    return shop


def taken_anew(shop, batch):
    """Why tables were taken anew with a batch."""
    return [note.partition("anew: ")[2] for note in shop.notes().get(batch, []) if "anew" in note]


def test_a_type_whose_values_are_printed_otherwise_now_is_noticed(shop):
    for batch, (columns, *statements) in enumerate(RESPELLED, 2):
        shop.execute(*statements, f"UPDATE items SET id = id + {batch}0 WHERE id = 1")
        shop.collect()
        shop.assert_equal()
        assert taken_anew(shop, batch) == [
            f"a type of its own was changed, so that values are printed otherwise: {columns}"
        ]
    shop.execute("DELETE FROM items WHERE id = 2")
    shop.collect()
    shop.assert_equal()
    assert taken_anew(shop, 6) == []


def test_a_change_that_leaves_values_as_they_are_takes_nothing_anew(shop):
    shop.execute(
        "ALTER TYPE mood ADD VALUE 'better' BEFORE 'ok'",
        "ALTER TYPE spot RENAME ATTRIBUTE label TO name",
        "ALTER TABLE items DROP span",
        "GRANT SELECT ON items TO PUBLIC",
        "CREATE TABLE others (id int PRIMARY KEY)",
        f"ALTER PUBLICATION {shop.source.publication} ADD TABLE others",
        "UPDATE items SET mood = 'better' WHERE id = 1",
    )
    shop.collect()
    shop.assert_equal()
    assert shop.notes() == {2: ["table 'items': column 'span' was dropped"]}


def test_rows_that_are_found_by_a_value_which_is_printed_otherwise_now_are_taken_anew(line):
    shop = line("keyed", "whole")
    shop.execute(
        *TYPES,
        "CREATE TABLE keyed (mood mood PRIMARY KEY)",
        "CREATE TABLE whole (mood mood)",
        "ALTER TABLE whole REPLICA IDENTITY FULL",
        "INSERT INTO keyed VALUES ('ok')",
        "INSERT INTO whole VALUES ('ok'), ('ok')",
    )
    shop.collect()
    shop.execute(
        "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
        "UPDATE keyed SET mood = 'so so'",
        "DELETE FROM whole WHERE ctid = (SELECT min(ctid) FROM whole)",
    )
    shop.collect()
    shop.assert_equal()
    assert len(taken_anew(shop, 2)) == 2
    assert shop.left_out() == {}


def test_a_type_that_changes_while_a_run_is_under_way_is_noticed_by_the_same_run(shop):
    shop.execute("UPDATE items SET mood = 'ok' WHERE id = 1")
    with shop.reader() as reader:
        for number, batch in enumerate(reader.batches(shop.position(), shop.standings())):
            shop.land(batch)
            if number == 0:
                shop.execute("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'")
    shop.assert_equal()
    assert len(taken_anew(shop, 3)) == 1


def test_a_table_that_was_not_wholly_published_for_a_while_is_taken_anew(shop):
    for batch, (out, back) in enumerate(UNPUBLISHED, 2):
        shop.execute(
            "DELETE FROM items WHERE id = 1",
            out.format(shop.source.publication),
            "TRUNCATE items",
            INSERT,
            back.format(shop.source.publication),
            "UPDATE items SET mood = 'ok' WHERE id = 2",
        )
        shop.collect()
        shop.assert_equal()
        assert taken_anew(shop, batch) == [ONCE_OUT]
    shop.execute("DELETE FROM items WHERE id = 2")
    shop.collect()
    shop.assert_equal()
    assert taken_anew(shop, 10) == []


def test_what_an_earlier_release_wrote_down_says_nothing_of_publications():
    assert Storage.of(Table("items", (), ("id",), "7:8:a")) == Storage("7", "8", "a", frozenset())
    stored = Storage("7", "8", "a", frozenset({"table.9.1", "publication.5.1"}))
    assert str(stored) == "7:8:a:publication.5.1,table.9.1"
    assert Storage.of(Table("items", (), ("id",), str(stored))) == stored
