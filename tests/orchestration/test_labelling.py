"""The tasks that label: what they tell Airflow, and how a round is waited for without a worker."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from include import catalog
from include.label.studio import connection
from include.label.studio.round import Projects
from include.label.studio.tasks import key_of
from include.label.tools import Server
from tests.label.studio.stand_in import TOKEN, serving
from tests.pipeline.reviews import AT, REVIEWS, Reviews, honest


@pytest.fixture
def shop(airflow_home, warehouse_url, tmp_path, monkeypatch):
    """Reviews in the catalog; Airflow's connection and the storage are the test's own."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    monkeypatch.setenv("SLUICE_STORAGE", f"file://{tmp_path}")
    monkeypatch.setattr(catalog, "DATASETS", (REVIEWS,))
    return Reviews(warehouse_url, tmp_path)


@pytest.fixture
def context(shop):
    """A task's context, as Airflow sets it around `execute`."""
    from airflow.sdk.execution_time.context import OutletEventAccessors, set_current_context

    run = SimpleNamespace(run_id="label_1", start_date=AT, run_after=AT)
    pushed = {}
    ti = SimpleNamespace(xcom_push=pushed.__setitem__, pushed=pushed)
    found = {"outlet_events": OutletEventAccessors(), "dag_run": run, "params": {"batch": 40}, "ti": ti}
    with set_current_context(found):
        yield found


def events(asked, until):
    """What the trigger tells, with a look every tenth of a second."""
    from include.orchestration.waiting import AnswersTrigger

    trigger = AnswersTrigger("reviews", asked, 0.1, until.isoformat())
    path, arguments = trigger.serialize()
    assert path == f"{AnswersTrigger.__module__}.{AnswersTrigger.__name__}"

    async def told():
        return [event.payload async for event in AnswersTrigger(**arguments).run()]

    return asyncio.run(told())


def test_the_line_from_a_gate_to_landed_labels_tells_what_waits_and_what_was_labelled(shop, context):
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration import labelling
    from include.orchestration.assets import labels_asset, waiting_asset

    parted = labelling.set_aside.function("reviews", shop.gated("run_1").model_dump(mode="json"))
    assert context["outlet_events"][waiting_asset("reviews")].extra == {"waiting": 114}
    with pytest.raises(AirflowSkipException, match="114 rows of reviews wait for a label"):
        labelling.labelled.function("reviews", parted)
    asked = labelling.ask.function("reviews")
    assert asked["items"] == 40
    shop.answer(SimpleNamespace(**asked), ann=honest, bob=honest)
    assert events(asked, datetime.now(UTC) + timedelta(minutes=5)) == [{"missing": 0}]
    labelling.settle.function("reviews", asked)
    assert context["outlet_events"][labels_asset("reviews")].extra["labels"] == 40
    again = labelling.set_aside.function("reviews", shop.gated("run_2").model_dump(mode="json"))
    assert labelling.labelled.function("reviews", again) == again


def test_time_that_is_over_ends_the_wait_and_says_how_many_are_missing(shop, context):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, of=shop.handed_out(asked)[:15], ann=honest, bob=honest)
    told = events(asked.model_dump(mode="json"), datetime.now(UTC) + timedelta(seconds=0.3))
    assert told == [{"missing": 25}]


def test_an_outage_is_waited_out_and_a_task_that_was_deleted_in_the_tool_ends_the_wait_with_its_error(
    shop, context, monkeypatch
):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.labelling import answered

    labelling = REVIEWS.labelling.model_copy(update={"tool": "label_studio", "connection": "label_studio"})
    dataset = REVIEWS.model_copy(update={"labelling": labelling})
    monkeypatch.setattr(catalog, "DATASETS", (dataset,))
    shop.curated("run_1", dataset)
    with serving() as server:
        port = server.url.rsplit(":", 1)[1]
        monkeypatch.setenv("AIRFLOW_CONN_LABEL_STUDIO", f"http://user:{TOKEN}@127.0.0.1:{port}")
        monkeypatch.setattr(connection, "TRIES", 1)
        shop.tool = Projects(Server(server.url, TOKEN))
        asked = shop.ask("label_1", dataset).model_dump(mode="json")
        outage = iter([(502, b"", {})] * 2)
        server.before = lambda method, path: next(outage, None)
        gone = key_of(server.tasks.pop(3))
        (told,) = events(asked, datetime.now(UTC) + timedelta(minutes=5))
        assert next(outage, None) is None
    with pytest.raises(AirflowFailException, match=f"1 tasks were deleted in Label Studio, of the items {gone}"):
        answered("reviews", asked).told(context, told)


def test_the_wait_is_handed_to_the_triggerer_until_the_declared_hours_after_the_run_s_begin(shop, context):
    from airflow.sdk.exceptions import TaskDeferred

    from include.orchestration.labelling import answered

    asked = {"dataset": "reviews", "run": "label_1", "tool": "files", "place": "p", "items": 1, "waiting": 1}
    with pytest.raises(TaskDeferred) as deferred:
        answered("reviews", asked).execute(context)
    _, arguments = deferred.value.trigger.serialize()
    until = (AT + timedelta(hours=REVIEWS.labelling.within)).isoformat()
    assert (arguments["name"], arguments["until"]) == ("reviews", until)
    assert deferred.value.method_name == "told"


@pytest.mark.parametrize(("stated", "every"), [(None, 30.0), ("1.5", 1.5)])
def test_how_often_answers_are_looked_for_is_a_setting(shop, context, monkeypatch, stated, every):
    from airflow.sdk.exceptions import TaskDeferred

    from include.orchestration.labelling import answered

    monkeypatch.delenv("SLUICE_ANSWERS_EVERY", raising=False)
    if stated:
        monkeypatch.setenv("SLUICE_ANSWERS_EVERY", stated)
    with pytest.raises(TaskDeferred) as deferred:
        answered("reviews", {"dataset": "reviews"}).execute(context)
    assert deferred.value.trigger.serialize()[1]["every"] == every


@pytest.mark.parametrize("stated", ["soon", "0", "-1", "inf", "nan"])
def test_an_interval_that_is_none_is_refused(shop, context, monkeypatch, stated):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.labelling import answered

    monkeypatch.setenv("SLUICE_ANSWERS_EVERY", stated)
    with pytest.raises(AirflowFailException, match=f"SLUICE_ANSWERS_EVERY is '{stated}'"):
        answered("reviews", {"dataset": "reviews"}).execute(context)


def test_a_round_that_is_refused_fails_its_task_for_good(shop, context):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration import labelling

    shop.curated("run_1")
    with pytest.raises(AirflowFailException, match="none of 40 items was answered"):
        labelling.settle.function("reviews", shop.ask("label_1").model_dump(mode="json"))


def test_the_form_says_how_many_rows_a_round_asks_about(shop, context):
    from include.core.errors import FatalError
    from include.orchestration import labelling
    from include.orchestration.asked import round_as_asked

    shop.curated("run_1")
    context["params"]["batch"] = 7
    assert labelling.ask.function("reviews")["items"] == 7
    with pytest.raises(FatalError, match="asked for batch = 0"):
        round_as_asked(REVIEWS, {"batch": 0})


def test_a_loop_that_has_ended_is_skipped_and_tells_why(shop, context, monkeypatch):
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration import labelling

    spent = REVIEWS.model_copy(update={"labelling": REVIEWS.labelling.model_copy(update={"budget": 40})})
    monkeypatch.setattr(catalog, "DATASETS", (spent,))
    shop.curated("run_1")
    shop.ask("earlier")
    with pytest.raises(AirflowSkipException, match="the rounds of reviews have ended: budget; 114 rows wait"):
        labelling.ask.function("reviews")
    assert context["ti"].pushed == {"ended": "budget"}
