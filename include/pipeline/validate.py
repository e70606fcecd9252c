"""Judge a candidate: checkpoint, row verdicts, quarantine, gate and report, recorded in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.dimensions import RUNS
from include.core.errors import FatalError, GateRejected
from include.core.failpoints import failpoint
from include.core.refs import Candidate, Gated, Outcome
from include.pipeline.drift import Compared, compare
from include.pipeline.part import Parted, Parting, check_and_part, part
from include.specs import Dataset
from include.validate.checkpoint import Checked
from include.validate.gate import decide
from include.validate.invariants import Passed, count_passed, count_repeated, invariants, key_is_unique
from include.validate.predicates import refuse_untold
from include.validate.reports import Report, report_path, write_report
from include.validate.rows import rejected_rows
from include.validate.suite import Suite, load_suite
from include.warehouse import summaries, texts
from include.warehouse.connection import take_turns, transaction
from include.warehouse.quarantine import Origin, QuarantinedRow, quarantine, quarantine_news, quarantined_rows
from include.warehouse.staging import exists, table_name
from include.warehouse.validations import Validation, judged_before, record, recorded

log = logging.getLogger(__name__)

STAGE = "gate"
SAMPLE = 25


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged by what, and when."""

    dataset: Dataset
    candidate: Candidate
    suite: Suite
    at: datetime

    @property
    def origin(self) -> Origin:
        return Origin(self.candidate.run, self.suite.hash, self.candidate.batches, self.at)

    @property
    def parting(self) -> Parting:
        return Parting(self.dataset, self.candidate, self.suite)

    def table(self, part: str) -> str:
        return table_name(self.dataset.name, self.candidate.run, part)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the parted rows tell while Great Expectations still counts: how many were quarantined, some of them,
    what passed by its label, and how that has drifted."""

    quarantined: int
    sample: tuple[QuarantinedRow, ...]
    passed: Passed
    drift: Compared


def validate(
    warehouse_url: str,
    dataset: Dataset,
    candidate: Candidate,
    *,
    suites: Path,
    reports: Path,
    at: datetime,
    report_url: str = "",
    attempt: int = 1,
) -> Gated:
    """Let the candidate's good rows through, split, or raise GateRejected; either way it is on record.

    Quarantined rows, the passed table `staging.<dataset>__<run>__passed` and the row in
    `sluice.validations` appear together or not at all. A rejected candidate's bad rows are quarantined
    too; it has no passed table. The page `<reports>/<dataset>/<run slug>/gate.html` says why;
    `report_url` is where that folder is served, `attempt` the task's try. A second call with the same run
    decides nothing anew.
    Raises FatalError for a faulty suite and for a run that was judged on other batches, or by another suite.
    """
    suite = load_suite(suites, dataset.name, dataset.columns)
    refuse_untold(suite)
    case = _Case(dataset, candidate, suite, at)
    with transaction(warehouse_url) as connection:
        known = recorded(connection, candidate.run, dataset.name, STAGE)
        _refuse_swept(connection, case)
    if known is None:
        run_id = f"{candidate.run}, try {attempt}"
        known = _settled(warehouse_url, case, run_id, reports)
    else:
        _refuse_other(case, known)
        if known.decision.decision != "reject":
            with transaction(warehouse_url) as connection:
                _restore(connection, case, known)
    if known.decision.decision == "reject":
        raise _rejection(case, known, reports, report_url)
    log.info("passed %s of %s rows of %s", known.passed, known.rows, dataset.name)
    return Gated(
        candidate=candidate,
        table=case.table("passed"),
        passed=known.passed,
        quarantined=known.quarantined,
        reasons=known.reasons,
        decision=known.decision,
        suite_hash=suite.hash,
        report=known.report,
    )


@failpoint("gate.commit")
def _settled(warehouse_url: str, case: _Case, run_id: str, reports: Path) -> Validation:
    """Check and part the rows, decide, write the report and record it all, in one transaction."""
    with transaction(warehouse_url) as connection:
        _take_turns(connection, case.dataset)
        if known := recorded(connection, case.candidate.run, case.dataset.name, STAGE):
            return known
        checked, parted, found = check_and_part(
            warehouse_url, connection, case.parting, run_id, lambda parted: _find(connection, case, parted)
        )
        return _settle(connection, case, checked, parted, found=found, reports=reports)


def _find(connection: Connection, case: _Case, parted: Parted) -> _Found:
    """What is told by the parted rows alone. The bad ones go into quarantine, once."""
    passed = case.table("passed")
    quarantined = quarantine(connection, case.dataset.name, rejected_rows(case.table("bad")), case.origin)
    return _Found(
        quarantined=quarantined,
        sample=tuple(quarantined_rows(connection, case.dataset.name, case.candidate.run, SAMPLE)),
        passed=count_passed(connection, case.dataset, passed),
        drift=compare(connection, case.dataset, passed) if parted.passed else Compared(),
    )


def _settle(
    connection: Connection, case: _Case, checked: Checked, parted: Parted, *, found: _Found, reports: Path
) -> Validation:
    outcomes = (*checked.outcomes, *_on_passed(connection, case, checked.outcomes, found.passed))
    validation = _decided(connection, case, parted, found, (*outcomes, *found.drift.finding.outcomes))
    _write_down(connection, case, validation, checked.raw, sample=found.sample, reports=reports)
    _drop(connection, case.table("bad"))
    if validation.decision.decision == "reject":
        _drop(connection, case.table("passed"))
    else:
        summaries.keep(connection, case.dataset.name, case.candidate.run, found.drift.summaries)
    return validation


def _decided(
    connection: Connection, case: _Case, parted: Parted, found: _Found, outcomes: tuple[Outcome, ...]
) -> Validation:
    """Let the gate decide, when no row is lost."""
    verdict, passed, quarantined = parted.verdict, parted.passed, found.quarantined
    rows = passed + quarantined
    if case.candidate.rows != rows or verdict.rejected != quarantined:
        raise FatalError(
            f"Rows built must be as many as passed and were quarantined: {case.candidate.rows} were built,"
            f" {passed} passed, {verdict.rejected} were rejected, {quarantined} quarantined.",
            fix="clear the run from its build task on; if it happens again, please report it.",
        )
    tells = rows > 0 and all(outcome.exception is None for outcome in outcomes)
    news = quarantine_news(connection, case.dataset.name, case.origin, tells=tells)
    drift = found.drift.finding
    evidence = {"quarantine": asdict(news) if news else {}, drift.name: drift.evidence}
    return Validation(
        run=case.candidate.run,
        dataset=case.dataset.name,
        stage=STAGE,
        decision=decide(outcomes, rows, quarantined, case.dataset.gate),
        rows=rows,
        passed=passed,
        quarantined=quarantined,
        reasons=verdict.reasons,
        outcomes=outcomes,
        batches=case.candidate.batches,
        suite_hash=case.suite.hash,
        report=report_path(case.dataset.name, case.candidate.run, STAGE),
        at=case.at,
        evidence={name: found for name, found in evidence.items() if found},
    )


def _write_down(
    connection: Connection,
    case: _Case,
    validation: Validation,
    raw: dict[str, Any],
    *,
    sample: tuple[QuarantinedRow, ...],
    reports: Path,
) -> None:
    """The judgement, the suite's text, and the page that shows both."""
    texts.keep(connection, case.suite.content)
    before = judged_before(connection, case.dataset.name, STAGE, RUNS - 1)
    record(connection, validation)
    write_report(reports, Report(validation, sample, raw, case.dataset.gate.max_rejected, before))


def _on_passed(
    connection: Connection, case: _Case, outcomes: Sequence[Outcome], passed: Passed
) -> tuple[Outcome, ...]:
    """What is to hold of what passed, whatever the suite says."""
    # Without rows there is nothing to say of them: the gate rejects for that alone.
    if not passed.labels:
        return ()
    unique = key_is_unique(case.suite, outcomes, case.dataset.key)
    repeated = 0 if unique else count_repeated(connection, case.table("passed"))
    return invariants(case.dataset, passed, repeated)


def _take_turns(connection: Connection, dataset: Dataset) -> None:
    """A task that was taken for dead may still be at it: one decides, the other finds the decision."""
    with connection.cursor() as cursor:
        take_turns(cursor, "validate", dataset.name)


def _refuse_swept(connection: Connection, case: _Case) -> None:
    if not _exists(connection, case.candidate.table):
        raise FatalError(
            f"The candidate staging.{case.candidate.table} is gone.",
            fix="clear the run from its build task on: a run's staging tables are dropped when it ends.",
        )


def _exists(connection: Connection, table: str) -> bool:
    with connection.cursor() as cursor:
        return exists(cursor, table)


def _restore(connection: Connection, case: _Case, known: Validation) -> None:
    """Make the passed table again if it was swept since the decision: the same rows, by the same rules."""
    if _exists(connection, case.table("passed")):
        return
    passed = part(connection, case.parting, known.outcomes[: len(case.suite.expectations)]).passed
    _drop(connection, case.table("bad"))
    if passed != known.passed:
        raise _judged_before(case, f"{known.passed} rows passed then, {passed} would now")


def _refuse_other(case: _Case, known: Validation) -> None:
    if known.batches != case.candidate.batches or known.rows != case.candidate.rows:
        raise _judged_before(
            case,
            f"{known.rows} rows of batches {known.batches} then, {case.candidate.rows} rows of"
            f" {case.candidate.batches} now",
        )
    if known.suite_hash != case.suite.hash:
        raise _judged_before(case, "by a suite that has changed since")


def _judged_before(case: _Case, difference: str) -> FatalError:
    return FatalError(
        f"Run {case.candidate.run} of {case.dataset.name} has been judged before: {difference}."
        " A recorded decision never changes.",
        fix=f"trigger a new run of curate_{case.dataset.name}.",
    )


def _rejection(case: _Case, known: Validation, reports: Path, report_url: str) -> GateRejected:
    where = f"{report_url.rstrip('/')}/{known.report}" if report_url else str(reports / known.report)
    return GateRejected(
        f"The gate rejected {case.dataset.name} ({known.rows} rows, {known.quarantined} bad):"
        f" {'; '.join(known.decision.reasons)}. Report: {where}.",
        fix="mend the data at its source, or a suite or max_rejected that asks too much, and trigger a new run.",
    )


def _drop(connection: Connection, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(table)))
