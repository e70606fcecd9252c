"""Make what a run made, and its audit let through, the dataset's next version."""

import logging
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError, RetriableError
from include.core.failpoints import failpoint
from include.core.refs import Augmented, VersionRef
from include.pipeline.approve import approved
from include.pipeline.audit import ANEW, STAGE
from include.publish.fingerprint import fingerprint
from include.publish.manifest import Counted, count, manifest
from include.specs import Dataset
from include.warehouse import versions
from include.warehouse.connection import take_turns, transaction
from include.warehouse.seal import broken, read_marks
from include.warehouse.staging import exists, hold
from include.warehouse.validations import Validation, recorded

log = logging.getLogger(__name__)


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
    audited, or is not what was audited any more, and for changed columns while others have built views on the
    dataset's; RetriableError if readers hold the dataset's view for longer than `patience` seconds. The rows of a
    retired version are refused too, and a held run that was not approved: FatalError.
    """
    run = augmented.gated.candidate.run
    try:
        with transaction(warehouse_url) as connection:
            _take_turns(connection, dataset)
            if done := _published_by(connection, dataset.name, run, augmented.table):
                return done
            approval = approved(connection, dataset, run)
            _hold(connection, augmented.table, patience)
            with connection.cursor() as cursor:
                counted = count(cursor, dataset, augmented.table)
            audited = _audited(connection, dataset, augmented, counted.rows)
            digest = _prove(connection, augmented.table, audited, counted)
            facts = manifest(connection, dataset, augmented, audited, counted=counted, code=code)
            facts |= {"approval": approval}
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
    except psycopg2.errors.UndefinedColumn as error:
        raise FatalError(
            f"Only what was audited is published, and staging.{augmented.table} has lost a column:"
            f" {error.diag.message_primary}.",
            fix=ANEW,
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
    """Let nobody change the table between the proof that it is the audited one and its publication."""
    with connection.cursor() as cursor:
        hold(cursor, table, "SHARE ROW EXCLUSIVE", patience)


def _audited(connection: Connection, dataset: Dataset, augmented: Augmented, rows: int) -> Validation:
    run = augmented.gated.candidate.run
    found = recorded(connection, run, dataset.name, STAGE)
    if found is None or found.decision.decision == "reject" or found.passed != rows:
        state = f"{found.decision.decision}, {found.passed} rows" if found else "none"
        raise FatalError(
            f"Only an audited table is published: {augmented.table} has {rows} rows, its audit says {state}.",
            fix=ANEW if found else "clear the run's audit task, or trigger a new run.",
        )
    return found


@failpoint("publish.prove")
def _prove(connection: Connection, table: str, audited: Validation, counted: Counted) -> str:
    """The fingerprint of the table: the audit's, if its rows are those that were audited, else FatalError.

    They need not be read for it, unless something has happened to the table, or an older release audited it.
    """
    seal = audited.seal
    if seal is None:
        log.warning("the audit of %s sealed nothing: the fingerprint is reckoned here", audited.run)
        return fingerprint(connection, table)
    with connection.cursor() as cursor:
        doubt = broken(seal.marks, read_marks(cursor, table, counted.writers))
    if doubt is None:
        return seal.fingerprint
    found = fingerprint(connection, table)
    if found != seal.fingerprint:
        raise FatalError(
            f"Only what was audited is published, and staging.{table} is not that any more: {doubt}, and its"
            f" fingerprint is {found[:12]}, that of the audited rows {seal.fingerprint[:12]}.",
            fix=ANEW,
        )
    log.info("%s holds the audited rows, as its fingerprint says: %s", table, doubt)
    return found
