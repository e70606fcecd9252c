"""What changed between two shapes, told apart by attnum."""

import pytest

from include.core.batch import Column, Table
from include.core.shape import differences


def shape(*columns, key=()):
    return Table("t", tuple(Column(*column) for column in columns), key)


BEFORE = shape(("a", "text", 1), ("b", "integer", 2))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (shape(("b", "integer", 2), ("a", "text", 1)), []),
        (shape(("a", "text"), ("b", "integer")), []),
        (shape(("a", "text", 1), ("b", "integer", 2), ("c", "date", 3)), ["column 'c' (date) was added"]),
        (shape(("a", "text", 1)), ["column 'b' was dropped"]),
        (shape(("a", "text", 1), ("c", "integer", 2)), ["column 'b' was renamed to 'c'"]),
        (
            shape(("b", "text", 1), ("a", "integer", 2)),
            ["column 'a' was renamed to 'b'", "column 'b' was renamed to 'a'"],
        ),
        (
            shape(("a", "text", 1), ("b", "integer", 3)),
            ["column 'b' was dropped and another added under its name"],
        ),
        (
            shape(("a", "text", 1), ("b", "bigint", 2)),
            ["column 'b' changed its type from integer to bigint"],
        ),
        (
            shape(("a", "text", 1), ("c", "bigint", 2)),
            ["column 'b' was renamed to 'c'", "column 'c' changed its type from integer to bigint"],
        ),
        (shape(("a", "text", 1), ("b", "integer", 2), key=("a",)), ["the key changed from () to (a)"]),
    ],
)
def test_every_difference_is_one_sentence(after, expected):
    assert differences(BEFORE, after) == expected
