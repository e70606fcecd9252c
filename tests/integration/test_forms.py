"""Forms under Airflow: a trigger sets what the form shows and nothing else; a source is left and read again."""

import time

import pytest

from include.local.api import run_path
from include.local.follow import reason_in
from include.warehouse.connection import transaction

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(600)]


def triggered(stack, dag, task, **conf):
    """Trigger `dag` and wait for the end: its run's path, and the state of the task's last try."""
    run = stack.api.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
    path = run_path(dag, run)
    for _ in range(400):
        if stack.api.get(path)["state"] in {"success", "failed"}:
            found = stack.api.get(f"{path}/taskInstances/{task}")
            return path, (found["state"], found["try_number"])
        time.sleep(0.5)
    return pytest.fail(f"{dag} {run} did not end")


def failure(stack, path, task):
    return reason_in(stack.api.get(f"{path}/taskInstances/{task}/logs/1", full_content="true")["content"])


def asked(url, question, **options):
    with transaction(url, **options) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def test_a_trigger_cannot_point_a_collection_elsewhere(stack):
    hostile = {"connection": "warehouse", "tables": ["sluice.batches"], "name": "other"}
    _path, ended = triggered(stack, "collect_shop", "collect", **hostile, batch_changes=50_000)
    assert ended == ("success", 1)
    [(batches,)] = asked(stack.warehouse_url, "SELECT count(*) FROM sluice.batches WHERE source = 'shop'")
    assert batches > 0
    assert asked(stack.warehouse_url, "SELECT count(*) FROM sluice.batches WHERE source = 'other'") == [(0,)]
    assert (
        asked(
            stack.warehouse_url,
            "SELECT tablename FROM pg_tables WHERE schemaname = 'landing' AND tablename ~ 'batches'",
        )
        == []
    )


@pytest.mark.parametrize("conf", [{}, {"confirmation": "yes"}])
def test_a_source_is_not_left_without_its_name_in_the_form(stack, conf):
    path, ended = triggered(stack, "decommission_shop", "decommission", **conf)
    assert ended == ("failed", 1)
    assert "type shop into its form" in failure(stack, path, "decommission")
    slots = "SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'sluice_shop'"
    assert asked(stack.postgres.url("postgres"), slots, role=None) == [("sluice_shop",)]


def test_a_source_that_was_left_is_read_again_by_a_new_snapshot_and_its_history_goes_on(stack):
    path, ended = triggered(stack, "decommission_shop", "decommission", confirmation="shop")
    # The sample's publication belongs to the shop's owner, as in a house where the reader may only read.
    assert ended == ("failed", 1)
    assert "The slot is gone" in failure(stack, path, "decommission")
    path, ended = triggered(stack, "collect_shop", "collect")
    assert ended == ("failed", 1)
    assert "collect_<source> with a new snapshot in its form" in failure(stack, path, "collect")
    [(before,)] = asked(stack.warehouse_url, "SELECT count(*) FROM landing.shop_payments")
    _path, ended = triggered(stack, "collect_shop", "collect", snapshot=True)
    assert ended == ("success", 1)
    notes = "SELECT count(*) FROM sluice.batches WHERE 'all tables are taken anew: it was asked for' = ANY (notes)"
    assert asked(stack.warehouse_url, notes) == [(1,)]
    [(after,)] = asked(stack.warehouse_url, "SELECT count(*) FROM landing.shop_payments")
    # Only what the shop sold meanwhile came in, and no payment is there twice.
    assert before < after < before * 1.1
    doubled = "SELECT id FROM landing.shop_payments WHERE _seq_to IS NULL GROUP BY id HAVING count(*) > 1"
    assert asked(stack.warehouse_url, doubled) == []
