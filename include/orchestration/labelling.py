"""The tasks that give rows their labels: part those without, ask people, wait for them, land what they said."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include import catalog
from include.core.refs import Asked, Gated
from include.orchestration import places
from include.orchestration.asked import round_as_asked
from include.orchestration.assets import labels_asset, waiting_asset
from include.orchestration.errors import told_to_airflow
from include.orchestration.running import Json, as_json, run_id, run_time


@task
@told_to_airflow
def set_aside(name: str, gated: Json) -> Json:
    """Part the rows that passed by whether they have a label, and tell how many wait for one."""
    from include.pipeline.label import set_aside

    parted = set_aside(places.warehouse_url(), catalog.dataset(name), Gated.model_validate(gated))
    get_current_context()["outlet_events"][waiting_asset(name)].extra = {"waiting": parted.unlabelled}
    return as_json(parted)


@task
@told_to_airflow
def labelled(name: str, parted: Json) -> Json:
    """Go on with the rows that have a label; skipped while there are none of two classes."""
    from include.pipeline.label import classes

    found = Gated.model_validate(parted)
    if len(told := classes(places.warehouse_url(), catalog.dataset(name), found)) < 2:
        raise AirflowSkipException(
            f"{found.unlabelled} rows of {name} wait for a label, and those that have one are of"
            f" {len(told)} classes: run label_{name}"
        )
    return parted


@task
@told_to_airflow
def ask(name: str) -> Json:
    """Give the next rows to annotators; skipped where the rounds have ended, whose reason is the XCom `ended`."""
    from include.pipeline.ask import ask

    context = get_current_context()
    dataset, storage = round_as_asked(catalog.dataset(name), context["params"]), places.storage()
    tool = places.annotation_tool(dataset)
    asked = ask(places.warehouse_url(), dataset, run_id(), tool, storage=storage, at=run_time())
    if asked.ended:
        context["ti"].xcom_push("ended", asked.ended)
        raise AirflowSkipException(f"the rounds of {name} have ended: {asked.ended}; {asked.waiting} rows wait")
    return as_json(asked)


@task
@told_to_airflow
def questions(name: str, asked: Json) -> list[Json]:
    """Each row of the round as many times as it is to be answered."""
    from include.pipeline.questions import questions

    return questions(catalog.dataset(name), Asked.model_validate(asked), places.storage())


def answered(name: str, asked: Any) -> Any:
    """Wait, in no worker, until each row has its answers or the time is up: in Airflow's forms, or a triggerer."""
    declared = catalog.dataset(name).labelling
    if declared and declared.tool == "form":
        from include.orchestration.forms import forms

        return forms(name, questions(name, asked))
    from include.orchestration.waiting import Answers

    return Answers(task_id="answered", name=name, asked=asked)


@task
@told_to_airflow
def settle(name: str, asked: Json) -> Json:
    """Take the answers back; land them, and the labels that follow if the annotators agree."""
    from include.pipeline.settle import settle

    found = Asked.model_validate(asked)
    dataset = catalog.dataset(name)
    tool, storage = places.annotation_tool(dataset), places.storage()
    result = settle(places.warehouse_url(), dataset, found, tool, storage=storage, at=run_time())
    get_current_context()["outlet_events"][labels_asset(name)].extra = as_json(result)
    return as_json(result)
