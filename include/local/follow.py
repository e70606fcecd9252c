"""Trigger DAGs over the REST API, follow their runs and the runs that their assets start, to the end."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.core.errors import FatalError, RetriableError
from include.local.api import Api, run_path
from include.local.progress import Progress

FINISHED = frozenset({"success", "failed"})
OURS = frozenset({"FatalError", "GateRejected", "RetriableError"})
PARSED_WITHIN_SECONDS = 90.0
ASSET_RUN_WITHIN_SECONDS = 120.0
RUN_WITHIN_SECONDS = 1_800.0
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Task:
    """A task instance as the API tells it; `seconds` is how long it ran, so far or in all."""

    name: str
    state: str
    attempt: int
    map_index: int
    seconds: float | None

    @property
    def label(self) -> str:
        return self.name if self.map_index < 0 else f"{self.name}[{self.map_index}]"


@dataclass
class Run:
    """A DAG run that is being followed."""

    dag: str
    run: str
    state: str = "queued"
    tasks: list[Task] = field(default_factory=list)
    starts: frozenset[str] | None = None
    ended_at: float | None = None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


class Follower:
    """Follows runs until all of them, and all runs that their asset events promise, have ended.

    `consumers` says which DAGs an asset event of a DAG starts; `check` is called at each round and
    raises if the stack has died.
    """

    def __init__(
        self, api: Api, progress: Progress, consumers: Mapping[str, frozenset[str]], check: Callable[[], None]
    ) -> None:
        self.api = api
        self.progress = progress
        self.consumers = consumers
        self.check = check
        self.runs: list[Run] = []
        self._told: set[tuple[str, str, str, int, int]] = set()

    def trigger(self, dag: str) -> None:
        """Start a run of `dag`, as its button in the UI would."""
        answer = self.api.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": {}})
        self.runs.append(Run(dag, answer["dag_run_id"]))

    def take_up(self, dags: Iterable[str]) -> bool:
        """Follow the runs of `dags` that are under way and not followed yet (a killed run's); False if none."""
        known = {(run.dag, run.run) for run in self.runs}
        found = []
        for dag in dags:
            answer = self.api.get(f"/dags/{dag}/dagRuns", state=["queued", "running"], limit=100)
            found += [Run(dag, run["dag_run_id"]) for run in answer["dag_runs"]]
        more = [run for run in found if (run.dag, run.run) not in known]
        self.runs += more
        return bool(more)

    def until_done(self) -> list[Run]:
        """Raises FatalError when the runs take longer than half an hour, or a promised run does not start."""
        deadline = time.monotonic() + RUN_WITHIN_SECONDS
        while True:
            self.check()
            self._look()
            self.progress.update(self.runs)
            if all(run.finished and run.starts is not None for run in self.runs):
                return self.runs
            if time.monotonic() > deadline:
                unfinished = ", ".join(run.dag for run in self.runs if not run.finished)
                raise FatalError(
                    f"Runs may take {RUN_WITHIN_SECONDS / 60:.0f} minutes here; still unfinished: {unfinished}.",
                    fix="see their tasks' logs with `make up`.",
                )
            time.sleep(POLL_SECONDS)

    def _look(self) -> None:
        for run in list(self.runs):
            if not run.finished:
                self._refresh(run)
            if run.finished and run.starts is None:
                self._look_for_started(run)

    def _refresh(self, run: Run) -> None:
        path = run_path(run.dag, run.run)
        try:
            # The run first: tasks read after its end are final.
            run.state = self.api.get(path)["state"]
            answers = self.api.get(f"{path}/taskInstances", limit=100)["task_instances"]
        except RetriableError as error:
            self.progress.note(error.problem)
            return
        # In the order in which they began, those to come at the end.
        answers.sort(key=lambda answer: (answer["start_date"] is None, answer["start_date"]))
        run.tasks = list(map(_task, answers))
        if run.finished:
            run.ended_at = time.monotonic()
        for task in run.tasks:
            seen = (run.dag, run.run, task.name, task.map_index, task.attempt)
            if task.state == "awaiting_input" and seen not in self._told:
                self._told.add(seen)
                form = f"{self.api.server}/dags/{run.dag}/runs/{run.run}/tasks/{task.name}/required_actions"
                self.progress.note(f"{run.dag} · {task.label} waits for a person: {form}")
            if task.state in {"failed", "up_for_retry"} and seen not in self._told:
                self._told.add(seen)
                what = "failed" if task.state == "failed" else f"failed at try {task.attempt}, will be tried again"
                self.progress.note(f"{run.dag} · {task.label} {what}: {self._reason(run, task)}")

    def _reason(self, run: Run, task: Task) -> str:
        path = f"{run_path(run.dag, run.run)}/taskInstances/{task.name}/logs/{task.attempt}"
        try:
            content = self.api.get(path, map_index=task.map_index, full_content="true")["content"]
        except (RetriableError, FatalError) as error:
            return f"its log cannot be read: {error.problem}"
        return reason_in(content)

    def _look_for_started(self, run: Run) -> None:
        """Find the runs that this one's asset events started; none are due if it emitted nothing."""
        due = self.consumers.get(run.dag, frozenset())
        if run.state != "success" or not due:
            run.starts = frozenset()
            return
        try:
            events = self.api.asset_events(run.dag, run.run)
        except RetriableError:
            # A run that it started is still queued; the next round asks again.
            return
        if not events:
            run.starts = frozenset()
            return
        started = {(r["dag_id"], r["run_id"]) for event in events for r in event["created_dagruns"]}
        newest = max(event["timestamp"] for event in events)
        for dag in due - {dag for dag, _ in started}:
            # News that came while the DAG was running and had more in its queue gets no run of its own: the
            # next one, which reads the newest batch, serves them all.
            later = self.api.get(f"/dags/{dag}/dagRuns", start_date_gte=newest, limit=1)["dag_runs"]
            started |= {(dag, found["dag_run_id"]) for found in later}
        known = {(known.dag, known.run) for known in self.runs}
        self.runs += [Run(dag, identity) for dag, identity in sorted(started - known)]
        missing = due - {dag for dag, _ in started}
        if not missing:
            run.starts = due
            return
        if any(other.dag in missing and not other.finished for other in self.runs):
            # A DAG has one active run at a time: the one that is due starts after the one under way.
            run.ended_at = time.monotonic()
        elif time.monotonic() - (run.ended_at or 0) > ASSET_RUN_WITHIN_SECONDS:
            raise FatalError(
                f"{run.dag} brought something new, but Airflow started no run of {', '.join(sorted(missing))}"
                f" within {ASSET_RUN_WITHIN_SECONDS:.0f} seconds.",
                fix="see .local/logs/scheduler.log.",
            )


def wait_for_dags(api: Api, wanted: Iterable[str], since: datetime, check: Callable[[], None]) -> None:
    """Wait until every wanted DAG was parsed after `since`. Raises FatalError with the import errors if not."""
    missing, deadline = set(wanted), time.monotonic() + PARSED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        check()
        dags = api.get("/dags", limit=100, tags="sluice")["dags"]
        missing -= {
            dag["dag_id"] for dag in dags if dag["last_parsed_time"] and _time(dag["last_parsed_time"]) >= since
        }
        if not missing:
            return
        time.sleep(POLL_SECONDS / 2)
    errors = api.get("/importErrors")["import_errors"]
    why = "\n".join(f"{error['filename']}: {error['stack_trace']}" for error in errors)
    raise FatalError(
        f"Airflow did not find the DAGs {', '.join(sorted(missing))}. {why or 'There are no import errors.'}",
        fix="mend the DAG file or the catalog, and see .local/airflow/logs/dag_processor.",
    )


def reason_in(content: list[Any]) -> str:
    """Why a task failed, from its log as the API gives it: the last exception, else the last error.

    Of a chain of exceptions it is the one that was raised on purpose, since that one names the fix.
    """
    lines: list[dict[str, Any]] = [line if isinstance(line, dict) else {"event": str(line)} for line in content]
    for line in reversed(lines):
        if details := line.get("error_detail"):
            told = next((detail for detail in details if detail.get("exc_type") in OURS), details[-1])
            return f"{told.get('exc_type', '')}: {told.get('exc_value', '')}".strip(": ")
    if said := [str(line["event"]) for line in lines if line.get("level") in {"error", "critical"}]:
        return said[-1]
    return "its log ends without an error: its process was killed, or could not start"


def _task(answer: Mapping[str, Any]) -> Task:
    return Task(
        name=answer["task_id"],
        state=answer["state"] or "waiting",
        attempt=answer["try_number"],
        map_index=answer["map_index"],
        seconds=answer["duration"],
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
