"""Quarantine: whole rows with every reason, added once a run, never changed."""

from datetime import UTC, datetime

import psycopg2
import pytest
from psycopg2 import sql

from include.core.refs import GateDecision
from include.warehouse.connection import connect, transaction
from include.warehouse.quarantine import Origin, QuarantinedRow, quarantine, quarantined_rows
from include.warehouse.validations import Validation, record

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
BAD = sql.SQL("""
SELECT * FROM (VALUES
    ('b', '{"id": "b", "amount": -1}'::jsonb, ARRAY['amount', 'late']),
    ('a', '{"id": "a", "amount": null}'::jsonb, ARRAY['amount']),
    (NULL, '{"id": null, "amount": 3}'::jsonb, ARRAY['key']),
    ('a', '{"id": "a", "amount": "NaN"}'::jsonb, ARRAY['amount'])) AS v
""")


def origin(run="r1"):
    return Origin(run, "hash", {"shop": 3}, AT)


def query(warehouse_url, text):
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall()


def test_rows_are_kept_whole_with_every_reason_in_an_order_of_their_own(warehouse_url):
    with transaction(warehouse_url) as connection:
        assert quarantine(connection, "pay", BAD, origin()) == 4
    assert query(warehouse_url, "SELECT * FROM quarantine.pay ORDER BY row_number") == [
        ("r1", 1, "a", {"id": "a", "amount": "NaN"}, ["amount"], "hash", {"shop": 3}, AT),
        ("r1", 2, "a", {"id": "a", "amount": None}, ["amount"], "hash", {"shop": 3}, AT),
        ("r1", 3, "b", {"id": "b", "amount": -1}, ["amount", "late"], "hash", {"shop": 3}, AT),
        ("r1", 4, None, {"id": None, "amount": 3}, ["key"], "hash", {"shop": 3}, AT),
    ]


def test_a_run_adds_its_rows_once_and_another_run_adds_its_own(warehouse_url):
    for run in ("r1", "r1", "r2"):
        with transaction(warehouse_url) as connection:
            assert quarantine(connection, "pay", BAD, origin(run)) == 4
    assert query(warehouse_url, "SELECT run, count(*) FROM quarantine.pay GROUP BY 1 ORDER BY 1") == [
        ("r1", 4),
        ("r2", 4),
    ]


def test_nothing_stays_of_a_transaction_that_fails(warehouse_url):
    with pytest.raises(ZeroDivisionError), transaction(warehouse_url) as connection:
        quarantine(connection, "pay", BAD, origin())
        raise ZeroDivisionError
    assert query(warehouse_url, "SELECT to_regclass('quarantine.pay')") == [(None,)]


def test_rows_without_a_reason_are_refused_by_the_database(warehouse_url):
    whole = sql.SQL("SELECT 'a'::text, '{}'::jsonb, '{}'::text[]")
    with pytest.raises(psycopg2.errors.CheckViolation), transaction(warehouse_url) as connection:
        quarantine(connection, "pay", whole, origin())


@pytest.mark.parametrize("change", ["UPDATE quarantine.pay SET key = 'x'", "DELETE FROM quarantine.pay"])
def test_quarantined_rows_never_change(warehouse_url, change):
    with transaction(warehouse_url) as connection:
        quarantine(connection, "pay", BAD, origin())
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), transaction(warehouse_url) as connection:
        connection.cursor().execute(change)


def test_a_sample_shows_each_combination_of_reasons_before_it_repeats_one(warehouse_url):
    with transaction(warehouse_url) as connection:
        quarantine(connection, "pay", BAD, origin())
        assert quarantined_rows(connection, "pay", "r1", 3) == [
            QuarantinedRow("a", {"id": "a", "amount": "NaN"}, ("amount",)),
            QuarantinedRow("b", {"id": "b", "amount": -1}, ("amount", "late")),
            QuarantinedRow(None, {"id": None, "amount": 3}, ("key",)),
        ]
        assert quarantined_rows(connection, "pay", "another run", 3) == []


ENTRIES = "SELECT key, first_run, last_run FROM quarantine.pay__entries ORDER BY key, row::text"


def judge(warehouse_url):
    """Quarantine the bad rows and record the run that did."""
    judged = Validation(
        run="r1", dataset="pay", stage="gate", decision=GateDecision(decision="publish"), rows=4, passed=0,
        quarantined=4, reasons={}, outcomes=(), batches={"shop": 3}, suite_hash="hash", report="", at=AT,
    )  # fmt: skip
    with transaction(warehouse_url) as connection:
        quarantine(connection, "pay", BAD, origin())
        record(connection, judged)


def test_a_reader_sees_since_when_a_key_is_in_quarantine(warehouse_url):
    judge(warehouse_url)
    connection = connect(warehouse_url, role="sluice_reader", application="a reader")
    try:
        with connection.cursor() as cursor:
            cursor.execute(ENTRIES)
            assert cursor.fetchall() == [("a", "r1", "r1"), ("b", "r1", "r1"), (None, "r1", "r1")]
            cursor.execute("SELECT reasons, rows FROM quarantine.pay__entries WHERE key = 'a'")
            assert cursor.fetchall() == [(["amount"], 2)]
    finally:
        connection.close()


def test_an_erased_row_is_in_no_entry(warehouse_url):
    judge(warehouse_url)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT sluice.erase_quarantined('e1', 'pay', 'id', ARRAY['a'])")
        cursor.execute("INSERT INTO sluice.erasures VALUES ('e1', 'shop', 'payments', 'c', '{}', %s)", (AT,))
    assert query(warehouse_url, ENTRIES) == [("b", "r1", "r1"), (None, "r1", "r1")]


def test_a_quarantine_of_a_former_release_gets_its_entries_with_the_next_run(warehouse_url, warehouse_admin_url):
    judge(warehouse_url)
    admin = psycopg2.connect(warehouse_admin_url)
    with admin, admin.cursor() as cursor:
        cursor.execute("DROP VIEW quarantine.pay__entries")
    admin.close()
    with transaction(warehouse_url) as connection:
        quarantine(connection, "pay", BAD, origin("r2"))
    assert query(warehouse_url, ENTRIES) == [("a", "r1", "r1"), ("b", "r1", "r1"), (None, "r1", "r1")]
