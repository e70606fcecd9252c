"""Airflow's human-in-the-loop operator, asking about a held run: the one task that waits for a person.

While it waits it is parked in the state `awaiting_input`: no process, no worker slot, no trigger; the scheduler
watches the deadline. Airflow's own way with a rejection is to succeed and skip what comes next, directly
(`ignore_downstream_trigger_rules=False`) or altogether: a run would end green, and a trigger rule could go on.
Here whatever is no approval fails the task for good, and publish asks the warehouse, not Airflow.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param

from include import catalog
from include.core.refs import Augmented
from include.orchestration import places
from include.orchestration.errors import told_to_airflow


class Approval(ApprovalOperator):
    """Asks whether the audited run of dataset `name` is published, if gate or audit hold it, or else passes."""

    template_fields = ("audited",)

    def __init__(self, *, name: str, audited: Any, **kwargs: Any) -> None:
        super().__init__(subject=f"Publish {name}?", ignore_downstream_trigger_rules=True, **kwargs)
        self.name = name
        self.audited = audited

    def execute(self, context: Any) -> Any:
        """Park the task with the question, or return at once where nothing is held."""
        if self._ask():
            super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Record the answer. After one that is none the same question is open again, until the same moment."""
        if (until := self._settle(event)) is None:
            return super().execute_complete(context, event)
        self.log.warning("An approval needs a reason: the question is open again.")
        self.response_timeout = until - datetime.now(UTC)
        return super().execute(context)

    @told_to_airflow
    def _ask(self) -> bool:
        from include.pipeline.approve import ask

        now = datetime.now(UTC)
        asked = ask(
            places.warehouse_url(), catalog.dataset(self.name), Augmented.model_validate(self.audited),
            suites=places.SUITES, at=now, report_url=places.reports_url(),
        )  # fmt: skip
        if asked is None:
            return False
        self.subject, self.body, self.response_timeout = asked.subject, asked.body, asked.until - now
        return True

    @told_to_airflow
    def _settle(self, event: dict[str, Any]) -> datetime | None:
        from include.pipeline.approve import answer, lapse

        run, dataset = Augmented.model_validate(self.audited).gated.candidate.run, catalog.dataset(self.name)
        user = event.get("responded_by_user")
        if event.get("error_type") == "timeout":
            lapse(places.warehouse_url(), dataset, run, at=datetime.now(UTC))
        elif user is not None:
            return answer(
                places.warehouse_url(), dataset, run, approve=event["chosen_options"] == [self.APPROVE],
                by=user["name"] or user["id"], reason=str((event["params_input"] or {}).get("reason") or ""),
                at=event["responded_at"],
            )  # fmt: skip
        return None


def approval_task(name: str, audited: Any) -> Approval:
    """The task `approve` of a curation."""
    within = timedelta(hours=catalog.dataset(name).gate.approve_within)
    # No minLength: Airflow checks the empty default when the task starts.
    reason = Param("", type="string", title="Reason", description="It goes into the manifest.")
    return Approval(
        task_id="approve", name=name, audited=audited, response_timeout=within, params={"reason": reason}
    )
