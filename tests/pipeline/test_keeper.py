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


@pytest.mark.parametrize("change", REFUSED)
def test_after_an_erasure_all_that_is_kept_is_as_immutable_as_before(shop, change):
    shop.publish("run_1", 1, real=[(4, 7)])
    shop.erase()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        shop.execute(REFUSED[change])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("sluice.retire('r', 'fraud', 1, 'customer', '42', '{}', now())", "fraud_v1 does not hold the subject"),
        ("sluice.retire('r', 'fraud', 1, 'customer', '', '{}', now())", "fraud_v1 is no version"),
        ("sluice.retire('r', 'fraud', 9, 'customer', '42', '{}', now())", "fraud_v9 is no version"),
        ("sluice.erase_quarantined('r', 'fraud', 'customer', '{\"\"}')", "names a field and a subject"),
    ],
)
def test_the_keeper_s_functions_do_what_they_are_for_and_no_more(shop, call, says):
    shop.publish("run_1", 1, real=[(4, 7)])
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match=says):
        shop.execute(f"SELECT {call}")


CALLS = [
    "sluice.retire('r', 'fraud', 1, 'customer', '7', '{}', now())",
    "sluice.erase_quarantined('r', 'fraud', 'customer', '{7}')",
]


@pytest.mark.parametrize("call", CALLS)
def test_nothing_leaves_without_an_erasure_on_record(shop, call):
    shop.publish("run_1", 1, real=[(4, 7)])
    before = shop.content()
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        shop.execute(f"SELECT {call}")
    assert shop.content() == before


@pytest.mark.parametrize("call", CALLS)
def test_who_may_only_read_cannot_call_them(shop, call):
    shop.publish("run_1", 1, real=[(4, 7)])
    connection = connect(shop.url, role="sluice_reader")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied for function"):
        connection.cursor().execute(f"SELECT {call}")
    connection.close()
