"""A partitioned table is read as one table; partitions that come, go or are emptied without a word are noticed."""

import pytest

PARTS = (
    "CREATE TABLE parts (id int, at int, word text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
    "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id)",
    "CREATE TABLE parts_2_1 PARTITION OF parts_2 FOR VALUES FROM (0) TO (100)",
    "CREATE TABLE apart (word text, id int NOT NULL, at int NOT NULL)",
    "INSERT INTO parts VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 13, 'c')",
)


@pytest.fixture
def shop(line):
    shop = line("parts")
    shop.execute(*PARTS)
    shop.collect()
    shop.assert_equal()
    return shop


def test_changes_of_every_partition_are_the_roots_and_a_row_that_moves_between_them_too(shop):
    shop.execute(
        "INSERT INTO parts VALUES (4, 4, 'd')",
        "UPDATE parts SET at = 14 WHERE id = 1",
        "UPDATE parts_2_1 SET word = 'C'",
        "DELETE FROM parts_1 WHERE id = 2",
    )
    shop.collect()
    shop.assert_equal()
    assert shop.notes() == {}


def test_a_truncation_of_the_root_ends_all_rows(shop):
    shop.execute("TRUNCATE parts", "INSERT INTO parts VALUES (9, 9, 'z')")
    shop.collect()
    shop.assert_equal()


@pytest.mark.parametrize(
    "statements",
    [
        ("TRUNCATE parts_1",),
        ("ALTER TABLE parts DETACH PARTITION parts_1",),
        ("DROP TABLE parts_1",),
        (
            "INSERT INTO apart VALUES ('apart', 7, 27)",
            "ALTER TABLE parts ATTACH PARTITION apart FOR VALUES FROM (20) TO (30)",
        ),
        (
            "ALTER TABLE parts DETACH PARTITION parts_1",
            "UPDATE parts_1 SET word = 'meanwhile'",
            "ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10)",
        ),
        (
            "ALTER TABLE parts DETACH PARTITION parts_2",
            "INSERT INTO parts_2 VALUES (9, 19, 'meanwhile')",
            "ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (10) TO (20)",
        ),
    ],
    ids=[
        "a partition emptied",
        "one detached",
        "one dropped",
        "one attached",
        "one away for a while",
        "a whole branch",
    ],
)
def test_what_the_stream_says_nothing_of_is_taken_anew(shop, statements):
    shop.execute("UPDATE parts SET word = 'before' WHERE id = 3", *statements)
    shop.execute("UPDATE parts SET word = 'after' WHERE id = 3")
    shop.collect()
    shop.assert_equal()
    assert shop.notes()[2][-1] == (
        "table 'parts' is taken anew: partitions came, went, or were rewritten or emptied"
    )
    assert [word for (word,) in shop.landed("parts", "word", "id = 3")] == ["c", "before", "after"]
    shop.execute("DELETE FROM parts WHERE id = 3")
    shop.collect()
    shop.assert_equal()
    assert 3 not in shop.notes()


def test_a_new_empty_partition_and_rows_in_it_are_read(shop):
    shop.execute(
        "CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (20) TO (30)",
        "INSERT INTO parts VALUES (8, 28, 'new')",
    )
    shop.collect()
    shop.assert_equal()


def test_a_partition_may_be_declared_by_itself(line):
    shop = line("parts_1")
    shop.execute(*PARTS)
    shop.collect()
    shop.execute("UPDATE parts SET word = 'x'", "UPDATE parts SET at = 14 WHERE id = 1", "TRUNCATE parts")
    shop.execute("INSERT INTO parts VALUES (6, 6, 'six')")
    shop.collect()
    shop.assert_equal()
    assert shop.notes() == {}


def test_a_root_without_a_key_is_read_under_full_identity_of_all_its_partitions(line):
    shop = line("bag")
    shop.execute(
        "CREATE TABLE bag (word text, n int) PARTITION BY LIST (n)",
        "CREATE TABLE bag_1 PARTITION OF bag FOR VALUES IN (1)",
        "CREATE TABLE bag_2 PARTITION OF bag FOR VALUES IN (2)",
        *(f"ALTER TABLE {name} REPLICA IDENTITY FULL" for name in ("bag", "bag_1", "bag_2")),
        "INSERT INTO bag VALUES ('a', 1), ('a', 1), ('b', 2)",
    )
    shop.collect()
    shop.execute(
        "UPDATE bag SET n = 2 WHERE ctid = (SELECT min(ctid) FROM bag_1)", "DELETE FROM bag_2 WHERE word = 'b'"
    )
    shop.collect()
    shop.assert_equal()
