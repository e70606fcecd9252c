"""Forms under Airflow: a trigger sets what the form shows and nothing else, and no source is left by mistake."""

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
    content = stack.api.get(f"{path}/taskInstances/decommission/logs/1", full_content="true")["content"]
    assert "type shop into its form" in reason_in(content)
    slots = "SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'sluice_shop'"
    assert asked(stack.postgres.url("postgres"), slots, role=None) == [("sluice_shop",)]
