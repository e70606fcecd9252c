"""A run over a source: the snapshot first, then what was committed since, in batches that end at commits."""

import psycopg2

from include.collect.postgres.slot import Position, lsn_number


def test_the_first_run_lands_a_snapshot_and_the_next_what_changed(shop):
    shop.execute("INSERT INTO items VALUES (1, 'a'), (2, NULL)")
    first = shop.collect()
    shop.execute(
        "INSERT INTO items VALUES (3, 'c')",
        "UPDATE items SET name = 'b' WHERE id = 2",
        "DELETE FROM items WHERE id = 1",
    )
    second = shop.collect()
    assert shop.landed("items") == [
        (1, "a", 1, 4, 1), (2, None, 1, 3, 1), (3, "c", 2, None, 2), (2, "b", 3, None, 2),
    ]  # fmt: skip
    assert [batch.changes for batch in first + second] == [{"items": 2}, {"items": 3}]
    assert shop.collect() == []


def test_what_is_committed_while_the_snapshot_is_taken_comes_once_by_the_stream(shop):
    shop.execute("INSERT INTO items VALUES (1, 'before')")
    with shop.reader() as reader:
        batches = reader.batches(None)
        snapshot = next(batches)
        shop.execute("INSERT INTO items VALUES (2, 'after')", "UPDATE items SET name = 'changed' WHERE id = 1")
        shop.land(snapshot)
        reader.acknowledge(snapshot.end)
        assert shop.landed("items") == [(1, "before", 1, None, 1)]
        for batch in batches:
            shop.land(batch)
            reader.acknowledge(batch.end)
    assert shop.landed("items") == [(1, "before", 1, 3, 1), (2, "after", 2, None, 2), (1, "changed", 3, None, 2)]


def test_an_idle_run_writes_nothing_and_leaves_the_slot_where_the_position_is(shop):
    shop.execute("CREATE TABLE others (id int)")
    shop.collect()
    position, slot = shop.position(), shop.slot()
    shop.execute("INSERT INTO others VALUES (1)")
    for _idle in range(2):
        assert shop.collect() == []
    assert (shop.position(), shop.slot()) == (position, slot)


def test_a_run_at_the_very_end_of_the_log_ends_at_once(shop):
    shop.collect()
    ((end,),) = shop.query("SELECT pg_current_wal_flush_lsn()::text")
    stored = Position.parse(shop.position()).at(lsn_number(end))
    with shop.reader() as reader:
        assert list(reader.batches(str(stored), shop.standings())) == []


def test_where_only_other_tables_change_a_batch_of_nothing_lets_the_log_go(shop):
    shop.execute("CREATE TABLE others (filling text)")
    shop.collect()
    before = Position.parse(shop.position()).lsn
    shop.execute("INSERT INTO others SELECT repeat(md5(g::text), 60) FROM generate_series(1, 12000) g")
    (advance,) = shop.collect()
    assert (advance.changes, advance.rejected) == ({}, 0)
    assert Position.parse(shop.position()).lsn - before > 16 * 1024 * 1024
    shop.wait_until(lambda: lsn_number(shop.slot()) == Position.parse(shop.position()).lsn)
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    shop.collect()
    assert shop.current("items", "id, name") == [(1, "a")]


def test_batches_end_at_commits_and_no_transaction_is_ever_split(line):
    shop = line("items", "notes", batch_changes=3)
    shop.execute("CREATE TABLE items (id int PRIMARY KEY, name text)", "CREATE TABLE notes (id int PRIMARY KEY)")
    shop.collect()
    shop.execute(
        "INSERT INTO items VALUES (1), (2)",
        ("INSERT INTO items VALUES (3)", "INSERT INTO notes VALUES (3)", "INSERT INTO items VALUES (4), (5)"),
        "INSERT INTO notes VALUES (6)",
    )
    assert [batch.changes for batch in shop.collect()] == [{"items": 5, "notes": 1}, {"notes": 1}]
    assert shop.landed("items", "DISTINCT _batch, _seq_from")[-1] == (2, 7)
    assert shop.landed("notes", "id, _seq_from, _batch") == [(3, 5, 2), (6, 8, 3)]


def test_what_is_rolled_back_leaves_nothing_and_commits_keep_their_order(shop):
    shop.collect()
    late = open_transaction(shop, "INSERT INTO items VALUES (1, 'opened first, committed last')")
    lost = open_transaction(shop, "INSERT INTO items VALUES (2, 'never')")
    shop.execute(
        (
            "INSERT INTO items VALUES (3, 'kept')",
            "SAVEPOINT s",
            "UPDATE items SET name = 'undone'",
            "ROLLBACK TO s",
        ),
    )
    lost.rollback()
    late.commit()
    shop.collect()
    assert shop.landed("items") == [
        (3, "kept", 2, None, 2), (1, "opened first, committed last", 3, None, 2),
    ]  # fmt: skip


def open_transaction(shop, statement):
    connection = psycopg2.connect(shop.url)
    connection.cursor().execute(statement)
    return connection
