"""Changes are framed once as COPY BINARY, in bounded memory, numbered over all tables of a batch."""

from itertools import count

from include.core.batch import (
    COPY_HEADER,
    COPY_TRAILER,
    MOVES_A_STEP,
    UNCHANGED,
    Column,
    Table,
    TableChanges,
    frame,
)

ITEMS = Table("items", (Column("id", "integer"), Column("name", "text")), ("id",))


def content(step):
    return b"".join(iter(step.open().read, b""))


def test_a_change_is_one_tuple_of_copy_binary():
    changes = TableChanges(ITEMS, count(1))
    changes.upsert(["7", None])
    expected = (
        b"\0\5"  # five fields
        b"\0\0\0\x08" b"\0\0\0\0\0\0\0\1"  # _seq
        b"\0\0\0\1u"  # _op
        b"\xff\xff\xff\xff"  # _unchanged
        b"\0\0\0\0017"  # id
        b"\xff\xff\xff\xff"  # name
    )  # fmt: skip
    assert content(changes.steps[0]) == COPY_HEADER + expected + COPY_TRAILER
    assert content(changes.steps[0]) == COPY_HEADER + expected + COPY_TRAILER


def test_text_is_utf8_bytes_are_taken_as_they_are_and_unchanged_is_marked():
    assert frame("ä") == b"\0\0\0\2\xc3\xa4"
    assert frame(b"\xc3\xa4") == b"\0\0\0\2\xc3\xa4"
    changes = TableChanges(ITEMS, count(1))
    changes.upsert(["7", UNCHANGED])
    assert b"\0\0\0\00201" in content(changes.steps[0])
    assert changes.steps[0].has_unchanged


def test_tables_of_a_batch_share_one_sequence():
    sequence = count(1)
    one, two = TableChanges(ITEMS, sequence), TableChanges(ITEMS, sequence)
    one.upsert(["1", None])
    two.truncate()
    two.delete(["1", None])
    one.upsert(["2", None])
    assert (one.last, two.last, one.count, two.count) == (4, 3, 2, 2)
    assert [(step.kind, step.sequence, step.count) for step in two.steps] == [
        ("changes", 0, 0), ("truncation", 2, 1), ("changes", 0, 1),
    ]  # fmt: skip


def test_moves_share_a_step_until_a_key_comes_again():
    changes = TableChanges(ITEMS, count(1))
    for old, new in (("1", "11"), ("2", "12"), ("11", "1"), ("3", "13")):
        changes.move([old], [new, UNCHANGED])
    changes.upsert(["1", "a"])
    assert [(step.kind, step.count) for step in changes.steps if step.count] == [
        ("moves", 2), ("moves", 2), ("changes", 1),
    ]  # fmt: skip


def test_a_step_of_moves_remembers_a_bounded_number_of_keys():
    changes = TableChanges(ITEMS, count(1))
    for number in range(MOVES_A_STEP + 1):
        changes.move([f"a{number}"], [f"b{number}", UNCHANGED])
    assert [step.count for step in changes.steps[1:]] == [MOVES_A_STEP, 1]


def test_a_large_step_goes_to_disk():
    changes = TableChanges(ITEMS, count(1))
    for number in range(6):
        changes.upsert([str(number), "x" * 1_000_000])
    assert changes.steps[0].spool._rolled
    assert len(content(changes.steps[0])) > 6_000_000
