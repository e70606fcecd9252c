"""Airflow's side of a rejection: the run fails at once, says why, and nothing moves until the data is mended."""

import time
from contextlib import closing

import pytest

from include.core.errors import FatalError
from include.local import shop
from include.local.api import run_path
from include.local.follow import reason_in
from include.local.job import do_the_job
from include.warehouse.connection import connect, transaction
from include.warehouse.versions import current

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(900)]

# More than payment_fraud's max_rejected. The shop's own dirt and the traffic's stay far below this number.
FAR = 100_000
SPOIL = f"UPDATE payments SET installments = installments + {FAR} WHERE id % 5 = 0"
MEND = f"UPDATE payments SET installments = installments - {FAR} WHERE installments > {FAR // 2}"


def in_shop(stack, statement):
    with closing(connect(shop.owner_url(stack.postgres, stack.secrets))) as connection, connection:
        cursor = connection.cursor()
        cursor.execute("SET search_path = public")
        cursor.execute(statement)
        return cursor.rowcount


def wait_until(happened, what):
    for _ in range(600):
        if found := happened():
            return found
        time.sleep(0.5)
    return pytest.fail(f"{what} did not happen")


def ended(stack, dag, run):
    def state():
        found = stack.api.get(run_path(dag, run))["state"]
        return found if found in {"success", "failed"} else None

    return wait_until(state, f"the end of {dag} {run}")


def curated(stack):
    """Collect the shop, and follow the curation that its news starts to the end: its run id and its state."""
    run = stack.api.post("/dags/collect_shop/dagRuns", {"logical_date": None, "conf": {}})["dag_run_id"]
    assert ended(stack, "collect_shop", run) == "success"
    started = wait_until(
        lambda: [
            new["run_id"]
            for event in events(stack, "collect_shop", run)
            for new in event["created_dagruns"]
            if new["dag_id"] == "curate_payment_fraud"
        ],
        "a curation",
    )
    return started[0], ended(stack, "curate_payment_fraud", started[0])


def quiet(stack):
    """Wait until no curation is under way, nor any news waits for Airflow to start one: it would publish."""
    under_way = {"state": ["queued", "running"], "limit": 1}
    wait_until(
        lambda: (
            not news_waits(stack)
            and not stack.api.get("/dags/curate_payment_fraud/dagRuns", **under_way)["dag_runs"]
        ),
        "the end of earlier curations",
    )


def news_waits(stack):
    try:
        return bool(stack.api.get("/dags/curate_payment_fraud/assets/queuedEvents")["queued_events"])
    except FatalError as error:
        # Airflow's word for an empty queue.
        assert "answered 404" in error.problem
        return False


def events(stack, dag, run):
    return stack.api.asset_events(dag, run, patience=300)


def current_version(stack):
    """What the view of payment_fraud shows: the shop's news starts curations of other datasets too."""
    with transaction(stack.warehouse_url) as connection:
        found = current(connection, "payment_fraud")
    return found.version if found else 0


@pytest.fixture
def spoilt(stack):
    """The stack with every dataset published, then a fifth of the shop's payments spoilt; mended at the end."""
    if not stack.place.last_run.exists():
        assert do_the_job(stack) == 0
    quiet(stack)
    assert in_shop(stack, SPOIL) > 0
    yield stack
    in_shop(stack, MEND)


def test_a_rejected_candidate_fails_its_run_at_once_and_moves_nothing_until_the_data_is_mended(spoilt):
    stack = spoilt
    quiet(stack)
    before = current_version(stack)
    run, state = curated(stack)
    path = run_path("curate_payment_fraud", run)
    tasks = {t["task_id"]: t for t in stack.api.get(f"{path}/taskInstances")["task_instances"]}
    assert (state, tasks["validate"]["state"], tasks["validate"]["try_number"]) == ("failed", "failed", 1)
    assert tasks["publish"]["state"] == "upstream_failed"
    content = stack.api.get(f"{path}/taskInstances/validate/logs/1", full_content="true")["content"]
    reason = reason_in(content)
    assert reason.startswith("GateRejected: The gate rejected payment_fraud")
    assert "installments_in_range" in reason
    assert f"Report: {stack.server}/sluice/data-docs/payment_fraud/" in reason
    assert "AirflowFailException" in str(content)
    assert current_version(stack) == before
    assert events(stack, "curate_payment_fraud", run) == []

    assert in_shop(stack, MEND) > 0
    quiet(stack)
    run, state = curated(stack)
    assert state == "success"
    assert [event["name"] for event in events(stack, "curate_payment_fraud", run)] == ["dataset_payment_fraud"]
    assert current_version(stack) > before
