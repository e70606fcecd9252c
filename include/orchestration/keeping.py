"""The tasks that move a view, tag a version and let old versions go; who ran the DAG is on record with it."""

from typing import Any

from airflow.sdk import get_current_context, task

from include import catalog
from include.orchestration import places
from include.orchestration.asked import dry_run_as_asked, move_as_asked, tag_as_asked, version_as_asked
from include.orchestration.assets import dataset_asset
from include.orchestration.errors import told_to_airflow
from include.orchestration.running import Json, as_json, params, run_time


@task
@told_to_airflow
def roll_back(name: str) -> Json:
    """Let the view show the version of the form, and tell those who read the dataset."""
    from include.pipeline.keep import roll_back

    version, pin, why = move_as_asked(params())
    shown = as_json(roll_back(places.warehouse_url(), name, version, pin=pin, who=_who(), why=why))
    get_current_context()["outlet_events"][dataset_asset(name)].extra = shown
    return shown


@task
@told_to_airflow
def tag(name: str) -> dict[str, Any]:
    """Put the tag of the form on a version, or take it off."""
    from include.pipeline.keep import tag

    named, version, why = tag_as_asked(params())
    found = tag(places.warehouse_url(), name, named, version, who=_who(), why=why, at=run_time())
    return {str(number): tags for number, tags in found.items()}


@task
@told_to_airflow
def rebuild(name: str) -> Json:
    """Build the version of the form again, and fail if it is not the same."""
    from include.pipeline.rebuild import rebuild, refuse_other

    version, run = version_as_asked(params()), get_current_context()["dag_run"].run_id
    return as_json(refuse_other(rebuild(places.warehouse_url(), name, version, run=run, storage=places.storage())))


@task
@told_to_airflow
def retain(name: str) -> Json:
    """Drop the versions that the dataset's retention does not keep, or tell which these are."""
    from include.pipeline.keep import retain

    dry_run, warehouse, storage = dry_run_as_asked(params()), places.warehouse_url(), places.storage()
    return as_json(retain(warehouse, catalog.dataset(name), at=run_time(), dry_run=dry_run, storage=storage))


def _who() -> str:
    """The user who triggered the run, and the run."""
    run = get_current_context()["dag_run"]
    return " ".join(filter(None, (run.triggering_user_name, run.run_id)))
