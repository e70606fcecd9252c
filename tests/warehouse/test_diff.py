"""What two tables differ in, told by `_id`: rows by split, class and origin, columns, changed cells, a sample."""

import pytest

from include.core.errors import FatalError
from include.warehouse.connection import transaction
from include.warehouse.diff import Cell, Columns, Rows, Side, diff

BEFORE = """
CREATE TABLE staging.old (_id text, fraud boolean, amount numeric(8, 2), score float8, note text, facts json,
    plain int, _split text, _origin text);
INSERT INTO staging.old VALUES
    ('1', true, 1.5, 0, 'a', '{"a":1}', 1, 'train', 'real'),
    ('2', false, 2, 'NaN', NULL, NULL, 1, 'train', 'real'),
    ('3', false, 3, 3, '', '{}', 1, 'test', 'real'), ('4', true, 4, 4, 'd', '{}', 1, 'train', 'smote')
"""
AFTER = """
CREATE TABLE staging.new (amount numeric(8, 2), score float8, note text, facts json, plain bigint, extra uuid,
    _id text, fraud boolean, _split text, _origin text);
INSERT INTO staging.new VALUES
    (1.5, '-0', 'a', '{"a": 1}', 1, NULL, '1', true, 'train', 'real'),
    (2, 'NaN', NULL, NULL, 1, NULL, '2', false, 'train', 'real'),
    (3, 3, NULL, '{}', 2, NULL, '3', false, 'train', 'real'),
    (5, 5, 'e', '{}', 1, NULL, '5', true, 'train', 'smote')
"""
SIDES = Side("staging", "old", "fraud"), Side("staging", "new", "fraud")


@pytest.fixture
def connection(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(BEFORE)
        connection.cursor().execute(AFTER)
        yield connection


def test_rows_are_counted_by_what_became_of_them_and_where_they_belong(connection):
    found = diff(connection, *SIDES)
    assert found.rows == (
        Rows("train", "false", "real", added=0, removed=0, changed=1, same=1),
        Rows("train", "true", "real", added=0, removed=0, changed=1, same=0),
        Rows("train", "true", "smote", added=1, removed=1, changed=0, same=0),
    )
    assert [found.count(kind) for kind in ("added", "removed", "changed", "same")] == [1, 1, 2, 1]


def test_columns_and_changed_cells_are_told_and_a_value_is_changed_where_its_form_is(connection):
    found = diff(connection, *SIDES)
    assert found.columns == Columns(added={"extra": "uuid"}, removed={}, retyped={"plain": ("integer", "bigint")})
    assert found.cells == {"score": 1, "note": 1, "facts": 1, "plain": 1, "_split": 1}
    assert found.sample == (
        Cell("1", "score", "0", "-0"), Cell("1", "facts", '{"a":1}', '{"a": 1}'), Cell("3", "note", "", None),
        Cell("3", "plain", "1", "2"), Cell("3", "_split", "test", "train"),
    )  # fmt: skip
    assert (found.added, found.removed) == (("5",), ("4",))


def test_the_sample_is_the_first_by_id_and_as_long_as_asked(connection):
    found = diff(connection, *SIDES, sample=1)
    assert {cell.id for cell in found.sample} == {"1"}


def test_a_table_is_the_same_as_itself(connection):
    found = diff(connection, SIDES[0], SIDES[0])
    assert (found.count("same"), found.count("changed"), found.cells, found.sample) == (4, 0, {}, ())
    assert not found.columns


def test_a_table_without_rows_that_could_be_told_is_refused(connection):
    connection.cursor().execute("CREATE TABLE staging.nameless AS SELECT 1 AS n")
    with pytest.raises(FatalError, match="nameless has no column _id, by which its rows could be told"):
        diff(connection, SIDES[0], Side("staging", "nameless", None))
