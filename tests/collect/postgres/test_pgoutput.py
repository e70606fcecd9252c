"""Messages as the protocol's documentation lays them out, byte for byte."""

import struct

import pytest

from include.collect.postgres.pgoutput import Assembler, begin, commit, fields, relation
from include.core.batch import COPY_HEADER, COPY_TRAILER, NULL_FRAME, Column, Table
from include.core.errors import FatalError

COLUMNS = (Column("id", "integer", 1), Column("body", "text", 2))
RELATION = (
    b"R" + struct.pack("!I", 77) + b"public\0items\0d" + struct.pack("!h", 2)
    + b"\1id\0" + struct.pack("!Ii", 23, -1) + b"\0body\0" + struct.pack("!Ii", 25, -1)
)  # fmt: skip


def text(value):
    return b"t" + struct.pack("!i", len(value)) + value


def row(*values):
    return struct.pack("!h", len(values)) + b"".join(values)


def frame(value):
    return struct.pack("!i", len(value)) + value


def assembler(key=("id",)):
    table = Table("items", COLUMNS, key)
    made = Assembler(lambda message: table if message.oid == 77 else None)
    made.handlers[ord("R")](RELATION)
    return made


def sent(kind, rest, oid=77):
    return kind + struct.pack("!I", oid) + rest


def tuples(changes):
    """(kind of step, _seq, _op, frames after the mask) of every tuple, and the masks."""
    found = []
    for step in changes.steps:
        stream = b"".join(iter(step.open().read, b""))
        assert stream.startswith(COPY_HEADER)
        assert stream.endswith(COPY_TRAILER)
        at = len(COPY_HEADER)
        while at < len(stream) - 2:
            (count,) = struct.unpack_from("!h", stream, at)
            at += 2
            values = []
            for _ in range(count):
                (size,) = struct.unpack_from("!i", stream, at)
                values.append(None if size < 0 else stream[at + 4 : at + 4 + size])
                at += 4 + max(size, 0)
            found.append((step.kind, int.from_bytes(values[0]), *values[1:]))
    return found


def test_a_relation_message_names_columns_types_and_key():
    message = relation(RELATION)
    assert (message.oid, message.schema, message.name, message.identity) == (77, "public", "items", "d")
    assert message.signature == (("id", 23, -1), ("body", 25, -1))
    assert message.key == {"id"}


def test_begin_and_commit_tell_the_commit_records_start_and_end():
    assert begin(b"B" + struct.pack("!QqI", 0x16B374D848, 0, 9)) == 0x16B374D848
    assert commit(b"C\0" + struct.pack("!QQq", 5, 0x16B374D850, 0)) == 0x16B374D850


def test_fields_are_slices_of_the_message_null_and_unchanged_are_told_apart():
    payload = b"??" + row(text(b""), b"n", b"u", text("ä\0".encode())) + b"rest"
    frames, unchanged, end = fields(payload, 2)
    assert frames == [frame(b""), NULL_FRAME, NULL_FRAME, frame("ä\0".encode())]
    assert unchanged == "0010"
    assert payload[end:] == b"rest"


def test_a_binary_field_that_nobody_asked_for_is_refused():
    with pytest.raises(FatalError, match="of kind 'b'"):
        fields(row(b"b" + struct.pack("!i", 1) + b"x"), 0)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (sent(b"I", b"N" + row(text(b"1"), b"n")), [("changes", 1, b"u", None, b"1", None)]),
        (sent(b"U", b"N" + row(text(b"1"), b"u")), [("changes", 1, b"u", b"01", b"1", None)]),
        (sent(b"D", b"K" + row(text(b"1"), b"n")), [("changes", 1, b"d", None, b"1", None)]),
        (
            sent(b"U", b"K" + row(text(b"1"), b"n") + b"N" + row(text(b"2"), text(b"x"))),
            [("changes", 1, b"d", None, b"1", None), ("changes", 2, b"u", None, b"2", b"x")],
        ),
        (
            sent(b"U", b"K" + row(text(b"1"), b"n") + b"N" + row(text(b"2"), b"u")),
            [("moves", 1, b"u", b"01", b"2", None, b"1")],
        ),
        (
            sent(b"U", b"O" + row(text(b"1"), text(b"old")) + b"N" + row(text(b"1"), b"u")),
            [("changes", 1, b"u", None, b"1", b"old")],
        ),
        (sent(b"I", b"N" + row(text(b"1"), b"n"), oid=78), []),
    ],
    ids=["insert", "unchanged", "delete", "new key", "new key and unchanged", "full", "undeclared"],
)
def test_each_message_becomes_its_changes(message, expected):
    made = assembler()
    made.handlers[ord("R")](RELATION.replace(struct.pack("!I", 77), struct.pack("!I", 78), 1))
    made.handlers[message[0]](message)
    assert [change for changes in made.take() for change in tuples(changes)] == expected


def test_an_update_without_a_key_ends_the_whole_old_row():
    made = assembler(key=())
    made.handlers[ord("U")](sent(b"U", b"O" + row(text(b"1"), text(b"a")) + b"N" + row(text(b"1"), b"u")))
    (changes,) = made.take()
    assert [change[2:] for change in tuples(changes)] == [(b"d", None, b"1", b"a"), (b"u", None, b"1", b"a")]


def test_a_truncate_of_several_tables_is_a_step_of_each_that_is_declared():
    made = assembler()
    made.handlers[ord("I")](sent(b"I", b"N" + row(text(b"1"), b"n")))
    made.handlers[ord("T")](b"T" + struct.pack("!iBII", 2, 0, 77, 77))
    (changes,) = made.take()
    assert [(step.kind, step.sequence) for step in changes.steps] == [
        ("changes", 0), ("truncation", 2), ("truncation", 3),
    ]  # fmt: skip
    assert made.take() == ()
