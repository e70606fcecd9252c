"""Changes of a table's shape are refused by name, told apart by attnum, and nothing is lost."""

import pytest

from include.core.errors import FatalError

ITEMS = "CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8,2))"

CHANGES = [
    ("ALTER TABLE items ADD colour text DEFAULT 'red'", r"column 'colour' \(text\) was added"),
    ("ALTER TABLE items DROP name", "column 'name' was dropped"),
    ("ALTER TABLE items RENAME name TO label", "column 'name' was renamed to 'label'"),
    ("ALTER TABLE items DROP price, ADD price numeric(8,2)", "column 'price' was dropped and another added"),
    ("ALTER TABLE items ALTER price TYPE numeric(9,2)", r"'price' changed its type from numeric\(8,2\)"),
    (
        "ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (name)",
        r"the key changed from \(id\) to \(name\)",
    ),
]


@pytest.mark.parametrize(("statement", "says"), CHANGES)
def test_a_change_of_shape_between_two_runs_is_refused_and_nothing_lost(line, statement, says):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items VALUES (1, 'a', 1)")
    shop.collect()
    before = shop.position(), shop.slot()
    shop.execute(statement, "INSERT INTO items (id, price) VALUES (2, 2)" if "DROP name" in statement else
                 "UPDATE items SET price = 3")  # fmt: skip
    with pytest.raises(FatalError, match=f"'items'.*{says}") as caught:
        shop.collect()
    assert caught.value.fix
    assert (shop.position(), shop.slot()) == before
    assert shop.current("items", "id, name, price::text") == [(1, "a", "1.00")]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("ALTER TABLE items ADD colour text", r"column 'colour' \(text\) was added"),
        ("ALTER TABLE items ALTER price TYPE int", r"'price' changed its type from numeric\(8,2\) to integer"),
    ],
)
def test_a_change_of_shape_amid_changes_still_to_be_read_is_refused(line, statement, says):
    shop = line("items")
    shop.execute(ITEMS)
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a', 1)", statement, "INSERT INTO items VALUES (2, 'b', 2)")
    with pytest.raises(
        FatalError, match=f"'items' changed its shape while changes were still to be read: .*{says}"
    ):
        shop.collect()
    assert shop.landed("items") == []


def test_a_table_that_was_dropped_and_created_again_is_refused(line):
    shop = line("items")
    shop.execute(ITEMS, "INSERT INTO items VALUES (1)")
    shop.collect()
    shop.execute("DROP TABLE items", ITEMS, "INSERT INTO items VALUES (2)")
    with pytest.raises(FatalError, match="does not hold 'items'"):
        shop.collect()


def test_another_replica_identity_is_refused(line):
    shop = line("items")
    shop.execute(ITEMS.replace("text", "text NOT NULL UNIQUE"), "INSERT INTO items VALUES (1, 'a')")
    shop.collect()
    shop.execute("ALTER TABLE items REPLICA IDENTITY USING INDEX items_name_key", "UPDATE items SET price = 1")
    with pytest.raises(FatalError, match=r"the key changed from \(id\) to \(name\)"):
        shop.collect()
