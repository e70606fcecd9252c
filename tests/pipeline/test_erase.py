"""Erasing a subject: every place that holds it, what is refused, what stays, and the proof."""

import subprocess
import sys
import time
from datetime import UTC, datetime

import psycopg2
import pytest
from psycopg2.extras import Json

from include.core.erasure import ErasureRequest, requested
from include.core.errors import FatalError, RetriableError
from include.core.refs import Erasure
from include.pipeline.erase import erase, survey
from include.pipeline.prove import prove, verify
from include.specs import Dataset, PostgresSource, Subject, Via
from include.warehouse.connection import connect, transaction
from include.warehouse.versions import current, list_versions

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
SHOP = PostgresSource(
    name="shop",
    connection="shop",
    tables=("customers", "payments", "chargebacks", "reviews"),
    subject=Subject(
        table="customers",
        held={
            "customers": "id",
            "payments": "customer_id",
            "chargebacks": Via(column="payment_id", table="payments", key="id"),
            "reviews": "customer_id",
        },
    ),
)
FRAUD = Dataset(
    name="fraud", sources=("shop",), key="id", group="customer", label="is_fraud", subjects={"shop": "customer"}
)
PRICES = Dataset(name="prices", sources=("shop",), key="id", label="high", subjects={"shop": None})
DATASETS = [FRAUD, PRICES]
RECEIPT = "7c0ffee7" * 5
REQUEST = ErasureRequest("manual__2026-05-01", key="42", receipt=RECEIPT)

# Customer 42 left with batch 3. Payment 3 was moved to customer 7, who is still there; reviews were never landed.
# The source's payments.customer_id was once of another type, and is landed under two names.
LANDED = """
CREATE TABLE landing.shop_customers (id int, name text, _seq_from bigint, _seq_to bigint, _batch bigint);
CREATE TABLE landing.shop_payments (id int, customer_id int, customer_id__2 text,
    _seq_from bigint, _seq_to bigint, _batch bigint);
CREATE TABLE landing.shop_chargebacks (id int, payment_id int, _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_customers VALUES
    (42, 'Ada', 1, 4, 1), (42, 'Ada L', 4, 20, 2), (7, 'Bo', 2, NULL, 1), (420, 'Cy', 3, NULL, 1);
INSERT INTO landing.shop_payments VALUES
    (1, 42, NULL, 5, 21, 2), (2, NULL, '42', 6, 22, 2), (3, 42, NULL, 7, 8, 2), (3, NULL, '7', 8, NULL, 2),
    (4, 7, NULL, 9, NULL, 2), (5, NULL, '420', 10, NULL, 2);
INSERT INTO landing.shop_chargebacks VALUES (1, 1, 11, 23, 2), (2, 3, 12, NULL, 2), (3, 4, 13, NULL, 2);
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at) VALUES
    ('shop', 'a', 1, 3, '{}', 0, '2026-01-01Z'), ('shop', 'b', 4, 13, '{}', 0, '2026-01-02Z'),
    ('shop', 'c', 14, 30, '{}', 0, '2026-01-03Z');
INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key) VALUES
    ('shop', 'customers', 1, 'shop_customers', '[{"name": "id"}, {"name": "name"}]', '{id}'),
    ('shop', 'payments', 1, 'shop_payments', '[{"name": "id"}, {"name": "customer_id"}]', '{id}'),
    ('shop', 'payments', 2, 'shop_payments',
        '[{"name": "id", "landed": "id"}, {"name": "customer_id", "landed": "customer_id__2"}]', '{id}'),
    ('shop', 'chargebacks', 1, 'shop_chargebacks', '[{"name": "id"}, {"name": "payment_id"}]', '{id}');
SELECT sluice.ensure_quarantine('fraud'), sluice.ensure_quarantine('shop_payments'),
    sluice.ensure_quarantine('shop_chargebacks');
INSERT INTO quarantine.fraud VALUES
    ('run_2', 1, '1', '{"id": 1, "customer": 42}', '{amount}', 's', '{"shop": 2}', '2026-01-02Z'),
    ('run_2', 2, '4', '{"id": 4, "customer": 7}', '{amount}', 's', '{"shop": 2}', '2026-01-02Z');
INSERT INTO quarantine.shop_payments VALUES
    ('batch 2', 1, '9', '{"id": 9, "customer_id": "42"}', '{type}', NULL, '{"shop": 2}', '2026-01-02Z');
INSERT INTO quarantine.shop_chargebacks VALUES
    ('batch 2', 1, '8', '{"id": 8, "payment_id": 2}', '{type}', NULL, '{"shop": 2}', '2026-01-02Z'),
    ('batch 2', 2, '9', '{"id": 9, "payment_id": 3}', '{type}', NULL, '{"shop": 2}', '2026-01-02Z');
CREATE TABLE staging.fraud__run_9__passed AS SELECT 42 AS customer;
CREATE TABLE staging.prices__run_9 AS SELECT 1 AS id;
CREATE TABLE staging.other__run_9 AS SELECT 1 AS id;
"""
VERSION = """
CREATE TABLE staging.made (id int, customer int, is_fraud boolean, _id text, _split text, _origin text,
    _parents text[], _method text, _params jsonb, _seed bigint)
"""


class Shop:
    """A warehouse of the shop, and what to ask of it."""

    def __init__(self, url, reports):
        self.url, self.reports = url, reports
        self.execute(LANDED)

    def execute(self, query, *parameters):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def publish(self, run, batch, real=(), made=(), dataset="fraud"):
        """A version with these real rows (id, customer) and made rows (their parents)."""
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(VERSION)
            for id, customer in real:
                cursor.execute(
                    "INSERT INTO staging.made VALUES (%s, %s, true, %s, 'train', 'real', '{}')",
                    (id, customer, str(id)),
                )
            for parents in made:
                cursor.execute(
                    "INSERT INTO staging.made (_id, _split, _origin, _parents) VALUES (%s, 'train', 'smote', %s)",
                    ("+".join(parents), list(parents)),
                )
            manifest = {"run": run, "sources": [{"source": "shop", "batch": batch}]}
            cursor.execute(
                "SELECT published FROM sluice.publish(%s, 'made', %s, %s, %s)", (dataset, run, Json(manifest), AT)
            )
            return cursor.fetchone()[0]

    def judged(self, run, batch, dataset="fraud"):
        """A judgement with its page."""
        report = f"{dataset}/{run}/gate.html"
        self.execute(
            "INSERT INTO sluice.validations (run, dataset, stage, decision, rows, passed, quarantined, reasons,"
            " outcomes, batches, suite_hash, report, judged_at)"
            " VALUES (%s, %s, 'gate', 'publish', 1, 1, 0, '{}', '[]', %s, 's', %s, %s)",
            run, dataset, Json({"shop": batch}), report, AT,
        )  # fmt: skip
        page = self.reports / report
        page.parent.mkdir(parents=True)
        page.write_text("a page")
        return page

    def erase(self, request=REQUEST, source=SHOP, datasets=DATASETS, **options):
        return erase(self.url, source, request, datasets=datasets, reports=self.reports, at=AT, **options)

    def tables(self, schema):
        found = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", schema)
        return [name for (name,) in found]

    def content(self):
        """Everything that the warehouse holds, by table."""
        return {
            f"{schema}.{table}": self.execute(f'SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1')
            for schema in ("landing", "quarantine", "staging", "datasets", "sluice")
            for table in self.tables(schema)
        }


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return Shop(warehouse_url, tmp_path / "reports")


def test_a_subject_leaves_history_quarantine_and_staging_and_nobody_else_does(shop):
    erasure = shop.erase()
    assert erasure == Erasure(
        request=REQUEST.id,
        source="shop",
        removed={
            "landing.shop_chargebacks": 1,
            "landing.shop_customers": 2,
            "landing.shop_payments": 3,
            "quarantine.fraud": 1,
            "quarantine.shop_chargebacks": 1,
            "quarantine.shop_payments": 1,
            "reports": 0,
            "staging.fraud": 1,
            "staging.prices": 1,
        },
        retired={},
    )
    assert shop.execute("SELECT id, name FROM landing.shop_customers ORDER BY id") == [(7, "Bo"), (420, "Cy")]
    assert shop.execute("SELECT id, customer_id, customer_id__2 FROM landing.shop_payments ORDER BY id") == [
        (3, None, "7"), (4, 7, None), (5, None, "420"),
    ]  # fmt: skip
    assert shop.execute("SELECT id, payment_id FROM landing.shop_chargebacks ORDER BY id") == [(2, 3), (3, 4)]
    assert shop.execute("SELECT key FROM quarantine.fraud") == [("4",)]
    assert shop.execute("SELECT key FROM quarantine.shop_chargebacks") == [("9",)]
    assert shop.execute("SELECT key FROM quarantine.shop_payments") == []
    assert shop.tables("staging") == ["other__run_9"]


def test_versions_that_hold_the_subject_are_retired_and_the_view_moves_to_the_newest_without_it(shop):
    shop.publish("run_1", 1, real=[(4, 7)])
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)], made=[("1", "4")])
    shop.publish("run_3", 2, real=[(4, 7)], made=[("1", "4")])
    shop.publish("run_4", 3, real=[(4, 7), (5, 420)], made=[("4", "5")])
    shop.publish("run_5", 3, real=[(1, 42)])
    shop.publish("run_6", 3, real=[(1, 7)], made=[("1",)])
    shop.execute("SELECT sluice.point_at('fraud', 5)")
    erasure = shop.erase()
    assert erasure.retired == {"fraud": [2, 3, 5]}
    assert {place: rows for place, rows in erasure.removed.items() if place.startswith("datasets.")} == {
        "datasets.fraud_v2": 2, "datasets.fraud_v3": 1, "datasets.fraud_v5": 1,
    }  # fmt: skip
    assert shop.tables("datasets") == ["fraud_v1", "fraud_v4", "fraud_v6"]
    assert shop.execute("SELECT version FROM sluice.current_versions") == [(6,)]
    assert shop.execute("SELECT id, customer FROM datasets.fraud WHERE _origin = 'real'") == [(1, 7)]
    with transaction(shop.url) as connection:
        found = [(v.version, v.retired_at, v.retired_by, v.current) for v in list_versions(connection, "fraud")]
    told = {2, 3, 5}
    assert found == [
        (n, AT if n in told else None, REQUEST.id if n in told else None, n == 6) for n in (6, 5, 4, 3, 2, 1)
    ]
    assert shop.execute("SELECT DISTINCT reason FROM sluice.retirements") == [("holds the erased subject",)]


def test_where_no_version_is_left_the_view_keeps_its_columns_and_has_no_rows(shop):
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)])
    shop.execute("CREATE VIEW staging.frauds AS SELECT id FROM datasets.fraud WHERE is_fraud")
    shop.erase()
    assert shop.execute("SELECT id, customer, _parents FROM datasets.fraud") == []
    assert shop.execute("SELECT id FROM staging.frauds") == []
    with transaction(shop.url) as connection:
        assert current(connection, "fraud") is None
    assert shop.publish("run_7", 3, real=[(4, 7)]) == 2
    assert shop.execute("SELECT id FROM staging.frauds") == [(4,)]


def test_a_retired_version_is_neither_shown_nor_published_again(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    shop.erase()
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="fraud_v1 is retired"):
        shop.execute("SELECT sluice.point_at('fraud', 1)")
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="fraud_v1, which an erasure retired"):
        shop.publish("run_2", 2, real=[(1, 42)])


def test_a_version_without_the_column_cannot_be_shown_to_be_clean_and_goes_too(shop):
    shop.execute("CREATE TABLE staging.made AS SELECT 1 AS id")
    shop.execute("SELECT sluice.publish('fraud', 'made', 'f', '{}', %s)", AT)
    assert shop.erase().retired == {"fraud": [1]}
    assert shop.execute("SELECT reason FROM sluice.retirements") == [
        ("has no column customer by which an erased subject could be found",)
    ]


def test_a_dataset_to_be_rebuilt_is_retired_only_after_a_version_without_the_subject_is_current(shop):
    rebuilt = [FRAUD.model_copy(update={"on_erasure": "rebuild"}), PRICES]
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)])
    before = shop.content()
    assert survey(shop.url, SHOP, REQUEST, rebuilt) == ["fraud"]
    with pytest.raises(FatalError, match="current version of fraud holds the subject") as caught:
        shop.erase(datasets=rebuilt)
    assert "run curate_fraud" in caught.value.fix
    assert shop.content() == before
    shop.publish("run_3", 3, real=[(4, 7)])
    assert survey(shop.url, SHOP, REQUEST, rebuilt) == []
    assert shop.erase(datasets=rebuilt).retired == {"fraud": [1]}
    assert shop.execute("SELECT id FROM datasets.fraud") == [(4,)]
    assert survey(shop.url, SHOP, REQUEST, rebuilt) == []


def test_pages_that_may_show_the_subject_go_and_the_others_stay(shop):
    before = shop.judged("run_0", 1)
    shop.execute("UPDATE landing.shop_customers SET _seq_from = 4 WHERE id = 42")
    during, foreign = shop.judged("run_2", 2), shop.judged("run_2", 2, dataset="other")
    after, published = shop.judged("run_4", 3), shop.judged("run_5", 3)
    shop.publish("run_5", 3, real=[(1, 42)])
    assert shop.erase().removed["reports"] == 2
    assert [page.exists() for page in (before, during, foreign, after, published)] == [
        True, False, True, True, False,
    ]  # fmt: skip
    assert shop.execute("SELECT count(*) FROM sluice.validations") == [(5,)]


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE landing.shop_customers SET _seq_to = NULL WHERE name = 'Ada L'", "landing.shop_customers"),
        ("UPDATE landing.shop_chargebacks SET _seq_to = NULL WHERE id = 1", "landing.shop_chargebacks"),
    ],
)
def test_a_subject_that_the_source_still_has_is_refused(shop, statement, where):
    shop.execute(statement)
    before = shop.content()
    for ask in (shop.erase, lambda: survey(shop.url, SHOP, REQUEST, DATASETS)):
        with pytest.raises(FatalError, match=f"still held by the source 'shop': {where} have") as caught:
            ask()
    assert caught.value.fix == "delete it at the source, run collect_shop, then erase it."
    assert shop.content() == before


def test_a_subject_that_nothing_holds_is_refused_and_is_not_named(shop):
    before = shop.content()
    with pytest.raises(FatalError, match="Nothing in the warehouse holds that subject") as caught:
        shop.erase(ErasureRequest("r", key="4711", receipt=RECEIPT))
    assert "4711" not in str(caught.value)
    assert shop.content() == before


def test_missing_declarations_are_refused(shop):
    with pytest.raises(FatalError, match="'shop' declares no subject"):
        shop.erase(source=SHOP.model_copy(update={"subject": None}))
    silent = FRAUD.model_copy(update={"name": "silent", "subjects": {}})
    with pytest.raises(FatalError, match="says where it holds a subject: silent"):
        shop.erase(datasets=[*DATASETS, silent])
    held = {"customers": "id", "payments": "custumer_id"}
    with pytest.raises(FatalError, match="'payments' of 'shop' has no column 'custumer_id'"):
        shop.erase(source=SHOP.model_copy(update={"subject": Subject(table="customers", held=held)}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": " ", "confirmation": " "}, "key of the subject to erase is empty"),
        ({"confirmation": "43"}, "confirmation must be the subject's key"),
        ({"receipt": "short"}, "32 characters or more, this one has 5"),
        ({"receipt": RECEIPT + "\x00"}, "NUL"),
    ],
)
def test_a_request_is_typed_twice_and_has_a_receipt(changes, says):
    asked = {"key": "42", "confirmation": "42", "receipt": RECEIPT}
    assert requested("r", **asked) == ErasureRequest("r", "42", RECEIPT)
    with pytest.raises(FatalError, match=says):
        requested("r", **asked | changes)


def test_a_request_does_not_print_whom_it_is_about():
    assert repr(REQUEST) == "ErasureRequest(id='manual__2026-05-01')"


def test_the_second_call_of_a_request_returns_what_the_first_did(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    first = shop.erase()
    assert shop.erase() == first
    for other in (ErasureRequest(REQUEST.id, "7", RECEIPT), ErasureRequest(REQUEST.id, "42", RECEIPT[::-1])):
        with pytest.raises(FatalError, match="was carried out for another subject, or with another receipt"):
            shop.erase(other)


ERASER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from include.core.erasure import ErasureRequest
from include.pipeline.erase import erase
from include.specs import Dataset, PostgresSource
url, key, receipt = (line.strip() for line in sys.stdin)
source = PostgresSource.model_validate_json(sys.argv[1])
datasets = [Dataset.model_validate_json(text) for text in sys.argv[4:]]
erase(url, source, ErasureRequest(sys.argv[2], key, receipt), datasets=datasets, reports=Path(sys.argv[3]),
      at=datetime(2026, 5, 1, 12, tzinfo=UTC))
"""


def test_killed_before_its_commit_it_has_erased_nothing_and_the_retry_ends_right(shop, warehouse_admin_url):
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)])
    shop.judged("run_2", 2)
    before = shop.content()
    # All is done but for the fact when the eraser meets this lock.
    holder = psycopg2.connect(warehouse_admin_url)
    holder.cursor().execute("LOCK TABLE sluice.erasures IN SHARE MODE")
    child = subprocess.Popen(
        [sys.executable, "-c", ERASER, SHOP.model_dump_json(), REQUEST.id, str(shop.reports),
         *(d.model_dump_json() for d in DATASETS)],
        stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    child.stdin.write(f"{shop.url}\n42\n{RECEIPT}\n")
    child.stdin.close()
    until(lambda: shop.execute("SELECT 1 FROM pg_locks WHERE NOT granted"
                               " AND relation = 'sluice.erasures'::regclass"))  # fmt: skip
    child.kill()
    child.wait(30)
    holder.close()
    until(lambda: not shop.execute("SELECT 1 FROM pg_locks WHERE relation = 'landing.shop_customers'::regclass"))
    assert shop.content() == before
    erasure = shop.erase()
    assert (erasure.retired, erasure.removed["landing.shop_customers"]) == ({"fraud": [1]}, 2)
    assert prove(shop.url, SHOP, REQUEST, DATASETS).holds


def until(condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("held", ["landing.shop_payments", "datasets.fraud_v1", "quarantine.fraud"])
def test_tables_that_are_read_for_too_long_are_left_for_a_retry(shop, warehouse_admin_url, held):
    shop.publish("run_2", 2, real=[(1, 42)])
    before = shop.content()
    reader = connect(warehouse_admin_url, role="sluice_writer")
    mode = "ROW EXCLUSIVE" if held.startswith("quarantine") else "ACCESS SHARE"
    reader.cursor().execute(f"LOCK TABLE {held} IN {mode} MODE")
    with pytest.raises(RetriableError, match=r"longer than 0\.2 s; nothing was erased"):
        shop.erase(patience=0.2)
    reader.close()
    assert shop.content() == before
    assert shop.erase().retired == {"fraud": [1]}


def test_a_view_that_others_built_on_a_version_is_named(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    shop.execute("CREATE VIEW staging.mine AS SELECT id FROM datasets.fraud_v1")
    with pytest.raises(FatalError, match=r"view staging\.mine depends on table datasets\.fraud_v1"):
        shop.erase()


def test_the_proof_holds_for_this_key_alone_and_does_not_tell_it(shop):
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)], made=[("1", "4")])
    shop.erase()
    assert prove(shop.url, SHOP, REQUEST, DATASETS).holds
    for other in (ErasureRequest(REQUEST.id, "7", RECEIPT), ErasureRequest(REQUEST.id, "42", RECEIPT[::-1])):
        assert not verify(shop.url, SHOP, other, DATASETS).about_this_key
        with pytest.raises(FatalError, match="about another key, or the receipt is another's"):
            prove(shop.url, SHOP, other, DATASETS)
    with pytest.raises(FatalError, match="There is no erasure 'r' of source 'shop'"):
        verify(shop.url, SHOP, ErasureRequest("r", "42", RECEIPT), DATASETS)
    ((facts,),) = shop.execute("SELECT e::text FROM sluice.erasures e")
    assert RECEIPT not in facts
    assert shop.execute("SELECT commitment, referenced FROM sluice.erasures") == [
        (
            REQUEST.commitment("shop", "42"),
            {
                "chargebacks": sorted(
                    [REQUEST.commitment("chargebacks", "1"), REQUEST.commitment("chargebacks", "2")]
                ),
                "datasets.fraud": [REQUEST.commitment("datasets.fraud", "1")],
            },
        )
    ]


PLANTED = {
    "landing.shop_customers": "INSERT INTO landing.shop_customers VALUES (42, 'Ada', 1, 2, 1)",
    "landing.shop_chargebacks": "INSERT INTO landing.shop_chargebacks VALUES (1, 2, 11, 23, 2)",
    "quarantine.fraud": "INSERT INTO quarantine.fraud VALUES"
    " ('r', 1, '1', '{\"customer\": 42}', '{amount}', 's', '{}', '2026-01-02Z')",
    "quarantine.shop_chargebacks": "INSERT INTO quarantine.shop_chargebacks VALUES"
    " ('r', 1, '1', '{\"payment_id\": 1}', '{amount}', 's', '{}', '2026-01-02Z')",
    "staging.fraud__r": "CREATE TABLE staging.fraud__r AS SELECT 42 AS customer",
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_leftover_anywhere_breaks_the_proof(shop, place):
    shop.erase()
    shop.execute(PLANTED[place])
    assert verify(shop.url, SHOP, REQUEST, DATASETS).held == {place: 1}
    with pytest.raises(FatalError, match=f"is held again: {{'{place}': 1}}"):
        prove(shop.url, SHOP, REQUEST, DATASETS)


def test_a_version_with_the_subject_or_with_rows_made_of_it_breaks_the_proof(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    shop.erase()
    shop.publish("run_3", 3, real=[(4, 42)])
    shop.publish("run_4", 3, real=[(4, 7)], made=[("1", "4")])
    assert verify(shop.url, SHOP, REQUEST, DATASETS).held == {"datasets.fraud_v2": 1, "datasets.fraud_v3": 1}


def test_the_proof_is_checked_by_hand_without_the_key_in_the_command(shop, warehouse_url):
    request = ErasureRequest("r", key="42", receipt=RECEIPT)
    erase(shop.url, SHOP, request, datasets=[], reports=shop.reports, at=AT)
    for receipt, said in ((RECEIPT, "was about this key"), (RECEIPT[::-1], "about another key")):
        done = subprocess.run(
            [sys.executable, "-m", "include.pipeline.prove", "shop", "r"], input=f"42\n{receipt}\n", text=True,
            capture_output=True, timeout=60, check=False, env={"SLUICE_WAREHOUSE_URL": warehouse_url, "PATH": ""},
        )  # fmt: skip
        assert said in done.stdout + done.stderr


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


@pytest.mark.parametrize(
    "call",
    [
        "sluice.retire('r', 'fraud', 1, 'customer', '7', '{}', now())",
        "sluice.erase_quarantined('r', 'fraud', 'customer', '{7}')",
    ],
)
def test_nothing_leaves_without_an_erasure_on_record(shop, call):
    shop.publish("run_1", 1, real=[(4, 7)])
    before = shop.content()
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        shop.execute(f"SELECT {call}")
    assert shop.content() == before
