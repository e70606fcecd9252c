"""A first snapshot in several ranges at once is what it is in one: every row once, all of a table or nothing."""

from contextlib import closing
from itertools import pairwise
from threading import Thread

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.collect.postgres import ranges
from include.collect.postgres.ranges import LEAST_BLOCKS, bounds
from include.core.errors import FatalError, RetriableError
from include.core.pseudonyms import PseudonymKey
from include.warehouse.connection import transaction
from include.warehouse.fill import clear_away, fill_apart
from include.warehouse.landing import land
from tests.collect.postgres.conftest import AT
from tests.collect.postgres.history import wrong_in_history

KEY = PseudonymKey("people", "k1", b"a test's own key, 32 bytes long.")
# Two rows a block, without a row in a block of their own.
WIDE = (
    "CREATE TABLE wide (id int PRIMARY KEY, filling text)",
    "ALTER TABLE wide ALTER filling SET STORAGE PLAIN",
    "INSERT INTO wide SELECT g, repeat(chr(65 + g % 26), 3000) FROM generate_series(1, 40) g",
)
STAGED = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace AND relkind = 'r'"
OTHERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
ENDED = f"SELECT pg_terminate_backend(pid) FROM ({OTHERS}) AS others"
# What the catalog says of a table of open rows: its columns, and whether rows hold a value that is not stored with
# them; the table, its index, its constraints.
SHAPE = (
    "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attmissingval IS NOT NULL FROM pg_attribute"
    " WHERE attrelid = '{0}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname",
    "SELECT relkind, relispartition, reloptions, pg_get_userbyid(relowner), obj_description(oid, 'pg_class'),"
    " pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = '{0}'::regclass",
    "SELECT indisunique, indkey::text FROM pg_index WHERE indrelid = '{0}'::regclass",
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '{0}'::regclass ORDER BY 1",
)


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch):
    """A range of a single block is worth a session."""
    monkeypatch.setattr(ranges, "LEAST_BLOCKS", 1)


@pytest.fixture
def filling(line):
    """A source whose first run has filled its table apart, and no more; the snapshot, and what was filled."""
    shop = line("wide", snapshot_ranges=2)
    shop.execute(*WIDE)
    with shop.reader() as reader:
        reader.check()
        batches = reader.batches(None)
        snapshot = next(batches)
        yield shop, snapshot, fill_apart(shop.warehouse, snapshot)


@pytest.fixture
def parts(monkeypatch):
    """How many parts each table came in."""
    seen = {}

    def told(url, batch):
        seen.update({snapshot.table.name: len(snapshot.parts) for snapshot in batch.snapshots})
        return fill_apart(url, batch)

    monkeypatch.setattr("include.pipeline.collect.fill_apart", told)
    return seen


def asked(url, question):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


@given(st.integers(0, 10**7), st.integers(1, 64))
def test_ranges_are_even_and_none_is_smaller_than_is_worth_a_session(blocks, most):
    ends = [0, *bounds(blocks, most), blocks]
    sizes = [after - before for before, after in pairwise(ends)]
    assert len(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == 1 or min(sizes) >= ranges.LEAST_BLOCKS


def test_a_range_is_of_at_least_eight_mebibytes():
    assert LEAST_BLOCKS * 8192 == 8 * 1024 * 1024


@pytest.mark.parametrize("count", [2, 3])
def test_whatever_a_table_looks_like_every_row_is_landed_once(line, parts, count):
    shop = line("wide", "gaps", "empty", "page", "parted", "bag", "heir", snapshot_ranges=count)
    shop.execute(
        *WIDE,
        "CREATE TABLE gaps (id int PRIMARY KEY, filling text, twice int GENERATED ALWAYS AS (2 * id) STORED)",
        "ALTER TABLE gaps ALTER filling SET STORAGE PLAIN",
        "INSERT INTO gaps SELECT g, repeat('g', 3000) FROM generate_series(1, 60) g",
        "DELETE FROM gaps WHERE id BETWEEN 15 AND 45 OR id > 55",
        "UPDATE gaps SET filling = 'moved' WHERE id < 5",
        "ALTER TABLE gaps RENAME filling TO stuffing",
        "CREATE TABLE empty (id int PRIMARY KEY)",
        "CREATE TABLE page (id int PRIMARY KEY, kind text)",
        "INSERT INTO page VALUES (1, 'only'), (2, NULL)",
        "CREATE TABLE parted (id int PRIMARY KEY, filling text) PARTITION BY RANGE (id)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (300)",
        "INSERT INTO parted SELECT g, repeat('p', 1000) FROM generate_series(1, 200) g",
        "CREATE TYPE mood AS ENUM ('well', 'ill')",
        "CREATE TABLE bag (word text, mood mood, at timestamptz, amount numeric)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "INSERT INTO bag SELECT repeat('w', 400), 'ill', '2026-01-01', 'NaN' FROM generate_series(1, 100) g",
        "CREATE TABLE heir (more int PRIMARY KEY) INHERITS (wide)",
        "INSERT INTO heir SELECT g, repeat('h', 1800), g FROM generate_series(1, 20) g",
    )
    (batch,) = shop.collect()
    shop.assert_equal()
    assert parts == {
        "wide": count, "gaps": count, "empty": 0, "page": 0, "parted": 0, "bag": count, "heir": count,
    }  # fmt: skip
    assert batch.changes == {
        "wide": 40, "gaps": 24, "empty": 0, "page": 2, "parted": 200, "bag": 100, "heir": 20,
    }  # fmt: skip
    assert shop.tally("wide", "_seq_from", "_seq_to", "_batch") == [(1, None, 1, 40)]
    shop.execute("UPDATE wide SET filling = 'less' WHERE id IN (1, 20, 40)", "DELETE FROM bag", "TRUNCATE gaps")
    shop.collect()
    shop.assert_equal()
    assert wrong_in_history(shop.source, shop.url, shop.warehouse) == []


def test_a_landing_table_is_the_same_whichever_way_it_was_filled(line):
    shop = line("wide")
    shop.execute(*WIDE)
    shapes = []
    for count, name in ((1, "one"), (2, "two")):
        shop.source = shop.source.model_copy(update={"name": name, "snapshot_ranges": count})
        shop.collect()
        shop.assert_equal()
        shapes.append([asked(shop.warehouse, part.format(f"landing.{name}_wide__now")) for part in SHAPE])
    assert shapes[0] == shapes[1]
    assert shapes[0][0] == [
        ("_batch", "bigint", True, True), ("_seq_from", "bigint", True, True), ("_seq_to", "bigint", False, False),
        ("filling", "text", False, False), ("id", "integer", False, False),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [2, 3])
def test_what_is_written_while_ranges_are_copied_comes_once_by_the_stream(line, count):
    shop = line("wide", snapshot_ranges=count)
    shop.execute(*WIDE)
    with shop.reader() as reader:
        reader.check()
        batches = reader.batches(None)
        snapshot = next(batches)
        shop.execute(
            "UPDATE wide SET filling = repeat('n', 3000) WHERE id % 3 = 0",
            "DELETE FROM wide WHERE id % 5 = 0",
            "INSERT INTO wide SELECT g, repeat('i', 3000) FROM generate_series(41, 80) g",
        )
        filled = fill_apart(shop.warehouse, snapshot)
        assert filled["wide"].rows == 40
        with transaction(shop.warehouse) as connection:
            land(connection, snapshot, AT, filled)
        assert shop.tally("wide", "length(filling)", "_seq_to") == [(3000, None, 40)]
        for batch in batches:
            shop.land(batch)
            reader.acknowledge(batch.end)
    shop.assert_equal()
    # 40 rows at first, 13 that were exchanged, 40 that came.
    assert len(shop.landed("wide", "id")) == 93
    assert wrong_in_history(shop.source, shop.url, shop.warehouse) == []


@pytest.mark.parametrize("count", [2, 3])
def test_personal_columns_are_pseudonyms_in_every_range(line, count):
    pii = {"people": ("mail",)}
    people = line("people", pii=pii, key_domain="people", key=KEY, snapshot_ranges=count)
    people.execute(
        "CREATE TABLE people (id int PRIMARY KEY, mail text, filling text)",
        "ALTER TABLE people ALTER filling SET STORAGE PLAIN",
        "INSERT INTO people SELECT g, 'anna' || g || '@clearly.org', repeat('f', 3000)"
        " FROM generate_series(1, 40) g",
    )
    people.collect()
    expected = [(n, KEY.pseudonym(f"anna{n}@clearly.org".encode()).decode()) for n in range(1, 41)]
    assert people.landed("people", "id, mail") == expected


def test_a_table_that_is_filled_apart_is_nothing_that_a_reader_sees(filling):
    shop, _, filled = filling
    assert filled["wide"].rows == 40
    assert asked(shop.warehouse, "SELECT FROM pg_class WHERE relnamespace = 'landing'::regnamespace") == []
    apart = f"staging.{filled['wide'].name}"
    granted = f"SELECT has_any_column_privilege('sluice_reader', '{apart}', 'SELECT')"
    assert asked(shop.warehouse, granted) == [(False,)]
    assert shop.position() is None


def test_what_a_dead_run_left_is_dropped_by_the_next_one_and_no_other_sources(filling):
    shop, _, filled = filling
    with transaction(shop.warehouse) as connection, connection.cursor() as cursor:
        assert clear_away(cursor, f"{shop.source.name}_eu") == []
    assert asked(shop.warehouse, STAGED) == [(filled["wide"].name,)]
    # The first run's sessions at the source end, as if its machine were gone. The next one has no ranges.
    shop.query(ENDED)
    shop.wait_until(lambda: not shop.query(OTHERS))
    shop.collect(snapshot_ranges=1)
    shop.assert_equal()
    assert asked(shop.warehouse, STAGED) == []


def test_a_run_that_was_taken_for_dead_does_not_land_what_another_has_filled(filling):
    shop, snapshot, filled = filling
    with transaction(shop.warehouse) as connection, connection.cursor() as cursor:
        assert clear_away(cursor, shop.source.name) == [filled["wide"].name]
    again = fill_apart(shop.warehouse, snapshot)
    with (
        pytest.raises(RetriableError, match="was dropped by another run"),
        transaction(shop.warehouse) as connection,
    ):
        land(connection, snapshot, AT, filled)
    assert shop.position() is None
    with transaction(shop.warehouse) as connection:
        land(connection, snapshot, AT, again)
    shop.assert_equal()


def test_a_range_that_breaks_off_ends_the_others_and_nothing_is_landed(line):
    shop = line("wide", snapshot_ranges=3)
    shop.execute(*WIDE)
    with shop.reader() as reader:
        reader.check()
        batches = reader.batches(None)
        snapshot = next(batches)
        # One of the sessions is gone, as if its machine were.
        with closing(psycopg2.connect(shop.url)) as other, other, other.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT l.pid FROM pg_locks l"
                " WHERE l.relation = 'public.wide'::regclass AND l.pid <> pg_backend_pid()"
                " ORDER BY l.pid DESC LIMIT 1) AS last"
            )
        with pytest.raises(RetriableError, match=r"connection to source .* failed"):
            fill_apart(shop.warehouse, snapshot)
    assert shop.position() is None
    shop.collect()
    shop.assert_equal()
    assert asked(shop.warehouse, STAGED) == []


def test_columns_that_cannot_be_landed_are_refused_before_anything_is_filled(line):
    shop = line("wide", snapshot_ranges=2)
    shop.execute(*WIDE, "ALTER TABLE wide ADD _batch int")
    with pytest.raises(FatalError, match="'wide' has a column '_batch', a name that landing needs"):
        shop.collect()
    assert asked(shop.warehouse, STAGED) == []


def test_who_waits_to_alter_a_table_makes_the_run_give_way_at_once(line, monkeypatch):
    shop = line("wide", snapshot_ranges=2)
    shop.execute(*WIDE)
    waiting = Thread(target=shop.execute, args=("ALTER TABLE wide ADD more int",))
    waits = "SELECT 1 FROM pg_locks WHERE relation = 'public.wide'::regclass AND NOT granted"

    def counted(*arguments):
        """The first session has its lock by now, the second one not yet."""
        waiting.start()
        shop.wait_until(lambda: shop.query(waits))
        return ranges.ranges_of(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("include.collect.postgres.snapshot.ranges_of", counted)
        with pytest.raises(RetriableError, match="is in use"):
            shop.collect()
    waiting.join()
    shop.collect()
    shop.assert_equal()
