"""The run that a task belongs to: its form, its time, the try; and references as they travel through XCom."""

from datetime import datetime
from typing import Any

from airflow.sdk import get_current_context

# A reference as it travels through XCom.
Json = dict[str, Any]


def params() -> dict[str, Any]:
    """The run's form, and whatever else a trigger put beside it."""
    return dict(get_current_context()["params"])


def run_id() -> str:
    return str(get_current_context()["dag_run"].run_id)


def run_time() -> datetime:
    """The run's own time: the same for every task and every retry of it."""
    run = get_current_context()["dag_run"]
    return run.start_date or run.run_after


def attempt() -> int:
    return int(get_current_context()["ti"].try_number)


def as_json(reference: Any) -> Json:
    found: Json = reference.model_dump(mode="json")
    return found
