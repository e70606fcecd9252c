"""What the stream makes of rows: keys, TOAST, NULL, TRUNCATE, every type and every name, exactly."""

import pytest

from include.core.errors import FatalError
from include.pipeline.collect import refuse_incomplete
from include.warehouse.connection import transaction
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


# A type, values of it that other readers lose, and whether it is landed as itself.
TYPES = [
    ("double precision", ["'NaN'", "'-Infinity'", "0.1::float8 + 0.2", "'-0'", "5e-324"], True),
    ("real", ["'NaN'", "1e-45", "16777217"], True),
    ("numeric", ["'NaN'", "'Infinity'", "'-Infinity'", "1.00", "repeat('9', 200)::numeric + 0.5"], True),
    ("numeric(10,2)", ["12345678.90", "'NaN'"], True),
    (
        "timestamp with time zone",
        [
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 12:00 BC'",
            "'294276-12-31'",
            "'2026-01-01 01:02:03.456789+05:30'",
        ],
        True,
    ),
    ("timestamp(3) without time zone", ["'4713-01-01 BC'", "'2026-01-01 01:02:03.456'"], True),
    ("date", ["'infinity'", "'0001-01-01 BC'", "'5874897-12-31'"], True),
    ("interval", ["'-1 year 2 mons -3 days 04:05:06.789'", "'infinity'"], True),
    ("time with time zone", ["'24:00:00-15:59'"], True),
    ("boolean", ["true", "false"], True),
    ("bytea", [r"'\x00ff5c'", "''"], True),
    ("text", ["''", "'NULL'", r"'\N'", "E'a\\tb\\nc\\\\'", "'ü\U0001f600'"], True),
    ("character(5)", ["'ab'", "''"], True),
    ("character varying(3)", ["'abc'"], True),
    ('"char"', ["'x'"], True),
    ("jsonb", ["""'{"a": [1, null, "x"]}'""", "'null'", "'1.00'"], True),
    ("json", ["""'{"a":  1, "a": 2}'"""], True),
    ("uuid", ["'00000000-0000-0000-0000-00000000000a'"], True),
    ("inet", ["'10.0.0.1'", "'::1/64'"], True),
    ("bit varying(5)", ["B'101'"], True),
    ("int4range", ["'[1,5)'", "'empty'", "'(,3]'"], True),
    ("integer[]", ["'[2:3]={1,NULL}'", "'{}'", "'{{1,2},{3,4}}'"], True),
    ("text[]", ["""'{"a,b","NULL",NULL,""}'"""], True),
    ("timestamp with time zone[]", ["'{infinity,2026-01-01}'"], True),
    ("tsvector", ["'a:1 b:2'"], True),
    ("public.mood", ["'so so'"], False),
    ("public.truth", ["true"], False),
    ("public.spot", ["ROW(1, 'a,b')", "ROW(NULL, NULL)"], False),
    ("public.mood[]", ["'{ok,\"so so\"}'"], False),
    ("money", ["'12.34'"], False),
    ("regclass", ["'pg_class'"], False),
]


def test_every_type_comes_through_snapshot_and_stream_exactly(line):
    shop = line("types")
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _, _) in enumerate(TYPES))
    shop.execute(
        "CREATE TYPE mood AS ENUM ('ok', 'so so')",
        "CREATE DOMAIN truth AS boolean",
        "CREATE TYPE spot AS (x int, label text)",
        f"CREATE TABLE types (id text PRIMARY KEY, {columns})",
    )
    inserts = [
        f"INSERT INTO types (id, c{n}) VALUES ('SOURCE {n} {m}', {value})"
        for n, (_, values, _) in enumerate(TYPES)
        for m, value in enumerate(values)
    ]
    shop.execute(tuple(statement.replace("SOURCE", "snapshot") for statement in inserts))
    shop.collect()
    shop.execute(tuple(statement.replace("SOURCE", "stream") for statement in inserts))
    shop.collect()
    # Compared as text: that is the type's own notion of exactness, and Python has no year 294276.
    whole = "types::text"
    expected = sorted(text for (text,) in shop.query(f"SELECT {whole} FROM public.types"))
    own = ", ".join(f"c{n}" for n in range(len(TYPES)))
    landed = sorted(text for (text,) in shop.landed("types", f"ROW(id, {own})::text"))
    assert landed == expected
    kinds = dict(shop_types(shop))
    assert {kind: kinds[f"c{n}"] for n, (kind, _, _) in enumerate(TYPES)} == {
        kind: kind if same else "text" for kind, _, same in TYPES
    }


def shop_types(shop):
    with transaction(shop.warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0",
            (f'landing."{shop.source.name}_types"',),
        )
        return cursor.fetchall()


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
