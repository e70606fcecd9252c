"""What is landed as pseudonyms, against what is declared: a pure decision, written down with the batch."""

from datetime import UTC, datetime

import psycopg2
import pytest

from include.core.batch import Batch, Column, Table, TableChanges
from include.core.pseudonyms import PseudonymKey
from include.specs import PostgresSource
from include.warehouse.connection import transaction
from include.warehouse.landing import land
from include.warehouse.pseudonyms import Known, Pseudonyms, changes, declared, record, refuse_changes

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = PseudonymKey("people", "k1", b"a test's own key, 32 bytes long.")
SHOP = PostgresSource(name="shop", connection="shop", tables=("a", "b"), pii={"a": ("mail",)}, key_domain="people")
COLUMNS = frozenset({"id", "mail", "name"})


def under(key="k1", domain="people", **columns):
    return Pseudonyms(columns, domain, key, "check")


@pytest.mark.parametrize(
    ("known", "wanted", "present", "expected"),
    [
        (under(mail="exact"), under(mail="exact"), COLUMNS, []),
        (None, None, COLUMNS, []),
        (None, under(mail="exact"), COLUMNS, [("its clear values are landed already", False)]),
        (under(mail="exact"), under(mail="exact", phone="exact"), {*COLUMNS, "phone"}, []),
        (under(mail="exact"), None, COLUMNS, [("no longer declared pii", False)]),
        (under(mail="exact"), None, {"id", "name"}, []),
        (under(mail="exact"), under(mail="casefold"), COLUMNS, [("was 'exact', and is now 'casefold'", False)]),
        (under(mail="exact"), under("k2", mail="exact"), COLUMNS, [("under key 'k1' of domain 'people'", True)]),
        (under(mail="exact"), under(domain="x", mail="exact"), COLUMNS, [("key is now 'k1' of 'x'", True)]),
        (
            under(mail="exact"),
            under("k2", mail="exact", name="exact"),
            COLUMNS,
            [("column 'name' of table 'a' is declared pii", False), ("the key is now 'k2'", True)],
        ),
    ],
    ids=range(10),
)
def test_only_what_would_mix_clear_values_or_keys_in_a_landed_column_is_a_change(known, wanted, present, expected):
    wanted = {"new": under(x="exact")} | ({"a": wanted} if wanted else {})
    found = changes({"a": Known(COLUMNS, known), "b": Known(COLUMNS)}, wanted, {"a": present})
    assert [change.rekeyed for change in found] == [rekeyed for _, rekeyed in expected]
    assert all(text in change.told for change, (text, _) in zip(found, expected, strict=True))


def landed(*tables, start=None, end="p1"):
    shape = (Column("id", "integer"), Column("mail", "text"))
    changes = [TableChanges(Table(name, shape, ("id",)), iter(range(1, 9))) for name in tables]
    for table in changes:
        table.upsert(("1", "a"))
    return Batch("shop", start, end, tuple(changes))


def test_a_table_is_written_down_once_with_the_batch_that_first_lands_it(warehouse_url):
    wanted = declared(SHOP.model_copy(update={"pii": {"a": ("mail",), "b": ("mail",)}}), KEY)
    for batch in (landed("a"), landed("a", start="p1", end="p2"), landed("b", start="p2", end="p3")):
        with transaction(warehouse_url) as connection:
            record(connection, land(connection, batch, AT), wanted)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name, batch, columns, key_id FROM sluice.pseudonymised ORDER BY batch")
        assert cursor.fetchall() == [("a", 1, {"mail": "exact"}, "k1"), ("b", 3, {"mail": "exact"}, "k1")]
        refuse_changes(connection, "shop", wanted, {"a": ["id", "mail"], "b": ["id", "mail"]})


def test_what_is_written_down_is_never_edited(warehouse_url):
    with transaction(warehouse_url) as connection:
        record(connection, land(connection, landed("a"), AT), declared(SHOP, KEY))
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), transaction(warehouse_url) as connection:
        connection.cursor().execute("UPDATE sluice.pseudonymised SET key_id = 'k2'")


def test_a_source_without_personal_columns_writes_nothing_down(warehouse_url):
    plain = SHOP.model_copy(update={"pii": {}, "key_domain": None})
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        record(connection, land(connection, landed("a"), AT), declared(plain, None))
        cursor.execute("SELECT count(*) FROM sluice.pseudonymised")
        assert cursor.fetchone() == (0,)
