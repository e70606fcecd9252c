"""What the stream makes of rows: keys, TOAST, NULL, TRUNCATE and every name, exactly."""

import pytest

from include.core.errors import FatalError
from include.pipeline.collect import refuse_incomplete
from include.warehouse.tables import landing_table

LONG = "CREATE TABLE docs (id int PRIMARY KEY, body text, state text)"
EXTERNAL = "ALTER TABLE docs ALTER body SET STORAGE EXTERNAL"
BODY = "left(body, 3), length(body), state, _seq_from, _seq_to"


@pytest.fixture
def docs(line):
    shop = line("docs")
    shop.execute(LONG, EXTERNAL, "INSERT INTO docs VALUES (1, repeat('a', 9000), 'new'), (2, NULL, 'new')")
    shop.collect()
    return shop


def test_an_unchanged_toasted_value_is_the_one_before_within_and_across_batches(docs):
    docs.execute("UPDATE docs SET state = 'x' WHERE id = 1", "UPDATE docs SET state = 'y' WHERE id = 1")
    docs.collect()
    docs.execute(
        "UPDATE docs SET state = 'z' WHERE id = 1",
        "UPDATE docs SET body = repeat('b', 8000) WHERE id = 1",
        "UPDATE docs SET state = 'end' WHERE id = 1",
    )
    docs.collect()
    assert docs.landed("docs", BODY, "id = 1") == [
        ("aaa", 9000, "new", 1, 2),
        ("aaa", 9000, "x", 2, 3),
        ("aaa", 9000, "y", 3, 4),
        ("aaa", 9000, "z", 4, 5),
        ("bbb", 8000, "z", 5, 6),
        ("bbb", 8000, "end", 6, None),
    ]


def test_a_source_may_keep_of_each_batch_the_last_version_alone(docs):
    docs.execute("UPDATE docs SET state = 'x'", "UPDATE docs SET state = 'y' WHERE id = 1")
    assert [batch.changes for batch in docs.collect(history="last")] == [{"docs": 2}]
    assert docs.landed("docs", BODY, "id = 1") == [("aaa", 9000, "new", 1, 2), ("aaa", 9000, "y", 2, None)]


def test_null_is_told_apart_from_unchanged(docs):
    docs.execute("UPDATE docs SET body = NULL WHERE id = 1", "UPDATE docs SET state = 'x'")
    docs.collect()
    assert docs.current("docs", "id, body, state") == [(1, None, "x"), (2, None, "x")]


def test_under_full_identity_an_unchanged_value_comes_from_the_old_row(docs):
    docs.execute("ALTER TABLE docs REPLICA IDENTITY FULL", "UPDATE docs SET state = 'x' WHERE id = 1")
    docs.execute("UPDATE docs SET id = 7 WHERE id = 1")
    docs.collect()
    assert docs.landed("docs", "id, " + BODY, "id <> 2") == [
        (1, "aaa", 9000, "new", 1, 2),
        (1, "aaa", 9000, "x", 2, 3),
        (7, "aaa", 9000, "x", 4, None),
    ]


def test_a_change_of_key_closes_the_old_row_and_opens_the_new_with_its_toasted_value(docs):
    docs.execute("UPDATE docs SET id = id + 10", "UPDATE docs SET id = id - 9 WHERE id = 11")
    docs.collect()
    assert docs.landed("docs", "id, length(body), _seq_from, _seq_to") == [
        (1, 9000, 1, 2), (2, None, 1, 3), (11, 9000, 2, 5), (12, None, 4, None), (2, 9000, 5, None),
    ]  # fmt: skip


def test_a_delete_names_only_the_key_and_ends_the_row(docs):
    docs.execute("DELETE FROM docs WHERE id = 1", "INSERT INTO docs VALUES (1, 'short', 'back')")
    docs.collect()
    assert docs.landed("docs", "body = 'short', _seq_from, _seq_to", "id = 1") == [(False, 1, 2), (True, 3, None)]


def test_a_toasted_key_is_not_guessed_and_keeps_no_other_table_from_landing(line):
    shop = line("keys", "others")
    shop.execute(
        "CREATE TABLE keys (k text NOT NULL, n int)",
        "ALTER TABLE keys ALTER k SET STORAGE EXTERNAL",
        "CREATE UNIQUE INDEX keys_k ON keys (k)",
        "ALTER TABLE keys REPLICA IDENTITY USING INDEX keys_k",
        "INSERT INTO keys VALUES (repeat('k', 2500), 1)",
        "CREATE TABLE others (id int PRIMARY KEY)",
    )
    shop.collect()
    shop.execute("UPDATE keys SET n = 2", "INSERT INTO others VALUES (1)")
    shop.collect()
    shop.assert_equal("others")
    assert "Column 'k' of table 'keys' is part of the key" in shop.left_out()["keys"]
    assert shop.current("keys", "n") == [(1,)]
    with pytest.raises(
        FatalError, match=r"1 of 2 tables .* left out.*\n- keys: Column 'k'.* short columns"
    ) as caught:
        refuse_incomplete(shop.warehouse, shop.source)
    assert "takes them in again by a snapshot" in caught.value.fix


def test_one_truncate_ends_the_rows_of_every_table_it_names(line):
    shop = line("a", "b", "c")
    shop.execute(*(f"CREATE TABLE {t} (id int PRIMARY KEY)" for t in "abc"))
    shop.execute(*(f"INSERT INTO {t} VALUES (1)" for t in "abc"))
    shop.collect()
    shop.execute(("INSERT INTO a VALUES (2)", "TRUNCATE a, b", "INSERT INTO a VALUES (3)"))
    assert [batch.changes for batch in shop.collect()] == [{"a": 4, "b": 1}]
    assert shop.landed("a") == [(1, 1, 3, 1), (2, 2, 3, 2), (3, 5, None, 2)]
    assert shop.landed("b") == [(1, 1, 4, 1)]
    assert shop.landed("c") == [(1, 1, None, 1)]


def test_a_table_without_a_key_is_read_under_full_identity_and_duplicates_count(line):
    shop = line("bag")
    shop.execute(
        "CREATE TABLE bag (word text, at point)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "INSERT INTO bag VALUES ('a', '(1,2)'), ('a', '(1,2)'), ('a', '(1,2)'), (NULL, NULL)",
    )
    shop.collect()
    shop.execute(
        "DELETE FROM bag WHERE ctid = (SELECT max(ctid) FROM bag WHERE word = 'a')",
        "UPDATE bag SET word = 'b' WHERE word IS NULL",
        "INSERT INTO bag VALUES ('a', '(1,2)')",
    )
    shop.collect()
    assert shop.current("bag", "word, at::text") == [("a", "(1,2)")] * 3 + [("b", None)]
    assert shop.tally("bag", "word", "_seq_to IS NULL") == [
        ("a", False, 1),
        ("a", True, 3),
        ("b", True, 1),
        (None, False, 1),
    ]


def test_using_index_identity_the_index_is_the_key(line):
    shop = line("items")
    shop.execute(
        "CREATE TABLE items (n int, code text NOT NULL, part int NOT NULL)",
        "CREATE UNIQUE INDEX items_code ON items (part, code)",
        "ALTER TABLE items REPLICA IDENTITY USING INDEX items_code",
        "INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 1)",
    )
    shop.collect()
    shop.execute(
        "UPDATE items SET code = 'c' WHERE n = 1",
        "UPDATE items SET n = 5 WHERE n = 2",
        "DELETE FROM items WHERE n = 5",
    )
    shop.collect()
    assert shop.current("items", "n, code, part") == [(1, "c", 1)]


def test_generated_columns_are_in_neither_snapshot_nor_stream(line):
    shop = line("items")
    shop.execute(
        "CREATE TABLE items (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id * 2) STORED,"
        " v int GENERATED ALWAYS AS (id) VIRTUAL, d int GENERATED BY DEFAULT AS IDENTITY)",
        "INSERT INTO items VALUES (1)",
    )
    shop.collect()
    shop.execute("INSERT INTO items VALUES (2)")
    shop.collect()
    assert shop.landed("items") == [(1, 1, 1, None, 1), (2, 2, 2, None, 2)]


@pytest.mark.parametrize("name", ['Order "lines"', "größe", "ß" * 31 + "x", "a.b", "select", "%s {x} 'q'"])
def test_names_of_tables_and_columns_may_be_anything_postgres_allows(line, name):
    shop = line(name)
    quoted = '"' + name.replace('"', '""') + '"'
    shop.execute(
        f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY, c0 text, _seq text)", f"INSERT INTO {quoted} VALUES (1)"
    )
    shop.collect()
    shop.execute(f"UPDATE {quoted} SET {quoted} = 2", f"INSERT INTO {quoted} VALUES (3, 'a', 'b')")
    shop.collect()
    table = landing_table(shop.source.name, name).removeprefix(shop.source.name + "_").replace('"', '""')
    assert shop.landed(table) == [
        (1, None, None, 1, 2, 1), (2, None, None, 3, None, 2), (3, "a", "b", 4, None, 2),
    ]  # fmt: skip


def test_a_table_of_another_schema_is_named_with_it(line):
    shop = line("sales.items", "items")
    shop.execute(
        "CREATE SCHEMA sales", *(f"CREATE TABLE {s}.items (id int PRIMARY KEY)" for s in ("sales", "public"))
    )
    shop.collect()
    shop.execute("INSERT INTO sales.items VALUES (1)", "INSERT INTO items VALUES (2)")
    assert [batch.changes for batch in shop.collect()] == [{"sales.items": 1, "items": 1}]
    assert (shop.current("sales.items", "id"), shop.current("items", "id")) == ([(1,)], [(2,)])


def test_an_heir_is_a_table_of_its_own(line):
    shop = line("parents")
    shop.execute(
        "CREATE TABLE parents (id int PRIMARY KEY)",
        "CREATE TABLE heirs () INHERITS (parents)",
        "INSERT INTO parents VALUES (1)",
        "INSERT INTO heirs VALUES (2)",
    )
    shop.collect()
    shop.execute("INSERT INTO heirs VALUES (3)", "INSERT INTO parents VALUES (4)")
    shop.collect()
    assert shop.current("parents", "id") == [(1,), (4,)]
