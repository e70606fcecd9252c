"""`kill -9` in the middle: of a task that lands, of a task that publishes, of the scheduler with its tasks."""

import os
import signal
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil
import psycopg2
import pytest

from include import catalog
from include.core.pseudonyms import PseudonymKey
from include.local import airflow, shop
from include.local.api import run_path
from include.local.job import do_the_job
from include.pipeline.collect import collect_postgres
from include.sample import traffic
from include.warehouse.connection import connect, transaction

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(900)]


def trigger(stack, dag, **params):
    return stack.api.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": params})["dag_run_id"]


def wait_for_end(stack, dag, run):
    for _ in range(400):
        state = stack.api.get(run_path(dag, run))["state"]
        if state in {"success", "failed"}:
            return state
        time.sleep(0.5)
    pytest.fail(f"{dag} {run} did not end")


def something_happens_at_the_shop(stack):
    """One more tick of trading, whatever the traffic of the stack is at: there is something to land."""
    traffic.trade(shop.owner_url(stack.postgres, stack.secrets), shop.SEED, 1)


@contextmanager
def held(stack, table):
    """Nobody can write to `table` inside the block: whoever comes to it waits there, in mid-transaction."""
    connection = connect(stack.postgres.url("warehouse"))
    try:
        connection.cursor().execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        yield
    finally:
        connection.rollback()
        connection.close()


def process_waiting_for(stack, table):
    """The local process whose warehouse session waits for `table`, found by its TCP port."""
    for _ in range(240):
        with transaction(stack.postgres.url("warehouse"), role=None) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.relation = %s::regclass AND NOT l.granted",
                (table,),
            )
            if found := cursor.fetchone():
                return owner_of_port(found[0])
        time.sleep(0.25)
    pytest.fail(f"no task came to {table}")


def owner_of_port(port):
    for process in psutil.process_iter():
        try:
            ports = {c.laddr.port for c in process.net_connections("tcp") if c.raddr}
            if port in ports and "postgres" not in process.name():
                return process
        except psutil.Error:
            continue
    return pytest.fail(f"nobody holds port {port}")


def batches_of(stack, source):
    with transaction(stack.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sluice.batches WHERE source = %s", (source,))
        return cursor.fetchone()[0]


def versions_of(stack, dataset):
    with transaction(stack.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sluice.versions WHERE dataset = %s", (dataset,))
        return cursor.fetchone()[0]


def assert_nothing_is_doubled(stack):
    """No key twice among the current rows, and every interval of a key begins where the one before ended."""
    with transaction(stack.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT id FROM landing.shop_payments WHERE _seq_to IS NULL"
            " GROUP BY id HAVING count(*) > 1) AS twice"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT count(*) FROM (SELECT _seq_to, lead(_seq_from) OVER (PARTITION BY id ORDER BY _seq_from)"
            " AS next FROM landing.shop_payments) AS intervals WHERE next < _seq_to"
        )
        assert cursor.fetchone() == (0,)


@pytest.fixture(scope="module", autouse=True)
def _something_is_there(stack):
    if not stack.place.last_run.exists():
        assert do_the_job(stack) == 0


def test_a_task_killed_while_it_lands_is_repeated_and_lands_once(stack):
    batches = batches_of(stack, "shop")
    something_happens_at_the_shop(stack)
    with held(stack, "sluice.batches"):
        run = trigger(stack, "collect_shop")
        os.kill(process_waiting_for(stack, "sluice.batches").pid, signal.SIGKILL)
        assert batches_of(stack, "shop") == batches
    assert wait_for_end(stack, "collect_shop", run) == "success"
    assert batches_of(stack, "shop") > batches
    assert_nothing_is_doubled(stack)


def test_a_task_killed_while_it_publishes_leaves_the_old_version_and_then_makes_one_new(stack):
    versions = versions_of(stack, "digit_photos")
    with held(stack, "sluice.versions"):
        run = trigger(stack, "curate_digit_photos", seed=4711)
        task = process_waiting_for(stack, "sluice.versions")
        with transaction(stack.warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) > 0 FROM datasets.digit_photos")
            assert cursor.fetchone() == (True,)
        os.kill(task.pid, signal.SIGKILL)
        assert versions_of(stack, "digit_photos") == versions
    assert wait_for_end(stack, "curate_digit_photos", run) == "success"
    assert versions_of(stack, "digit_photos") == versions + 1


def test_the_scheduler_killed_with_all_its_tasks_starts_again_and_the_run_ends_right(stack):
    batches = batches_of(stack, "shop")
    something_happens_at_the_shop(stack)
    with held(stack, "sluice.batches"):
        run = trigger(stack, "collect_shop")
        process_waiting_for(stack, "sluice.batches")
        stack.kill("scheduler")
        assert batches_of(stack, "shop") == batches
    stack.start_again("scheduler")
    assert wait_for_end(stack, "collect_shop", run) == "success"
    assert batches_of(stack, "shop") > batches
    assert_nothing_is_doubled(stack)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), transaction(stack.warehouse_url) as connection:
        connection.cursor().execute("DELETE FROM datasets.digit_photos_v1")


def test_what_a_try_landed_before_it_died_is_announced_by_the_next_although_nothing_is_new(stack):
    known = {
        run["dag_run_id"] for run in stack.api.get("/dags/curate_payment_fraud/dagRuns", limit=100)["dag_runs"]
    }
    stack.kill("shop-traffic")
    something_happens_at_the_shop(stack)
    source = catalog.source("shop")
    landed = collect_postgres(
        source, shop.reader_url(stack.postgres, stack.secrets), stack.warehouse_url,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        key=PseudonymKey.from_text(source.key_domain, airflow.KEY_ID, stack.secrets["pseudonyms"]),
    )  # fmt: skip
    for state, told in (("success", [f"batch {landed[-1].batch}"]), ("skipped", [])):
        run = trigger(stack, "collect_shop")
        assert wait_for_end(stack, "collect_shop", run) == "success"
        task = stack.api.get(f"{run_path('collect_shop', run)}/taskInstances/collect")
        events = stack.api.asset_events("collect_shop", run, patience=300)
        assert [f"batch {event['extra']['batch']}" for event in events] == told
        assert task["state"] == state
    for _ in range(120):
        runs = stack.api.get("/dags/curate_payment_fraud/dagRuns", limit=100)["dag_runs"]
        if new := [r["dag_run_id"] for r in runs if r["dag_run_id"] not in known]:
            assert wait_for_end(stack, "curate_payment_fraud", new[0]) == "success"
            return
        time.sleep(0.5)
    pytest.fail("no curation was started")
