"""Erasing a subject: every place that holds it, what is refused, what stays, and a retry after a kill."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError, RetriableError
from include.core.refs import Erasure
from include.pipeline.erase import survey
from include.pipeline.erase_labels import Outside
from include.pipeline.prove import prove
from include.publish import delivery
from include.specs import Subject
from include.warehouse.connection import connect, transaction
from include.warehouse.exports import hold
from include.warehouse.versions import current, list_versions


def test_the_export_of_a_version_that_holds_the_subject_goes_with_it(shop, tmp_path):
    shop.publish("run_1", 2, real=[(1, 42)])
    shop.publish("run_2", 2, real=[(4, 7)])
    folders = [delivery.place_of(tmp_path, "fraud", number) for number in (1, 2)]
    for folder in folders:
        (folder / "train").mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    assert shop.erase(outside=Outside(tmp_path)).removed["exports"] == 1
    assert [folder.exists() for folder in folders] == [False, True]
    with transaction(shop.url) as connection, pytest.raises(FatalError, match="fraud_v1 is retired"):
        hold(connection, "fraud", 1, patience=1)


def test_a_subject_leaves_history_quarantine_and_staging_and_nobody_else_does(shop):
    erasure = shop.erase()
    assert erasure == Erasure(
        request=shop.request.id,
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
        (n, shop.at if n in told else None, shop.request.id if n in told else None, n == 6)
        for n in (6, 5, 4, 3, 2, 1)
    ]
    assert shop.execute("SELECT DISTINCT reason FROM sluice.retirements") == [("holds the erased subject",)]


def test_of_retired_versions_and_of_runs_that_published_nothing_no_summary_is_left(shop):
    for run, batch, real in (("run_1", 1, [(4, 7)]), ("run_2", 2, [(1, 42), (4, 7)])):
        shop.publish(run, batch, real=real)
    for dataset, run in (("fraud", "run_1"), ("fraud", "run_2"), ("fraud", "run_3"), ("prices", "run_1")):
        shop.execute("INSERT INTO sluice.summaries VALUES (%s, %s, 'amount', '{}')", dataset, run)
    assert shop.erase().retired == {"fraud": [2]}
    assert shop.execute("SELECT dataset, run FROM sluice.summaries") == [("fraud", "run_1")]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        shop.execute("DELETE FROM sluice.summaries")


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
    shop.execute("SELECT sluice.publish('fraud', 'made', 'f', '{}', %s)", shop.at)
    assert shop.erase().retired == {"fraud": [1]}
    assert shop.execute("SELECT reason FROM sluice.retirements") == [
        ("has no column customer by which an erased subject could be found",)
    ]


def test_a_dataset_to_be_rebuilt_is_retired_only_after_a_version_without_the_subject_is_current(shop):
    rebuilt = [shop.fraud.model_copy(update={"on_erasure": "rebuild"}), shop.prices]
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)])
    before = shop.content()
    assert survey(shop.url, shop.source, shop.request, rebuilt) == ["fraud"]
    with pytest.raises(FatalError, match="current version of fraud holds the subject") as caught:
        shop.erase(datasets=rebuilt)
    assert "run curate_fraud" in caught.value.fix
    assert shop.content() == before
    shop.publish("run_3", 3, real=[(4, 7)])
    assert survey(shop.url, shop.source, shop.request, rebuilt) == []
    assert shop.erase(datasets=rebuilt).retired == {"fraud": [1]}
    assert shop.execute("SELECT id FROM datasets.fraud") == [(4,)]
    assert survey(shop.url, shop.source, shop.request, rebuilt) == []


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
    for ask in (shop.erase, lambda: survey(shop.url, shop.source, shop.request, shop.datasets)):
        with pytest.raises(FatalError, match=f"still held by the source 'shop': {where} have") as caught:
            ask()
    assert caught.value.fix == "delete it at the source, run collect_shop, then erase it."
    assert shop.content() == before


def test_a_subject_that_nothing_holds_is_refused_and_is_not_named(shop):
    before = shop.content()
    with pytest.raises(FatalError, match="Nothing in the warehouse holds that subject") as caught:
        shop.erase(ErasureRequest("r", key="4711", receipt=shop.receipt))
    assert "4711" not in str(caught.value)
    assert shop.content() == before


def test_missing_declarations_are_refused(shop):
    with pytest.raises(FatalError, match="'shop' declares no subject"):
        shop.erase(source=shop.source.model_copy(update={"subject": None}))
    silent = shop.fraud.model_copy(update={"name": "silent", "subjects": {}})
    with pytest.raises(FatalError, match="says where it holds a subject: silent"):
        shop.erase(datasets=[*shop.datasets, silent])
    held = {"customers": "id", "payments": "custumer_id"}
    with pytest.raises(FatalError, match="'payments' of 'shop' has no column 'custumer_id'"):
        shop.erase(source=shop.source.model_copy(update={"subject": Subject(table="customers", held=held)}))


def test_the_second_call_of_a_request_returns_what_the_first_did(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    first = shop.erase()
    assert shop.erase() == first
    for other in (
        ErasureRequest(shop.request.id, "7", shop.receipt),
        ErasureRequest(shop.request.id, "42", shop.receipt[::-1]),
    ):
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
        [sys.executable, "-c", ERASER, shop.source.model_dump_json(), shop.request.id, str(shop.reports),
         *(d.model_dump_json() for d in shop.datasets)],
        stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    child.stdin.write(f"{shop.url}\n42\n{shop.receipt}\n")
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
    assert prove(shop.url, shop.source, shop.request, shop.datasets).holds


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


def test_a_build_that_had_begun_is_waited_for_and_what_it_made_is_swept(shop):
    builder = connect(shop.url, role="sluice_writer")
    # The other way round than an erasure would take these tables one by one.
    builder.cursor().execute("SELECT FROM landing.shop_chargebacks LIMIT 1")
    with ThreadPoolExecutor() as pool:
        erasing = pool.submit(shop.erase)
        locks = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory'"
        until(lambda: len(shop.execute(f"{locks} AND d.datname = current_database()")) == 2)
        builder.cursor().execute(
            "CREATE TABLE staging.fraud__late AS SELECT id, customer_id AS customer FROM landing.shop_payments"
        )
        builder.commit()
        assert erasing.result(60).removed["staging.fraud"] == 2
    builder.close()
    assert shop.tables("staging") == ["other__run_9"]


def test_a_view_that_others_built_on_a_version_is_named(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    shop.execute("CREATE VIEW staging.mine AS SELECT id FROM datasets.fraud_v1")
    with pytest.raises(FatalError, match=r"view staging\.mine depends on table datasets\.fraud_v1"):
        shop.erase()
