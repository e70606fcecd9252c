"""How a table goes on is decided from what is known of it alone."""

import pytest

from include.collect.postgres.continuity import LEFT_OUT, UNTOLD, course
from include.collect.postgres.describe import SourceTable
from include.core.batch import Column, Standing, Table

ITEMS = Table("items", (Column("id", "integer", 1, (23, -1)),), ("id",), "7:7:a")
NOW = SourceTable(7, "public", "items", "r", "p", "d", ITEMS, (True,))


def test_a_table_that_is_as_it_was_landed_goes_on_by_its_changes():
    found = course(Standing(ITEMS), NOW, published=True)
    assert (found.before, found.anew) == (ITEMS, None)


@pytest.mark.parametrize(
    ("standing", "published", "reason"),
    [
        (None, True, "it has not been landed before"),
        (Standing(ITEMS), False, "the publication did not hold it"),
        (Standing(Table("items", ITEMS.columns, ("id",), "6:6:a")), True, "it was dropped and created again"),
        (Standing(ITEMS, "It has no key. Fix: add one."), True, "it had been left out: It has no key"),
    ],
)
def test_a_table_whose_changes_tell_nothing_is_taken_anew_with_the_reason(standing, published, reason):
    found = course(standing, NOW, published=published)
    assert (found.before, found.anew) == (None, reason)


def test_a_table_that_stays_left_out_keeps_its_first_reason():
    reason = "it was dropped and created again"
    for _run in range(3):
        reason = course(Standing(ITEMS, f"{UNTOLD}{reason}. It is taken anew."), NOW, published=True).anew
    assert reason == f"{LEFT_OUT}it was dropped and created again"
