"""Personal values are replaced in snapshot and stream alike, whatever their type, wherever a change names them."""

import io
import struct
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.collect.postgres.pseudonyms import PseudonymisedCopy
from include.collect.pseudonyms import Fields
from include.core.batch import COPY_HEADER, COPY_TRAILER, Column, Table, frame
from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey
from include.specs import Pii

KEY = PseudonymKey("people", "k1", b"a test's own key, 32 bytes long.")


def pseudonym(text):
    return None if text is None else KEY.pseudonym(text.encode()).decode()


def copied(rows, header=COPY_HEADER):
    """The rows as COPY BINARY has them."""
    tuples = (struct.pack("!h", len(row)) + b"".join(map(frame, row)) for row in rows)
    return header + b"".join(tuples) + COPY_TRAILER


VALUES = st.none() | st.text(st.characters(codec="utf-8"), max_size=12) | st.just("x" * 3_000)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES, VALUES, st.just("12345678")), max_size=6),
    st.binary(max_size=5),
    st.lists(st.integers(1, 40) | st.integers(41, 10_000), min_size=1, max_size=5),
)
def test_a_copy_stream_in_pieces_of_any_size_is_replaced_like_its_rows_one_by_one(rows, extension, sizes):
    shape = Table("people", tuple(Column(name, "text") for name in ("id", "name", "mail")), ())
    fields = Fields(shape, {"name": "exact", "mail": "casefold"}, KEY)
    header = COPY_HEADER[:-4] + struct.pack("!i", len(extension)) + extension
    stream, target = copied(rows, header), io.BytesIO()
    file, at, turn = PseudonymisedCopy(target, fields), 0, count()
    while at < len(stream):
        piece = stream[at : at + sizes[next(turn) % len(sizes)]]
        assert file.write(piece) == len(piece)
        at += len(piece)

    def landed(place, value):
        return value if value is None else fields.pseudonym(place, value.encode())[4:]

    expected = [(row[0], landed(1, row[1]), landed(2, row[2]), row[3]) for row in rows]
    assert target.getvalue() == copied(expected, header)


def test_without_its_key_a_source_with_personal_columns_is_not_read(line):
    shop = line("people", pii={"people": ("mail",)}, key_domain="patients")
    with pytest.raises(FatalError, match="of key domain 'patients', and got no key"):
        shop.collect()
    shop.key = KEY
    with pytest.raises(FatalError, match="of key domain 'patients', and got the key of 'people'"):
        shop.collect()


TYPES = {
    "int": "42",
    "numeric": "1.0",
    "numeric(9, 3)": "1.0",
    "float8": "0.1",
    "boolean": "true",
    "text": "Chloé",
    "varchar(20)": " b ",
    "char(5)": "c",
    "date": "2026-02-28",
    "timestamptz": "2026-02-28 12:00:00.5+03",
    "interval": "36 hours",
    "uuid": "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}",
    "bytea": "\\x00ff",
    "jsonb": '{"b": 1, "a": [2]}',
    "text[]": '{a,"b c",NULL}',
    "inet": "10.0.0.1/8",
    "public.mood": "glad",
    "public.yes": "true",
    "public.place": "(1,)",
}


def test_a_value_of_any_type_is_taken_as_the_text_that_postgres_prints_in_snapshot_and_stream(line):
    names = [f"c{place}" for place in range(len(TYPES))]
    shop = line("people", pii={"people": tuple(names)}, key_domain="people", key=KEY)
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, TYPES, strict=True))
    values = ", ".join(f"'{value}'" for value in TYPES.values())
    shop.execute(
        "CREATE TYPE mood AS ENUM ('glad')", "CREATE DOMAIN yes AS boolean", "CREATE TYPE place AS (a int, b int)",
        f"CREATE TABLE people (id int PRIMARY KEY, {columns})", f"INSERT INTO people VALUES (1, {values})",
        "INSERT INTO people VALUES (3)",
    )  # fmt: skip
    shop.collect()
    shop.execute(f"INSERT INTO people VALUES (2, {values})", "INSERT INTO people VALUES (4)")
    shop.collect()
    as_text = ", ".join(f"format('%s', {name})" for name in names)
    printed = shop.query(f"SELECT {as_text} FROM public.people LIMIT 1")
    assert printed[0][:4] == ("42", "1.0", "1.000", "0.1")
    full, nothing = tuple(map(pseudonym, printed[0])), [None] * len(names)
    assert shop.landed("people", f"id, {', '.join(names)}") == [
        (1, *full), (3, *nothing), (2, *full), (4, *nothing),
    ]  # fmt: skip


def test_under_full_identity_old_rows_meet_their_pseudonyms(line):
    shop = line("people", pii={"people": ("mail", "note")}, key_domain="people", key=KEY)
    shop.execute(
        "CREATE TABLE people (mail text PRIMARY KEY, note text, n int)",
        "ALTER TABLE people REPLICA IDENTITY FULL",
        "ALTER TABLE people ALTER note SET STORAGE EXTERNAL",
        "INSERT INTO people VALUES ('a', repeat('n', 9000), 0), ('b', NULL, 0)",
    )
    shop.collect()
    shop.execute(
        "UPDATE people SET n = 1 WHERE mail = 'a'",
        "UPDATE people SET mail = 'c', n = 2 WHERE mail = 'a'",
        "DELETE FROM people WHERE mail = 'b'",
    )
    shop.collect()
    long = pseudonym("n" * 9000)
    assert shop.landed("people") == [
        (pseudonym("a"), long, 0, 1, 2, 1), (pseudonym("b"), None, 0, 1, 5, 1), (pseudonym("a"), long, 1, 2, 3, 2),
        (pseudonym("c"), long, 2, 4, None, 2),
    ]  # fmt: skip


def change(random):
    this, that = random.sample(range(8), 2)
    length = random.choice([3, 9000])
    return random.choice(
        [
            f"INSERT INTO docs SELECT g, repeat('{this}', {length}), 0 FROM generate_series({this}, 7) g"
            " ON CONFLICT DO NOTHING",
            f"UPDATE docs SET n = n + 1 WHERE id % 3 = {that % 3}",
            f"UPDATE docs SET body = repeat('{that}', {length}) WHERE id = {this}",
            f"UPDATE docs SET id = {that}, n = 7 WHERE id = {this} AND {that} NOT IN (SELECT id FROM docs)",
            "UPDATE docs SET id = id + 100 WHERE id < 100 AND id + 100 NOT IN (SELECT id FROM docs)",
            f"DELETE FROM docs WHERE id % 100 = {this}",
            f"INSERT INTO bag VALUES ('{this % 3}', repeat('x', {length})), ('{this % 3}', NULL)",
            f"UPDATE bag SET word = '{that % 3}' WHERE word = '{this % 3}'",
            f"DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag WHERE word = '{this % 3}')",
        ]
    )


def test_after_any_changes_the_landing_is_the_source_under_pseudonyms(line):
    random = Random("pseudonyms")  # noqa: S311
    pii = {"docs": ("id", "body"), "bag": ("body", "word")}
    shop = line("docs", "bag", batch_changes=7, pii=pii, key_domain="people", key=KEY)
    shop.execute(
        "CREATE TABLE docs (id int PRIMARY KEY, body text, n int)",
        "CREATE TABLE bag (word text, body text)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "ALTER TABLE docs ALTER body SET STORAGE EXTERNAL",
        "ALTER TABLE bag ALTER body SET STORAGE EXTERNAL",
        "INSERT INTO docs SELECT g, repeat('s', 9000), 0 FROM generate_series(0, 5) g",
    )
    for _run in range(4):
        shop.execute(*(tuple(change(random) for _ in range(3)) for _transaction in range(12)))
        shop.collect()
        docs = shop.query("SELECT id::text, body, n FROM public.docs")
        bag = shop.query("SELECT word, body FROM public.bag")
        assert shop.current("docs", "id, body, n") == sorted(
            ((pseudonym(key), pseudonym(body), n) for key, body, n in docs), key=repr
        )
        assert shop.current("bag", "word, body") == sorted((tuple(map(pseudonym, row)) for row in bag), key=repr)


def test_a_personal_column_that_the_table_does_not_store_is_a_fault_told_before_anything_is_read(line):
    shop = line("people", pii={"people": ("mail", Pii(column="name"), "low")}, key_domain="people", key=KEY)
    low = "low text GENERATED ALWAYS AS (lower(name)) STORED"
    shop.execute(f"CREATE TABLE people (id int PRIMARY KEY, e_mail text, name text, {low})")
    with pytest.raises(FatalError) as caught:
        shop.collect()
    assert caught.value.problem.splitlines() == [
        f"Source '{shop.source.name}' cannot be read yet, 2 fault(s):",
        "- table 'people' has no stored column 'low', which is declared pii. Fix: correct pii in"
        " catalog/sources.py: until it is right nothing of the table is read.",
        "- table 'people' has no stored column 'mail', which is declared pii. Fix: correct pii in"
        " catalog/sources.py: until it is right nothing of the table is read.",
    ]
    assert shop.position() is None and shop.slot() is None
