"""The whole line, run by Airflow on one machine: what the summary says is what the database holds."""

import json
from contextlib import closing, contextmanager

import pytest

from include.catalog import DATASETS, dataset
from include.local.job import do_the_job
from include.publish import delivery
from include.warehouse.connection import connect, transaction
from include.warehouse.staging import queue_name

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(900)]


@contextmanager
def asked_of(stack):
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
    with asked_of(stack) as ask:
        current = dict(ask("SELECT dataset, version FROM sluice.current_versions"))
        # What is labelled is published as the source has it, and again with the labels of the round.
        assert current == {dataset.name: 2 if dataset.labelling else 1 for dataset in DATASETS}


def test_reviews_without_a_label_are_asked_about_agreed_on_and_in_the_version_with_the_labels_of_annotators(
    first_run, stack
):
    (labelled,) = first_run["labelled"]
    (asked,) = labelled["rounds"]
    declared = dataset("reviews").labelling
    assert (asked["asked"], asked["answers"], asked["annotators"]) == (declared.batch, 3 * declared.batch, 3)
    assert asked["waiting"] == labelled["waiting"] + declared.batch
    assert asked["agreement"]["value"] > declared.min_agreement
    assert asked["labels"] == asked["in_version"] == declared.batch >= asked["right"] > 0.9 * declared.batch
    with asked_of(stack) as ask:
        by = dict(ask("SELECT labelled_by, count(*) FROM datasets.reviews GROUP BY 1"))
        assert by.keys() == {"shop", "person"} and by["person"] == declared.batch
        assert dict(ask("SELECT labelled_by, count(*) FROM datasets.reviews_v1 GROUP BY 1")) == {
            "shop": by["shop"]
        }
        [(batch,)] = ask("SELECT batch FROM sluice.label_results")
        [(sources,)] = ask(
            "SELECT manifest -> 'sources' FROM sluice.versions WHERE dataset = 'reviews' AND version = 2"
        )
        assert {source["source"]: source["batch"] for source in sources}["labels_reviews"] == batch
        # The sheets lie where they were handed out, and what annotators said is history.
        assert ask("SELECT annotator, count(*) FROM landing.labels_reviews_answers GROUP BY 1 ORDER BY 1") == [
            (name, declared.batch) for name in ("ada", "bruno", "chris")
        ]
    handed_out = stack.place.storage / asked["place"]
    assert {path.name for path in handed_out.iterdir()} == {"items.csv", "ada.csv", "bruno.csv", "chris.csv"}


def test_rows_in_are_rows_passed_plus_rows_quarantined(first_run, stack):
    with asked_of(stack) as ask:
        judged = ask("SELECT dataset, run, rows, passed, quarantined FROM sluice.validations WHERE stage = 'gate'")
        assert {name for name, *_ in judged} == {dataset.name for dataset in DATASETS}
        for name, run, rows, passed, quarantined in judged:
            assert rows == passed + quarantined
            [(kept,)] = ask(f'SELECT count(*) FROM quarantine."{name}" WHERE run = %s', run)
            assert kept == quarantined > 0


@pytest.mark.parametrize("made", [d for d in DATASETS if d.balance or d.augment], ids=lambda d: d.name)
def test_made_rows_and_their_parents_are_in_train_only_and_train_is_balanced(first_run, stack, made):
    table, label = f'datasets."{made.name}"', f'"{made.label}"'
    with asked_of(stack) as ask:
        assert ask(f"SELECT DISTINCT _split FROM {table} WHERE _origin <> 'real'") == [("train",)]
        assert ask(
            f"SELECT count(*) FROM {table} m, unnest(m._parents) AS p (id) LEFT JOIN {table} r"
            " ON r._id = p.id AND r._split = 'train' AND r._origin = 'real' WHERE r._id IS NULL"
        ) == [(0,)]
        train = f"SELECT {label}::text, count(*) FROM {table} WHERE _split = 'train' GROUP BY 1"
        counts = dict(ask(train))
        ratio = (made.balance or made.augment).ratio
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
        with asked_of(stack) as ask:
            [(rows,)] = ask("SELECT manifest -> 'rows' FROM sluice.versions WHERE dataset = %s", name)
            [(known, files)] = ask("SELECT place, files FROM sluice.exports WHERE dataset = %s", name)
        assert (known, files) == (place.as_uri(), manifest["files"])
        assert sum(file.get("rows", 0) for file in files) == rows


def test_a_second_run_collects_only_what_is_new(first_run, stack):
    with asked_of(stack) as ask:
        [(snapshot,)] = ask("SELECT sum(v::bigint) FROM sluice.batches, jsonb_each_text(changes) AS c (k, v)")
        [(newest,)] = ask("SELECT max(batch) FROM sluice.batches")
    assert do_the_job(stack) == 0
    with asked_of(stack) as ask:
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
    # The budget is spent: nobody is asked, and the labels that there are stand.
    (labelled,) = json.loads(stack.place.last_run.read_text())["labelled"]
    assert (labelled["rounds"], labelled["labels"]) == ([], dataset("reviews").labelling.budget)


def test_customers_are_landed_under_pseudonyms_and_no_log_or_xcom_has_an_address_or_the_key(first_run, stack):
    shown = "'^local:[0-9a-f]{64}$'"
    with asked_of(stack) as ask:
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


def test_no_staging_table_is_left_but_the_rows_that_wait_for_a_label(first_run, stack):
    with asked_of(stack) as ask:
        left = ask("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
        assert left == [(queue_name(dataset.name),) for dataset in DATASETS if dataset.labelling]
