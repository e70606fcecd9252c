"""Wait for annotators in Airflow's triggerer: no worker is held, and a restart of anything goes on waiting."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include import catalog
from include.core.errors import FatalError, RetriableError
from include.core.refs import Asked
from include.orchestration import places
from include.orchestration.errors import told_to_airflow

# How often answers are looked for, in seconds, unless SLUICE_ANSWERS_EVERY says otherwise.
EVERY = 30.0


class Answers(BaseOperator):
    """Waits until every item of a round has its answers, or the declared time is over; what is missing is logged.

    Time that is over fails nothing: what has been answered is taken, and the rest is asked about again.
    """

    template_fields = ("asked",)

    def __init__(self, *, name: str, asked: Any, every: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.asked = asked
        self.every = every

    def execute(self, context: Any) -> None:
        run = context["dag_run"]
        begun = run.start_date or run.run_after
        within = timedelta(hours=_labelling(self.name).within)
        self.defer(
            trigger=AnswersTrigger(
                self.name, dict(self.asked), self.every or _every(), (begun + within).isoformat()
            ),
            method_name="told",
        )

    def told(self, context: Any, event: dict[str, Any]) -> None:
        """The trigger's word: how many items are still missing, or why waiting is of no use."""
        if "refused" in event:
            raise AirflowFailException(event["refused"])
        if event["missing"]:
            self.log.warning("The time is over: %s items of the round lack answers.", event["missing"])


class AnswersTrigger(BaseTrigger):
    """Looks for answers every few seconds until none is missing, or until the moment `until` (ISO 8601).

    What a person must mend ends it at once: a task that was deleted in the tool, a token that is not accepted.
    """

    def __init__(self, name: str, asked: dict[str, Any], every: float, until: str) -> None:
        super().__init__()
        self.name, self.asked, self.every, self.until = name, asked, every, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "include.orchestration.waiting.AnswersTrigger",
            {"name": self.name, "asked": self.asked, "every": self.every, "until": self.until},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        until, lacking = datetime.fromisoformat(self.until), None
        while True:
            try:
                # The warehouse and the storage are asked in a thread, for the loop is other triggers' too.
                lacking = await asyncio.to_thread(_missing, self.name, self.asked)
            except RetriableError as error:
                self.log.warning("%s", error)
            except FatalError as error:
                yield TriggerEvent({"refused": str(error)})
                return
            if lacking == 0 or datetime.now(UTC) >= until:
                yield TriggerEvent({"missing": lacking})
                return
            await asyncio.sleep(min(self.every, max(0.1, (until - datetime.now(UTC)).total_seconds())))


@told_to_airflow
def _every() -> float:
    stated = os.environ.get("SLUICE_ANSWERS_EVERY") or EVERY
    try:
        seconds = float(stated)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise FatalError(
            f"SLUICE_ANSWERS_EVERY is {stated!r}, which is no number of seconds above 0.",
            fix="set it to how often answers are looked for, such as 30, or leave it out.",
        )
    return seconds


def _missing(name: str, asked: dict[str, Any]) -> int:
    from include.pipeline.label import missing

    found, dataset = Asked.model_validate(asked), catalog.dataset(name)
    return missing(places.warehouse_url(), dataset, found, places.annotation_tool(dataset))


@told_to_airflow
def _labelling(name: str) -> Any:
    from include.pipeline.label import labelling_of

    return labelling_of(catalog.dataset(name))
