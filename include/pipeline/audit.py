"""Audit what a run made: nothing that breaks a rule, or is in two splits, becomes a version.

The rows that were looked at are sealed, so that nothing else becomes a version either.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from include.core.dimensions import RUNS
from include.core.errors import FatalError, GateRejected, RetriableError
from include.core.failpoints import failpoint
from include.core.refs import Augmented, Finding, Outcome
from include.publish import audit as checks
from include.publish.fingerprint import fingerprint
from include.publish.leakage import prove
from include.specs import Dataset
from include.validate.checkpoint import Checked, run_checkpoint
from include.validate.reports import Report, report_path, write_report
from include.validate.suite import Suite, load_suite
from include.warehouse import versions
from include.warehouse.connection import transaction, wait_at_most
from include.warehouse.scans import FOR_SCANS, PATIENCE
from include.warehouse.seal import Seal, count_writers, read_marks
from include.warehouse.staging import hold
from include.warehouse.texts import keep
from include.warehouse.validations import Validation, judged_before, record, recorded

log = logging.getLogger(__name__)

STAGE = "audit"
ANEW = "find out who writes to staging, and trigger a new run."


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of the sealed rows: by Sluice's own rules, and by Great Expectations."""

    seal: Seal
    findings: tuple[Finding, ...]
    checked: Checked

    @property
    def rows(self) -> int:
        return self.seal.marks.rows

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
    patience: float = PATIENCE,
) -> Augmented:
    """Check the made table in SQL and by the suite `<dataset>_audit`; hand it on, or raise GateRejected.

    Part of it is the proof that nothing of one split is in another, for which a dataset's images are read from
    `storage`, the root of the object storage.
    All looks see the same rows: writers are waited for, `patience` seconds at most, and others kept out meanwhile.
    What `publish` tells these rows by is recorded with the judgement (`Seal`).

    Either way the judgement is in `sluice.validations` and the page `audit.html` lies beside the gate's;
    `report_url` is where that folder is served, `attempt` the task's try.
    A retry checks again, and what is recorded first stays: a run that was once rejected stays rejected, and rows
    that are others than those of the record raise FatalError. RetriableError if the table is not left alone.
    """
    run = augmented.gated.candidate.run
    suite = load_suite(suites, f"{dataset.name}_audit", (*dataset.columns, *versions.PROVENANCE))
    try:
        looked = _look(
            warehouse_url, dataset, augmented, suite=suite, run_id=f"{run}, try {attempt}", storage=storage,
            patience=patience,
        )  # fmt: skip
    except psycopg2.errors.LockNotAvailable as error:
        raise RetriableError(
            f"The table staging.{augmented.table} was not left alone within {patience:g} s: others write to it, or"
            " wait to take it away.",
            fix="end the older try of this run's tasks, or whoever else pg_locks names, and run again.",
        ) from error
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
    _refuse_other_rows(dataset, looked, before)
    log.info("audited %s rows of %s by %s rules", looked.rows, dataset.name, len(judged.outcomes))
    return augmented


def _refuse_other_rows(dataset: Dataset, looked: Looked, before: Validation | None) -> None:
    """FatalError if the run's audit was recorded of other rows."""
    if before and before.seal and before.seal.fingerprint != looked.seal.fingerprint:
        raise FatalError(
            f"The audit of {before.run} is on record for other rows of {dataset.name}: their fingerprint is"
            f" {before.seal.fingerprint[:12]}, that of the table now {looked.seal.fingerprint[:12]}.",
            fix=ANEW,
        )


def _look(
    warehouse_url: str,
    dataset: Dataset,
    augmented: Augmented,
    *,
    suite: Suite,
    run_id: str,
    storage: Any | None,
    patience: float,
) -> Looked:
    """All that is looked at, while one session holds the table still and reckons its fingerprint. The others have
    a session each, so that rows are counted, learnt from and compared at once."""

    def compared(connection: Connection) -> tuple[Finding, Finding]:
        with connection.cursor() as cursor:
            cursor.execute(FOR_SCANS)
        sound = checks.audit(connection, dataset, augmented)
        return sound, prove(connection, dataset, augmented, sound, storage)

    def beside(look: Callable[[Connection], Any]) -> Any:
        with transaction(warehouse_url) as connection:
            with connection.cursor() as cursor:
                wait_at_most(cursor, patience)
            return look(connection)

    checkpoint = (warehouse_url, "staging", augmented.table, suite, run_id)
    with transaction(warehouse_url) as held:
        _hold(held, augmented.table, patience)
        with ThreadPoolExecutor(3, "audit") as pool:
            checking = pool.submit(run_checkpoint, *checkpoint, patience=patience)
            learning = pool.submit(beside, lambda connection: _balancing(connection, dataset, augmented))
            comparing = pool.submit(beside, compared)
            sealed = seal(held, augmented.table)
            findings = (*comparing.result(), learning.result())
            return Looked(sealed, tuple(finding for finding in findings if finding), checking.result())


@failpoint("audit.hold")
def _hold(connection: Connection, table: str, patience: float) -> None:
    """Keep the table as it is until all have looked, also while this session waits for the others."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        hold(cursor, table, "SHARE", patience)


def seal(connection: Connection, table: str) -> Seal:
    """What `staging.<table>`, which the transaction holds against writers, is told by again."""
    with connection.cursor() as cursor:
        marks = read_marks(cursor, table, count_writers(cursor, table))
    return Seal(fingerprint(connection, table), marks)


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
        seal=looked.seal,
    )


def _balancing(connection: Connection, dataset: Dataset, augmented: Augmented) -> Finding | None:
    if dataset.balance is None:
        return None
    # It imports learners, which a dataset without a balance is not to wait for.
    from include.publish.benefit import judge_balancing

    return judge_balancing(connection, dataset, augmented)
