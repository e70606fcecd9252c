"""Wherever a run is broken, the next one ends right: every step of a run, and every way of breaking there."""

import time
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql

from include.collect.postgres import decommission
from include.collect.postgres.slot import Position, lsn_number
from include.core.errors import RetriableError
from include.core.failpoints import ACTIONS, COLLECTING
from include.core.seeds import seed_of
from include.pipeline.reconcile import reconcile
from include.specs import PostgresSource
from include.warehouse.connection import transaction
from include.warehouse.prepare import prepare
from tests.broken_runs import BrokenRuns
from tests.collect.postgres.conftest import AT, Line

# Each case has a schema of its own in one database; {s} stands for it.
BEFORE = """
CREATE SCHEMA {s};
CREATE TABLE {s}.docs (id int PRIMARY KEY, body text, n int);
ALTER TABLE {s}.docs ALTER body SET STORAGE EXTERNAL;
CREATE TABLE {s}.bag (word text, body text);
ALTER TABLE {s}.bag REPLICA IDENTITY FULL;
CREATE TABLE {s}.items (id int PRIMARY KEY, price numeric(8,2));
INSERT INTO {s}.docs SELECT g, repeat('s', 3000), 0 FROM generate_series(1, 9) g;
INSERT INTO {s}.bag VALUES ('a', 'x'), ('a', 'x'), (NULL, 'y');
INSERT INTO {s}.items SELECT g, g FROM generate_series(1, 5) g;
CREATE TABLE {s}.wide (id int PRIMARY KEY, filling text);
ALTER TABLE {s}.wide ALTER filling SET STORAGE PLAIN;
INSERT INTO {s}.wide SELECT g, repeat('w', 3000) FROM generate_series(1, 9) g
"""
# What the broken run meets, in small batches: TOAST, moved keys, a truncation, a change of shape that is followed,
# and one for which the table is taken anew.
CHANGES = [
    "INSERT INTO {s}.docs SELECT g, repeat('n', 3000), 0 FROM generate_series(20, 24) g",
    "UPDATE {s}.docs SET n = n + 1 WHERE id < 3; UPDATE {s}.docs SET body = repeat('u', 3000) WHERE id = 2",
    "UPDATE {s}.docs SET id = id + 100 WHERE id IN (3, 4)",
    "UPDATE {s}.bag SET word = 'b' WHERE word = 'a'; DELETE FROM {s}.docs WHERE id = 5",
    "TRUNCATE {s}.bag",
    "INSERT INTO {s}.bag VALUES ('c', 'z'), ('c', 'z')",
    "ALTER TABLE {s}.items ADD colour text DEFAULT 'red'",
    "UPDATE {s}.items SET price = price + 1; DELETE FROM {s}.items WHERE id = 2",
    "ALTER TABLE {s}.docs ALTER n TYPE bigint",
    "UPDATE {s}.docs SET n = 9 WHERE id = 1",
]
# What is written at the source after a run was broken.
AFTER = [
    "UPDATE {s}.docs SET id = id + 1000, n = 7 WHERE id IN (1, 103); DELETE FROM {s}.docs WHERE id = 2",
    "UPDATE {s}.items SET price = 0 WHERE id = 3; INSERT INTO {s}.items VALUES (9, 9)",
    "INSERT INTO {s}.bag SELECT * FROM {s}.bag LIMIT 1",
    "UPDATE {s}.wide SET filling = 'narrow' WHERE id IN (1, 9); DELETE FROM {s}.wide WHERE id = 5",
]
OVERLAPS = """
SELECT count(*) FROM (
    SELECT _seq_from, _seq_to, lead(_seq_from) OVER (PARTITION BY id ORDER BY _seq_from) AS next FROM {}) AS i
WHERE _seq_from >= _seq_to OR next < coalesce(_seq_to, next + 1)
"""
TORN = """
SELECT count(*) FROM (SELECT position_from, seq_from, lag(position_to) OVER w AS reached, lag(seq_to) OVER w AS seq
                      FROM sluice.batches WHERE source = %s WINDOW w AS (ORDER BY batch)) AS b
WHERE position_from IS DISTINCT FROM reached OR seq_from <> coalesce(seq, 0) + 1
"""


def collect(runs, line, fault, while_it_hangs=lambda: None):
    """Let a run meet the fault; its exit code and how often it reached each step."""
    case = {
        "source": line.source.model_dump(mode="json"),
        "url": line.url,
        "warehouse": line.warehouse,
        "changes": [change.format(s=line.source.name) for change in CHANGES],
    }
    return runs.run(case, fault, while_it_hangs)


@pytest.fixture(scope="module")
def broken_runs():
    runs = BrokenRuns("tests.collect.postgres.broken_collection:collect_twice")
    yield runs
    runs.close()


@pytest.fixture(scope="module")
def new_line(postgres):
    """Makes a line with a schema of its own, in one source database and one warehouse for all cases."""
    names = [f"{kind}_{uuid4().hex[:10]}" for kind in ("source", "warehouse")]
    for name in names:
        postgres.create_database(name)
    source_url, admin_url = map(postgres.url, names)
    prepare(admin_url, login="sluice", password="a test's own password")
    warehouse_url = postgres.url(names[1], user="sluice", password="a test's own password")

    def make(name):
        line = Line(source_url, warehouse_url, "x")
        tables = tuple(f"{name}.{table}" for table in ("docs", "bag", "items", "wide"))
        line.source = PostgresSource(name=name, connection="x", tables=tables, batch_changes=4, snapshot_ranges=2)
        line.execute(BEFORE.format(s=name))
        return line

    yield make
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.close()


@pytest.fixture(scope="module")
def reached(new_line, broken_runs):
    """How often a whole run reaches each step."""
    line = new_line("census")
    code, counts = collect(broken_runs, line, None)
    assert code == 0
    line.wait_until(lambda: not line.slot("active"))
    decommission(line.source, line.url)
    return counts


def recovered(line):
    """The proof of the first run that is let in: the server notices a moment later that a killed one is gone."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return reconcile(line.source, line.url, line.warehouse, at=AT)
        except RetriableError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def assert_right(line):
    """The landing is the source at one LSN, its history has no gap and no overlap, and the slot is not ahead."""
    proof = recovered(line)
    assert proof.equal, proof
    with transaction(line.warehouse) as connection, connection.cursor() as cursor:
        for table in (f"{line.source.name}.docs", f"{line.source.name}.items", f"{line.source.name}.wide"):
            landed = sql.Identifier("landing", f"{line.source.name}_{table}")
            cursor.execute(sql.SQL(OVERLAPS).format(landed))
            assert cursor.fetchone() == (0,)
        cursor.execute(TORN, (line.source.name,))
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace AND relname ~ %s",
            (line.source.name,),
        )
        assert cursor.fetchall() == []
    assert lsn_number(line.slot()) <= Position.parse(line.position()).lsn


def test_a_run_reaches_every_step_that_can_be_broken(reached):
    assert set(reached) == set(COLLECTING)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("step", COLLECTING)
def test_broken_at_any_step_in_any_way_the_next_run_ends_right(new_line, broken_runs, reached, step, action):
    line = new_line(f"{step}_{action}".replace(".", "_"))
    hit = 1 + seed_of(step, action) % reached[step]

    def another_run_is_refused():
        if step != "source.lock":
            with pytest.raises(RetriableError, match="Another run is reading"):
                line.collect()

    code, _ = collect(broken_runs, line, f"{step}={action}:{hit}", another_run_is_refused)
    assert code == {"reject": 1, "fail": 1, "hang": -9, "kill": -9}[action]
    line.execute(*(statement.format(s=line.source.name) for statement in AFTER))
    assert_right(line)
    line.wait_until(lambda: not line.slot("active"))
    decommission(line.source, line.url)
