"""Airflow's own form as an annotation tool, for small jobs: several people answer each row there.

A task that waits for an answer is parked: no process, no worker slot. What is answered goes into the round's
folder as a sheet of one line, so that it is taken back like any other sheet.
"""

import json
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator

from include import catalog
from include.orchestration import places
from include.orchestration.errors import told_to_airflow
from include.pipeline.questions import file_name

SKIP = "I cannot say"


class Form(HITLOperator):
    """Asks one question of a round. No answer in time, and a skipped one, leave the row short of an answer."""

    # Neither subject nor body: what they show are rows, and no templates.
    template_fields = ()

    def __init__(self, *, name: str, question: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(subject=name, **kwargs)
        self.name = name
        self.question = question

    def execute(self, context: Any) -> Any:
        self.subject, self.body = self.question["subject"], self.question["body"]
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        if event.get("error_type") == "timeout":
            self.log.warning("Nobody has answered %s.", self.subject)
            return None
        answer = super().execute_complete(context, event)
        self._keep(event)
        return answer

    @told_to_airflow
    def _keep(self, event: dict[str, Any]) -> None:
        (chosen,), user = event["chosen_options"], event["responded_by_user"] or {}
        if chosen == SKIP:
            return
        line = {
            "key": self.question["key"], "label": chosen, "annotator": user.get("name") or user.get("id") or "",
            "at": event["responded_at"].isoformat(),
        }  # fmt: skip
        place = places.storage() / self.question["place"] / file_name(self.question)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            file.write(json.dumps(line).encode() + b"\n")


def forms(name: str, questions: Any) -> Any:
    """The tasks `form`, one a question."""
    declared = catalog.dataset(name).labelling
    options, within = [*(declared.classes if declared else ()), SKIP], declared.within if declared else 1
    return Form.partial(
        task_id="form", name=name, options=options, response_timeout=timedelta(hours=within)
    ).expand(question=questions)
