"""The split of a row: by its group, for good, in about the declared shares."""

import hashlib
from datetime import UTC, datetime

import pytest
from psycopg2 import sql

from include.specs import Dataset, Split
from include.warehouse.connection import transaction
from include.warehouse.split import split_expression

SPLIT = Split(key="7")
GROUPED = Dataset(name="pay", sources=("shop",), key="id", group="customer", label="fraud", split=SPLIT)


@pytest.fixture
def split(warehouse_url):
    """A function from a dataset and a query of rows (id, customer) to {id: split}."""
    connection_of = transaction(warehouse_url)
    with connection_of as connection, connection.cursor() as cursor:

        def of(dataset, rows):
            cursor.execute(
                sql.SQL("SELECT id, {} FROM ({}) AS t (id, customer)").format(
                    split_expression(dataset), sql.SQL(rows)
                )
            )
            return dict(cursor.fetchall())

        yield of


def documented(dataset, group):
    """The formula of the docstring, in Python."""
    digest = hashlib.sha256(f"{dataset.split.key}\x1f{dataset.name}\x1f{group}".encode()).hexdigest()
    fraction = int(digest[:13], 16) / 2**52
    cut = dataset.split.test + dataset.split.validation
    return "test" if fraction < dataset.split.test else "validation" if fraction < cut else "train"


def test_the_sql_is_the_documented_formula(split):
    found = split(GROUPED, "SELECT i, 'c' || i FROM generate_series(1, 500) AS i")
    assert found == {i: documented(GROUPED, f"c{i}") for i in range(1, 501)}


def test_some_splits_never_change(split):
    """Literal values: a change of the formula would move rows from test to train in every installation."""
    found = split(GROUPED, "SELECT i, i FROM generate_series(1, 8) AS i")
    assert " ".join(found[i] for i in range(1, 9)) == "train train train train test validation validation train"


def test_a_group_stays_together_and_stays_where_it_is_when_rows_come_and_go(split):
    first = split(GROUPED, "SELECT i, i % 40 FROM generate_series(1, 400) AS i")
    assert all(first[i] == first[i + 40] for i in range(1, 361))
    later = split(GROUPED, "SELECT i, i % 40 FROM generate_series(900, 100, -1) AS i")
    assert {i: later[i] for i in range(100, 401)} == {i: first[i] for i in range(100, 401)}


def test_shares_are_about_as_declared(split):
    dataset = GROUPED.model_copy(update={"split": Split(train=0.5, validation=0.2, test=0.3)})
    found = list(split(dataset, "SELECT i, i FROM generate_series(1, 20000) AS i").values())
    assert found.count("train") / 20000 == pytest.approx(0.5, abs=0.02)
    assert found.count("validation") / 20000 == pytest.approx(0.2, abs=0.02)
    assert found.count("test") / 20000 == pytest.approx(0.3, abs=0.02)


def test_without_validation_there_is_none(split):
    dataset = GROUPED.model_copy(update={"split": Split(train=0.6, validation=0, test=0.4)})
    found = split(dataset, "SELECT i, i FROM generate_series(1, 2000) AS i")
    assert set(found.values()) == {"train", "test"}


def test_no_seed_moves_a_row(split):
    rows = "SELECT i, i FROM generate_series(1, 200) AS i"
    first, second = (split(GROUPED.model_copy(update={"seed": seed}), rows) for seed in (7, 8))
    assert first == second


def test_the_splits_key_and_the_dataset_change_the_split(split):
    rows = "SELECT i, i FROM generate_series(1, 200) AS i"
    mine = split(GROUPED, rows)
    assert mine != split(GROUPED.model_copy(update={"split": Split(key="8")}), rows)
    assert mine != split(GROUPED.model_copy(update={"name": "pay2"}), rows)


def test_rows_without_a_group_are_groups_of_their_own(split):
    found = split(GROUPED, "SELECT i, NULL::text FROM generate_series(1, 300) AS i")
    assert set(found.values()) == {"train", "validation", "test"}


def test_a_dataset_without_groups_is_split_by_its_key(split):
    plain = Dataset(name="pay", sources=("shop",), key="id", label="fraud", split=SPLIT)
    found = split(plain, "SELECT i, 'same' FROM generate_series(1, 300) AS i")
    assert found == {i: documented(plain, i) for i in range(1, 301)}


def test_a_split_by_time_cuts_at_the_declared_dates_and_leaves_a_row_without_a_time_out(split):
    cuts = Split(validation_from=datetime(2026, 3, 1, tzinfo=UTC), test_from=datetime(2026, 4, 1, tzinfo=UTC))
    dataset = Dataset(name="pay", sources=("shop",), key="id", time="customer", label="fraud", split=cuts)
    rows = "VALUES (1, '2026-02-28 23:59:59.9Z'::timestamptz), (2, '2026-03-01Z'), (3, '2026-04-01 01:00+02'),"
    rows += " (4, '2026-04-01Z'), (5, NULL)"
    assert split(dataset, rows) == {1: "train", 2: "validation", 3: "validation", 4: "test", 5: None}
    without = dataset.model_copy(update={"split": Split(test_from=cuts.test_from)})
    assert split(without, rows) == {1: "train", 2: "train", 3: "train", 4: "test", 5: None}
