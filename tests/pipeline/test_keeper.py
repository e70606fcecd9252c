"""What the keeper does for an erasure: nothing else, nothing without a record, and no door stays open."""

import psycopg2
import pytest

from include.warehouse.connection import connect

REFUSED = {
    "a quarantined row": "DELETE FROM quarantine.fraud",
    "an erasure": "DELETE FROM sluice.erasures",
    "a removal": "UPDATE sluice.removals SET removed = 0",
    "a retirement": "TRUNCATE sluice.retirements",
    "the trigger": "ALTER TABLE quarantine.fraud DISABLE TRIGGER ALL",
    "a forged retirement": "INSERT INTO sluice.retirements VALUES ('fraud', 1, 'r', 'x', now())",
    "a version": "DROP TABLE datasets.fraud_v1",
}
CALLS = [
    "sluice.retire('r', 'fraud', 1, 'customer', '7', '{}', now())",
    "sluice.erase_quarantined('r', 'fraud', 'customer', '{7}')",
]
MISUSED = {
    "sluice.retire('r', 'fraud', 1, 'customer', '42', '{}', now())": "fraud_v1 does not hold the subject",
    "sluice.retire('r', 'fraud', 1, 'customer', '', '{}', now())": "fraud_v1 is no version",
    "sluice.retire('r', 'fraud', 9, 'customer', '42', '{}', now())": "fraud_v9 is no version",
    "sluice.erase_quarantined('r', 'fraud', 'customer', '{\"\"}')": "names a field and a subject",
}


@pytest.fixture
def kept(shop):
    """The shop with a version that customer 7 alone is in."""
    shop.publish("run_1", 1, real=[(4, 7)])
    return shop


def test_after_an_erasure_all_that_is_kept_is_as_immutable_as_before(kept):
    kept.erase()
    for statement in REFUSED.values():
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            kept.execute(statement)


def test_even_a_superuser_cannot_remove_quarantined_rows_by_mistake(kept, warehouse_admin_url):
    kept.erase()
    connection = connect(warehouse_admin_url)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="never change"), connection:
        connection.cursor().execute("DELETE FROM quarantine.fraud")
    connection.close()


def test_the_keeper_s_functions_do_what_they_are_for_and_no_more(kept):
    for call, says in MISUSED.items():
        with pytest.raises(psycopg2.errors.InvalidParameterValue, match=says):
            kept.execute(f"SELECT {call}")


def test_nothing_leaves_without_an_erasure_on_record(kept):
    before = kept.content()
    for call in CALLS:
        with pytest.raises(psycopg2.errors.ForeignKeyViolation):
            kept.execute(f"SELECT {call}")
    assert kept.content() == before


def test_who_may_only_read_cannot_call_them(kept):
    connection = connect(kept.url, role="sluice_reader")
    for call in CALLS:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="denied for function"), connection:
            connection.cursor().execute(f"SELECT {call}")
    connection.close()
