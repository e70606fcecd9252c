"""The whole line, run by Airflow on one machine: what the summary says is what the database holds."""

import json
from contextlib import closing, contextmanager

import pytest

from include.catalog import DATASETS
from include.local.job import do_the_job
from include.publish import delivery
from include.warehouse.connection import connect, transaction

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(900)]


@contextmanager
def asked(stack):
    with transaction(stack.warehouse_url) as connection, connection.cursor() as cursor:

        def ask(question, *values):
            cursor.execute(question, values)
            return cursor.fetchall()

        yield ask


@pytest.fixture(scope="module")
def first_run(stack):
    """The summary of the first run on an empty warehouse."""
    assert do_the_job(stack) == 0
    return json.loads(stack.place.last_run.read_text())


def test_every_dataset_has_a_version_and_every_piece_of_planted_dirt_was_caught(first_run, stack):
    assert first_run["ok"]
    with asked(stack) as ask:
        current = dict(ask("SELECT dataset, version FROM sluice.current_versions"))
        assert current == {dataset.name: 1 for dataset in DATASETS}


def test_rows_in_are_rows_passed_plus_rows_quarantined(first_run, stack):
    with asked(stack) as ask:
        judged = ask("SELECT dataset, rows, passed, quarantined FROM sluice.validations WHERE stage = 'gate'")
        assert len(judged) == len(DATASETS)
        for dataset, rows, passed, quarantined in judged:
            assert rows == passed + quarantined
            [(kept,)] = ask(f'SELECT count(*) FROM quarantine."{dataset}"')
            assert kept == quarantined > 0


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_made_rows_and_their_parents_are_in_train_only_and_train_is_balanced(first_run, stack, dataset):
    table, label = f'datasets."{dataset.name}"', f'"{dataset.label}"'
    with asked(stack) as ask:
        assert ask(f"SELECT DISTINCT _split FROM {table} WHERE _origin <> 'real'") == [("train",)]
        assert ask(
            f"SELECT count(*) FROM {table} m, unnest(m._parents) AS p (id) LEFT JOIN {table} r"
            " ON r._id = p.id AND r._split = 'train' AND r._origin = 'real' WHERE r._id IS NULL"
        ) == [(0,)]
        train = f"SELECT {label}::text, count(*) FROM {table} WHERE _split = 'train' GROUP BY 1"
        counts = dict(ask(train))
        ratio = (dataset.balance or dataset.augment).ratio
        assert min(counts.values()) >= int(ratio * max(counts.values()))


def test_the_reports_are_there_and_need_no_network(first_run, stack):
    pages = sorted(stack.place.reports.rglob("*.html"))
    assert len(pages) >= len(DATASETS)
    for page in pages:
        text = page.read_text()
        assert "<script src=" not in text and '<link rel="stylesheet" href="http' not in text


def test_what_declares_an_export_lies_in_the_storage_whole_and_is_on_record(first_run, stack):
    exported = [dataset.name for dataset in DATASETS if dataset.export]
    assert exported
    for name in exported:
        place = delivery.place_of(stack.place.storage, name, 1)
        manifest = delivery.found(place)
        delivery.verify(place, manifest)
        with asked(stack) as ask:
            [(rows,)] = ask("SELECT manifest -> 'rows' FROM sluice.versions WHERE dataset = %s", name)
            [(known, files)] = ask("SELECT place, files FROM sluice.exports WHERE dataset = %s", name)
        assert (known, files) == (place.as_uri(), manifest["files"])
        assert sum(file.get("rows", 0) for file in files) == rows


def test_a_second_run_collects_only_what_is_new(first_run, stack):
    with asked(stack) as ask:
        [(snapshot,)] = ask("SELECT sum(v::bigint) FROM sluice.batches, jsonb_each_text(changes) AS c (k, v)")
        [(newest,)] = ask("SELECT max(batch) FROM sluice.batches")
    assert do_the_job(stack) == 0
    with asked(stack) as ask:
        [(added,)] = ask(
            "SELECT coalesce(sum(v::bigint), 0) FROM sluice.batches, jsonb_each_text(changes) AS c (k, v)"
            " WHERE batch > %s",
            newest,
        )
        assert 0 < added < snapshot / 2
        assert ask("SELECT version FROM sluice.current_versions WHERE dataset = 'payment_fraud'") == [(2,)]
        [(doubled,)] = ask(
            "SELECT count(*) FROM (SELECT id FROM landing.shop_payments WHERE _seq_to IS NULL"
            " GROUP BY 1 HAVING count(*) > 1) AS twice"
        )
        assert doubled == 0


def test_customers_are_landed_under_pseudonyms_and_no_log_or_xcom_has_an_address_or_the_key(first_run, stack):
    shown = "'^local:[0-9a-f]{64}$'"
    with asked(stack) as ask:
        assert ask(
            f"SELECT count(*) >= 500, bool_and(name ~ {shown} AND email ~ {shown}) FROM landing.shop_customers"
        ) == [(True, True)]
    with closing(connect(stack.postgres.url("airflow"))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE x::text LIKE '%@example.org%') FROM public.xcom AS x"
        )
        sent, revealing = cursor.fetchone()
    assert (sent > 0, revealing) == (True, 0)
    logs = [path.read_text(errors="replace") for path in stack.place.path.rglob("*.log")]
    assert any("landed batch" in text for text in logs)
    for secret in ("@example.org", stack.secrets["pseudonyms"]):
        assert not [text for text in logs if secret in text]


def test_no_staging_table_is_left(first_run, stack):
    with asked(stack) as ask:
        assert ask("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'") == []
