"""Audit what a run made and, if it holds, make it the dataset's next version."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.dimensions import RUNS
from include.core.errors import FatalError, GateRejected, RetriableError
from include.core.failpoints import failpoint
from include.core.refs import Augmented, Finding, VersionRef
from include.pipeline.approve import approved
from include.publish import audit as checks
from include.publish.fingerprint import fingerprint
from include.publish.leakage import prove
from include.publish.manifest import manifest
from include.specs import Dataset
from include.warehouse import versions
from include.warehouse.connection import take_turns, transaction
from include.warehouse.staging import exists
from include.warehouse.texts import keep
from include.warehouse.validations import Validation, judged_before, record, recorded

log = logging.getLogger(__name__)

STAGE = "audit"


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
    from include.validate.checkpoint import run_checkpoint
    from include.validate.reports import Report, report_path, write_report
    from include.validate.suite import load_suite

    run = augmented.gated.candidate.run
    suite = load_suite(suites, f"{dataset.name}_audit", (*dataset.columns, *versions.PROVENANCE))
    with transaction(warehouse_url) as connection:
        rows = _rows(connection, augmented.table)
        sound = checks.audit(connection, dataset, augmented)
        found = (
            sound,
            prove(connection, dataset, augmented, sound, storage),
            _balancing(connection, dataset, augmented),
        )
    findings = tuple(finding for finding in found if finding)
    checked = run_checkpoint(warehouse_url, "staging", augmented.table, suite, f"{run}, try {attempt}")
    outcomes = (*(o for finding in findings for o in finding.outcomes), *checked.outcomes)
    decision = checks.decide(outcomes, dataset.gate)
    judged = Validation(
        run=run,
        dataset=dataset.name,
        stage=STAGE,
        decision=decision,
        rows=rows,
        passed=0 if decision.decision == "reject" else rows,
        quarantined=0,
        reasons={},
        outcomes=outcomes,
        batches=augmented.gated.candidate.batches,
        suite_hash=suite.hash,
        report=report_path(dataset.name, run, STAGE),
        at=at,
        evidence={finding.name: finding.evidence for finding in findings if finding.evidence},
    )
    with transaction(warehouse_url) as connection:
        before = recorded(connection, run, dataset.name, STAGE)
        if before is None:
            keep(connection, suite.content)
            past = judged_before(connection, dataset.name, STAGE, RUNS - 1)
            record(connection, judged)
            write_report(reports, Report(judged, (), checked.raw, before=past))
    for verdict in (judged, before):
        if verdict and verdict.decision.decision == "reject":
            where = f"{report_url.rstrip('/')}/{verdict.report}" if report_url else str(reports / verdict.report)
            raise GateRejected(
                f"The audit rejected {dataset.name} ({rows} rows): {'; '.join(verdict.decision.reasons)}."
                f" Report: {where}.",
                fix="mend the step that made these rows, and trigger a new run.",
            )
    log.info("audited %s rows of %s by %s rules", rows, dataset.name, len(outcomes))
    return augmented


@failpoint("publish.commit")
def publish(
    warehouse_url: str,
    dataset: Dataset,
    augmented: Augmented,
    *,
    at: datetime,
    code: str,
    patience: float = 30,
) -> VersionRef:
    """Make the audited table the dataset's next version, in one transaction; `code` is the commit that runs.

    If the same bytes had been published before, the view points at that version and nothing new is made. If
    the view shows newer batches than the table was built of, it stays there: the version is not `current`. The
    retry of a run that had published returns what it had published. Raises FatalError for a table that was not
    audited, and for changed columns while others have built views on the dataset's; RetriableError if
    readers hold the dataset's view for longer than `patience` seconds. The rows of a retired version are
    refused too, and a held run that was not approved: FatalError.
    """
    run = augmented.gated.candidate.run
    try:
        with transaction(warehouse_url) as connection:
            _take_turns(connection, dataset)
            if done := _published_by(connection, dataset.name, run, augmented.table):
                return done
            approval = approved(connection, dataset, run)
            _hold(connection, augmented.table, patience)
            audited = _audited(connection, dataset, augmented)
            digest = fingerprint(connection, augmented.table)
            facts = manifest(connection, dataset, augmented, audited, code) | {"approval": approval}
            number, new, current = versions.publish(connection, dataset.name, augmented.table, digest, facts, at)
    except psycopg2.errors.DependentObjectsStillExist as error:
        raise FatalError(
            f"The columns of {dataset.name} have changed, and other views are built on its view:"
            f" {error.diag.message_detail}.",
            fix="drop those views, publish, and make them again; or build them on one version's own table.",
        ) from error
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        raise FatalError(
            f"{error.diag.message_primary}",
            fix=error.diag.message_hint
            or "the subject is back where it was erased from: erase it there, collect, and trigger a new run.",
        ) from error
    except psycopg2.errors.LockNotAvailable as error:
        raise RetriableError(
            f"The dataset {dataset.name} has been read for longer than {patience:g} s, so its view cannot move.",
            fix=f"let training jobs read the version's own table ({dataset.name}_v<N>), which never moves.",
        ) from error
    log.info("%s is version %s of %s", digest, number, dataset.name)
    if not current:
        older = augmented.gated.candidate.batches
        log.warning("the view datasets.%s stays: it shows newer batches than %s", dataset.name, older)
    return VersionRef(
        dataset=dataset.name,
        version=number,
        table=f"{dataset.name}_v{number}",
        fingerprint=digest,
        rows=facts["rows"],
        new=new,
        current=current,
    )


def _balancing(connection: Connection, dataset: Dataset, augmented: Augmented) -> Finding | None:
    if dataset.balance is None:
        return None
    # It imports learners, which a dataset without a balance is not to wait for.
    from include.publish.benefit import judge_balancing

    return judge_balancing(connection, dataset, augmented)


def _rows(connection: Connection, table: str) -> int:
    with connection.cursor() as cursor:
        versions.column_types(cursor, table)
        cursor.execute(sql.SQL("SELECT count(*) FROM staging.{}").format(sql.Identifier(table)))
        (rows,) = cursor.fetchone() or (0,)
    return int(rows)


def _take_turns(connection: Connection, dataset: Dataset) -> None:
    """A task that was taken for dead may still be at it: one publishes, the others find what it published."""
    with connection.cursor() as cursor:
        take_turns(cursor, "publish", dataset.name)


def _published_by(connection: Connection, dataset: str, run: str, table: str) -> VersionRef | None:
    """What the run had published before it was cut off, if its table has left staging."""
    with connection.cursor() as cursor:
        if exists(cursor, table):
            return None
    for version in versions.list_versions(connection, dataset):
        if version.manifest.get("run") == run and version.retired_at is None:
            return VersionRef(
                dataset=dataset,
                version=version.version,
                table=version.table,
                fingerprint=version.fingerprint,
                rows=version.manifest["rows"],
                new=True,
                current=version.current,
            )
    return None


@failpoint("publish.hold")
def _hold(connection: Connection, table: str, patience: float) -> None:
    """Let nobody change the table between its fingerprint and its publication."""
    with connection.cursor() as cursor:
        versions.column_types(cursor, table)
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{round(patience * 1000)}ms",))
        cursor.execute(sql.SQL("LOCK TABLE staging.{} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier(table)))


def _audited(connection: Connection, dataset: Dataset, augmented: Augmented) -> Validation:
    run = augmented.gated.candidate.run
    found = recorded(connection, run, dataset.name, STAGE)
    rows = _rows(connection, augmented.table)
    if found is None or found.decision.decision == "reject" or found.passed != rows:
        state = f"{found.decision.decision}, {found.passed} rows" if found else "none"
        raise FatalError(
            f"Only an audited table is published: {augmented.table} has {rows} rows, its audit says {state}.",
            fix="clear the run's audit task, or trigger a new run.",
        )
    return found
