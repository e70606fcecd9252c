"""Audit what a run made: nothing that breaks a rule, or is in two splits, becomes a version."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from include.core.dimensions import RUNS
from include.core.errors import GateRejected
from include.core.failpoints import failpoint
from include.core.refs import Augmented, Finding, Outcome
from include.publish import audit as checks
from include.publish.leakage import prove
from include.specs import Dataset
from include.validate.checkpoint import Checked, run_checkpoint
from include.validate.reports import Report, report_path, write_report
from include.validate.suite import Suite, load_suite
from include.warehouse import versions
from include.warehouse.connection import transaction
from include.warehouse.scans import FOR_SCANS
from include.warehouse.staging import count_rows
from include.warehouse.texts import keep
from include.warehouse.validations import Validation, judged_before, record, recorded

log = logging.getLogger(__name__)

STAGE = "audit"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of so many rows: by Sluice's own rules, and by Great Expectations."""

    rows: int
    findings: tuple[Finding, ...]
    checked: Checked

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return (*(o for finding in self.findings for o in finding.outcomes), *self.checked.outcomes)


@failpoint("audit.commit")
def audit(
    warehouse_url: str,
    dataset: Dataset,
    augmented: Augmented,
    *,
    suites: Path,
    reports: Path,
    at: datetime,
    storage: Any | None = None,
    report_url: str = "",
    attempt: int = 1,
) -> Augmented:
    """Check the made table in SQL and by the suite `<dataset>_audit`; hand it on, or raise GateRejected.

    Part of it is the proof that nothing of one split is in another, for which a dataset's images are read from
    `storage`, the root of the object storage.
    Either way the judgement is in `sluice.validations` and the page `audit.html` lies beside the gate's;
    `report_url` is where that folder is served, `attempt` the task's try.
    A retry checks again; a run that was once rejected stays rejected.
    """
    run = augmented.gated.candidate.run
    suite = load_suite(suites, f"{dataset.name}_audit", (*dataset.columns, *versions.PROVENANCE))
    looked = _look(warehouse_url, dataset, augmented, suite=suite, run_id=f"{run}, try {attempt}", storage=storage)
    judged = _judged(dataset, augmented, looked, suite.hash, at=at)
    with transaction(warehouse_url) as connection:
        before = recorded(connection, run, dataset.name, STAGE)
        if before is None:
            keep(connection, suite.content)
            past = judged_before(connection, dataset.name, STAGE, RUNS - 1)
            record(connection, judged)
            write_report(reports, Report(judged, (), looked.checked.raw, before=past))
    for verdict in (judged, before):
        if verdict and verdict.decision.decision == "reject":
            where = f"{report_url.rstrip('/')}/{verdict.report}" if report_url else str(reports / verdict.report)
            raise GateRejected(
                f"The audit rejected {dataset.name} ({looked.rows} rows): {'; '.join(verdict.decision.reasons)}."
                f" Report: {where}.",
                fix="mend the step that made these rows, and trigger a new run.",
            )
    log.info("audited %s rows of %s by %s rules", looked.rows, dataset.name, len(judged.outcomes))
    return augmented


def _look(
    warehouse_url: str, dataset: Dataset, augmented: Augmented, *, suite: Suite, run_id: str, storage: Any | None
) -> Looked:
    """All that is looked at. Great Expectations and the learners have a session each, so that they count and learn
    while the splits are compared."""

    def compared(connection: Connection) -> tuple[int, Finding, Finding]:
        with connection.cursor() as cursor:
            cursor.execute(FOR_SCANS)
            rows = count_rows(cursor, augmented.table)
        sound = checks.audit(connection, dataset, augmented)
        return rows, sound, prove(connection, dataset, augmented, sound, storage)

    with ThreadPoolExecutor(2, "audit") as pool:
        checking = pool.submit(run_checkpoint, warehouse_url, "staging", augmented.table, suite, run_id)
        learning = pool.submit(_within, warehouse_url, lambda c: _balancing(c, dataset, augmented))
        rows, sound, proven = _within(warehouse_url, compared)
        findings = (sound, proven, learning.result())
        return Looked(rows, tuple(finding for finding in findings if finding), checking.result())


def _within(warehouse_url: str, look: Callable[[Connection], Any]) -> Any:
    with transaction(warehouse_url) as connection:
        return look(connection)


def _judged(
    dataset: Dataset, augmented: Augmented, looked: Looked, suite_hash: str, *, at: datetime
) -> Validation:
    candidate, decision = augmented.gated.candidate, checks.decide(looked.outcomes, dataset.gate)
    return Validation(
        run=candidate.run,
        dataset=dataset.name,
        stage=STAGE,
        decision=decision,
        rows=looked.rows,
        passed=0 if decision.decision == "reject" else looked.rows,
        quarantined=0,
        reasons={},
        outcomes=looked.outcomes,
        batches=candidate.batches,
        suite_hash=suite_hash,
        report=report_path(dataset.name, candidate.run, STAGE),
        at=at,
        evidence={finding.name: finding.evidence for finding in looked.findings if finding.evidence},
    )


def _balancing(connection: Connection, dataset: Dataset, augmented: Augmented) -> Finding | None:
    if dataset.balance is None:
        return None
    # It imports learners, which a dataset without a balance is not to wait for.
    from include.publish.benefit import judge_balancing

    return judge_balancing(connection, dataset, augmented)
