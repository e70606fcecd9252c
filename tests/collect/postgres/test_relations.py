"""Changes of a table's shape are followed, told apart by attnum; where the stream cannot tell, a snapshot does."""

import pytest

ITEMS = "CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8,2))"

FOLLOWED = [
    ("ALTER TABLE items ADD colour text DEFAULT 'red'", "column 'colour' (text) was added"),
    ("ALTER TABLE items ADD stock int[] DEFAULT '{1,2}'", "column 'stock' (integer[]) was added"),
    ("ALTER TABLE items DROP name", "column 'name' was dropped"),
    ("ALTER TABLE items RENAME name TO label", "column 'name' was renamed to 'label'"),
    ("ALTER TABLE items ALTER price TYPE numeric(9,2)", "column 'price' changed its type from numeric(8,2) to"),
    ("ALTER TABLE items ALTER price TYPE numeric", "column 'price' changed its type from numeric(8,2) to numeric"),
]
RETAKEN = [
    ("ALTER TABLE items ALTER name TYPE varchar(9)", "its rows were rewritten when it changed: column 'name'"),
    ("ALTER TABLE items ALTER id TYPE bigint", "its rows were rewritten when it changed: column 'id' changed its"),
    ("ALTER TABLE items ALTER price TYPE text USING price || '!'", "rewritten when it changed: column 'price'"),
    ("ALTER TABLE items ALTER name TYPE text USING upper(name)", "into columns that look the same"),
    ("ALTER TABLE items ADD token uuid DEFAULT gen_random_uuid()", "rewritten when it changed: column 'token'"),
    ("ALTER TABLE items DROP price, ADD price numeric(8,2) DEFAULT 7", "a column was dropped and an equal one"),
    ("ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (name)", "its key is (name) now"),
    ("ALTER TABLE items DROP CONSTRAINT items_pkey, REPLICA IDENTITY FULL", "its key is () now"),
]


@pytest.fixture
def shop(line):
    shop = line("items", "others")
    shop.execute(
        ITEMS,
        "CREATE TABLE others (id int PRIMARY KEY)",
        "INSERT INTO items SELECT g, 'name ' || g, g FROM generate_series(1, 5) g",
    )
    shop.collect()
    return shop


def says(shop, batch, said):
    assert any(said in note for note in shop.notes()[batch]), shop.notes()


@pytest.mark.parametrize(("statement", "said"), FOLLOWED)
def test_a_change_of_shape_is_followed_although_no_row_changes(shop, statement, said):
    shop.execute(statement)
    shop.collect()
    shop.assert_equal()
    says(shop, 2, said)
    assert not any("anew" in note for note in shop.notes()[2])


@pytest.mark.parametrize(("statement", "said"), FOLLOWED)
def test_a_change_of_shape_amid_changes_is_followed_with_every_change_on_either_side(shop, statement, said):
    shop.execute(
        "UPDATE items SET price = 10 WHERE id = 1",
        statement,
        "UPDATE items SET price = 20 WHERE id = 1",
        "DELETE FROM items WHERE id = 2",
        "INSERT INTO others VALUES (1)",
    )
    shop.collect()
    shop.assert_equal()
    assert shop.landed("items", "price::int", "id = 1") == [(1,), (10,), (20,)]
    assert not any("anew" in note for note in shop.notes()[2])


@pytest.mark.parametrize(("statement", "said"), RETAKEN)
def test_what_rewrites_rows_or_looks_like_no_change_is_taken_anew_in_the_same_history(shop, statement, said):
    shop.execute(statement)
    shop.collect()
    shop.assert_equal()
    says(shop, 2, said)
    assert shop.left_out() == {}
    shop.execute("INSERT INTO items (id, name) VALUES (9, 'later')")
    shop.collect()
    shop.assert_equal()
    assert 3 not in shop.notes()


@pytest.mark.parametrize(("statement", "said"), RETAKEN)
def test_it_is_taken_anew_also_amid_changes_and_the_changes_before_it_stay_in_the_history(shop, statement, said):
    shop.execute(
        "UPDATE items SET name = 'before' WHERE id = 1",
        "INSERT INTO others VALUES (1)",
        statement,
        "UPDATE items SET name = 'after' WHERE id = 1",
        "DELETE FROM items WHERE id = 2",
        "INSERT INTO items (id, name) VALUES (2, 'again'), (7, 'new')",
    )
    shop.collect(batch_changes=1)
    shop.assert_equal()
    assert shop.left_out() == {}
    if "equal one" not in said:
        assert ("before",) in shop.landed("items", "name", "id = 1")


def test_a_table_that_changes_its_shape_twice_between_two_runs_is_taken_anew_in_the_same_run(shop):
    shop.execute(
        "ALTER TABLE items ADD colour text",
        "INSERT INTO items (id, colour) VALUES (8, 'red')",
        "ALTER TABLE items DROP colour",
        "INSERT INTO items (id) VALUES (9)",
        "INSERT INTO others VALUES (1)",
    )
    shop.collect()
    shop.assert_equal()
    says(shop, 2, "'items' is left out: The stream does not tell its state: it changed its shape more than once")
    says(shop, 3, "table 'items' is taken anew: it had been left out")
    assert shop.left_out() == {}


def test_a_shape_that_changes_while_a_run_is_under_way_is_followed(shop):
    shop.execute("UPDATE items SET price = 10 WHERE id = 1")
    with shop.reader() as reader:
        batches = reader.batches(shop.position(), shop.standings())
        shop.land(next(batches))
        shop.execute("ALTER TABLE items ADD colour text DEFAULT 'red'", "UPDATE items SET price = 11 WHERE id = 1")
        for batch in batches:
            shop.land(batch)
    shop.collect()
    shop.assert_equal()


def test_a_table_that_was_dropped_and_created_again_is_taken_anew_in_the_same_history(shop):
    shop.execute("DROP TABLE items", ITEMS, "INSERT INTO items VALUES (2, 'name 2', 2), (6, 'six', 6)")
    shop.collect()
    shop.assert_equal()
    says(shop, 2, "'items' is taken anew: the publication did not hold it")
    assert shop.landed("items", "id, _seq_to IS NULL", "id IN (1, 2, 6)") == [(1, False), (2, True), (6, True)]


def test_a_table_declared_later_begins_with_a_snapshot_of_its_own(shop):
    shop.execute(
        "CREATE TABLE late (id int PRIMARY KEY)", "INSERT INTO late VALUES (1)", "UPDATE items SET price = 3"
    )
    shop.collect(tables=("items", "others", "late"))
    shop.assert_equal("items", "late")
    shop.execute("INSERT INTO late VALUES (2)")
    shop.collect(tables=("items", "others", "late"))
    assert shop.landed("late") == [(1, 7, None, 2), (2, 8, None, 3)]


def test_a_table_that_is_declared_no_more_is_read_no_more_and_keeps_its_history(shop):
    shop.execute("INSERT INTO others VALUES (1)", "UPDATE items SET price = 3")
    shop.collect(tables=("others",))
    assert shop.left_out() == {"items": "It is declared no more."}
    assert shop.current("items", "price::int") == [(1,), (2,), (3,), (4,), (5,)]
    shop.collect()
    shop.assert_equal()
    assert shop.left_out() == {}


def test_a_table_that_is_truncated_again_and_again_while_it_is_read_ends_a_run_all_the_same(shop):
    shop.execute("UPDATE items SET price = 10")
    passes = 0
    with shop.reader() as reader:
        for batch in reader.batches(shop.position(), shop.standings()):
            shop.land(batch)
            passes += 1
            shop.execute("TRUNCATE items", f"INSERT INTO items VALUES ({passes}, 'again')")
    assert passes == 1
    shop.collect()
    shop.assert_equal()
