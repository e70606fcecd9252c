"""The record of every judgement in `sluice.validations`: written once, never changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from include.core.failpoints import failpoint
from include.core.refs import GateDecision, Outcome
from include.warehouse.seal import Seal

# What `from_row` reads, in its order.
COLUMNS = (
    "run, dataset, stage, decision, refusals, warnings, rows, passed, quarantined, reasons, outcomes, batches,"
    " suite_hash, coalesce(report, ''), judged_at, evidence, seal"
)


@dataclass(frozen=True, slots=True)
class Validation:
    """A judgement: what was decided on how many rows, by which suite, and what every expectation said.

    `stage` is `gate` or `audit`; `reasons` counts the quarantined rows of each rule; `report` is a path
    below the folder of the reports. `evidence` is what the judgement rests on besides the outcomes, by what it
    speaks of (`drift`, `leakage`, …), as JSON; a version's manifest keeps it. `seal` tells an audit's rows again.
    """

    run: str
    dataset: str
    stage: str
    decision: GateDecision
    rows: int
    passed: int
    quarantined: int
    reasons: dict[str, int]
    outcomes: tuple[Outcome, ...]
    batches: dict[str, int]
    suite_hash: str
    report: str
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seal: Seal | None = None


@failpoint("judgement.record")
def record(connection: Connection, validation: Validation) -> None:
    """Write the row, in the caller's transaction. The database refuses a second one for run, dataset, stage."""
    v = validation
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.validations (run, dataset, stage, decision, refusals, warnings, rows, passed,"
            " quarantined, reasons, outcomes, batches, suite_hash, report, judged_at, evidence, seal)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s, %s, %s::jsonb,"
            " %s::jsonb)",
            (
                v.run, v.dataset, v.stage, v.decision.decision,
                list(v.decision.reasons), list(v.decision.warnings), v.rows, v.passed, v.quarantined,
                json.dumps(v.reasons), json.dumps([outcome.model_dump(mode="json") for outcome in v.outcomes]),
                json.dumps(v.batches), v.suite_hash, v.report, v.at, json.dumps(dict(v.evidence)),
                json.dumps(v.seal.as_json()) if v.seal else None,
            ),
        )  # fmt: skip


def recorded(connection: Connection, run: str, dataset: str, stage: str) -> Validation | None:
    """What was decided on this run before, if anything."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM sluice.validations"  # noqa: S608  # a constant
            " WHERE run = %s AND dataset = %s AND stage = %s",
            (run, dataset, stage),
        )
        found = cursor.fetchone()
    return from_row(found) if found else None


def judged_before(connection: Connection, dataset: str, stage: str, most: int) -> tuple[Validation, ...]:
    """The newest judgements of a dataset at a stage that are on record, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM sluice.validations WHERE dataset = %s AND stage = %s"  # noqa: S608  # a constant
            " ORDER BY judged_at DESC, run DESC LIMIT %s",
            (dataset, stage, most),
        )
        return tuple(map(from_row, reversed(cursor.fetchall())))


def from_row(row: tuple[Any, ...]) -> Validation:
    """The validation in a row of COLUMNS."""
    run, dataset, stage, decision, refusals, warnings, rows, passed, quarantined, reasons, outcomes, *rest = row
    batches, suite_hash, report, at, evidence, seal = rest
    return Validation(
        run=run,
        dataset=dataset,
        stage=stage,
        decision=GateDecision(decision=decision, reasons=tuple(refusals), warnings=tuple(warnings)),
        rows=rows,
        passed=passed,
        quarantined=quarantined,
        reasons=reasons,
        outcomes=tuple(Outcome.model_validate(outcome) for outcome in outcomes),
        batches=batches,
        suite_hash=suite_hash,
        report=report,
        at=at,
        evidence=evidence,
        seal=Seal.from_json(seal) if seal else None,
    )
