"""A held run under Airflow: it waits without a process, is answered over the REST API, or runs out of time."""

import time
from contextlib import closing
from urllib.parse import unquote

import pytest

from include.core.errors import FatalError
from include.local import airflow
from include.local.api import run_path
from include.local.follow import reason_in
from include.local.job import do_the_job
from include.warehouse.connection import connect, transaction
from include.warehouse.versions import list_versions

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(600)]

DAG, TASK = "curate_digit_photos", "taskInstances/approve"
# An interval that no batch lies in: as if no picture of an eight had ever been there.
HIDE = "UPDATE landing.shop_site_pictures SET _seq_to = _seq_from WHERE label = '8' AND _seq_to IS NULL"
SHOW = "UPDATE landing.shop_site_pictures SET _seq_to = NULL WHERE label = '8' AND _seq_to = _seq_from"


@pytest.fixture(scope="module")
def without_eights(stack):
    """The stack with every dataset published, and then no picture of an eight left: a warning."""
    if not stack.place.last_run.exists():
        assert do_the_job(stack) == 0
    wait(lambda: not stack.api.get(f"/dags/{DAG}/dagRuns", state=["queued", "running"], limit=1)["dag_runs"])
    said(stack.warehouse_url, HIDE)
    yield stack
    said(stack.warehouse_url, SHOW)


def wait(happened):
    for _ in range(1200):
        if found := happened():
            return found
        time.sleep(0.25)
    return pytest.fail("it did not happen")


def said(url, statement, *values, **options):
    with transaction(url, **options) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def versions(stack):
    with transaction(stack.warehouse_url) as connection:
        return list_versions(connection, "digit_photos")


def waiting(stack):
    """The path of a new run whose task waits for a person."""
    path = run_path(DAG, stack.api.post(f"/dags/{DAG}/dagRuns", {"logical_date": None, "conf": {}})["dag_run_id"])
    parked(stack, path, 1)
    return path


def parked(stack, path, times):
    """Wait until the task has asked so many times, and the scheduler has heard that the asking process ended.

    An answer before that is taken for a process that was killed: Airflow tries the task again, and it asks again.
    """
    told = f"task_id=approve, run_id={unquote(path.rsplit('/', 1)[1])}, "
    log = stack.place.logs / "scheduler.log"

    def heard():
        lines = log.read_text(errors="replace").splitlines()
        ended = [line for line in lines if "TaskInstance Finished" in line and told in line]
        return sum("state=awaiting_input" in line for line in ended) >= times

    wait(heard)


def form(stack, path):
    return stack.api.get(f"{path}/{TASK}/-1/hitlDetails")


def answer(stack, path, option, reason):
    body = {"chosen_options": [option], "params_input": {"reason": reason}}
    return stack.api.patch(f"{path}/{TASK}/-1/hitlDetails", body)


def ended(stack, path):
    """The states of the run and of its tasks `approve` and `publish`, when it has come to its end."""
    state = wait(lambda: (s := stack.api.get(path)["state"]) in {"success", "failed"} and s)
    tasks = {t["task_id"]: t["state"] for t in stack.api.get(f"{path}/taskInstances")["task_instances"]}
    return state, tasks["approve"], tasks["publish"]


def why(stack, path, task="approve"):
    """The reason in the log of a task's last try."""
    place = f"{path}/taskInstances/{task}"
    attempt = stack.api.get(place)["try_number"]
    return reason_in(stack.api.get(f"{place}/logs/{attempt}", full_content="true")["content"])


def test_a_held_run_waits_for_a_person_and_is_published_with_their_name_and_reason(without_eights):
    stack = without_eights
    path = waiting(stack)
    asked = form(stack, path)
    assert (asked["subject"], asked["options"]) == ("Publish digit_photos? 2 warnings", ["Approve", "Reject"])
    assert (
        "**gate**: `every_digit_there`, on `label`, failed, expected `value_set ['1', '3', '8']`" in asked["body"]
    )
    assert f"[gate]({stack.server}/sluice/data-docs/digit_photos/" in asked["body"]
    before = versions(stack)

    answer(stack, path, "Approve", "")
    parked(stack, path, 2)
    assert form(stack, path)["response_received"] is False
    assert versions(stack) == before

    answer(stack, path, "Approve", "no eights were sold this week")
    assert ended(stack, path) == ("success", "success", "success")
    newest = versions(stack)[0]
    assert (newest.version, newest.current) == (before[0].version + 1, True)
    approval = newest.manifest["approval"]
    assert (approval["by"], approval["reason"]) == (airflow.ADMIN, "no eights were sold this week")
    assert approval["asked_at"] < approval["at"]


def test_a_rejection_fails_the_run_publishes_nothing_and_stays_whatever_is_cleared(
    without_eights,
):
    stack = without_eights
    path, before = waiting(stack), versions(stack)
    answer(stack, path, "Reject", "eights are missing")
    assert ended(stack, path) == ("failed", "failed", "upstream_failed")
    assert "and admin rejected it: eights are missing. The published version stands." in why(stack, path)
    with pytest.raises(FatalError, match="answered 409"):
        answer(stack, path, "Approve", "after all")

    run = unquote(path.rsplit("/", 1)[1])
    whole = {"dag_run_id": run, "include_downstream": True, "only_failed": False, "dry_run": False}
    stack.api.post(f"/dags/{DAG}/clearTaskInstances", {"task_ids": ["approve"], **whole})
    assert ended(stack, path) == ("failed", "failed", "upstream_failed")
    assert "admin rejected it: eights are missing" in why(stack, path)

    # Nor does it help to call the task a success: publish asks the warehouse.
    stack.api.patch(f"{path}/{TASK}", {"new_state": "success"})
    stack.api.post(f"/dags/{DAG}/clearTaskInstances", {"task_ids": ["publish"], **whole})
    assert ended(stack, path) == ("failed", "success", "failed")
    assert "admin rejected it: eights are missing" in why(stack, path, "publish")
    assert versions(stack) == before


def test_nobody_s_answer_in_time_is_a_rejection(without_eights):
    stack = without_eights
    path, before = waiting(stack), versions(stack)
    with closing(connect(stack.postgres.url("airflow"), role=None)) as connection, connection:
        cursor = connection.cursor()
        cursor.execute(
            "UPDATE public.task_instance SET trigger_timeout = now() - interval '1 second'"
            " WHERE dag_id = %s AND task_id = 'approve' AND state = 'awaiting_input'",
            (DAG,),
        )
        assert cursor.rowcount == 1
    assert ended(stack, path) == ("failed", "failed", "upstream_failed")
    assert "held for its warnings, and nobody answered by" in why(stack, path)
    assert versions(stack) == before
