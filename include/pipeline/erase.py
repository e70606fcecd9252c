"""Erase a subject: out of history, quarantine, staging and labelling, and with it the versions that hold it."""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError, RetriableError
from include.core.refs import Erasure
from include.pipeline.erase_labels import NOWHERE, Outside, clean_sheets, forget
from include.publish import delivery
from include.specs import Dataset, PostgresSource, Subject
from include.validate.reports import remove_report
from include.warehouse import erasures, label_subjects, subjects
from include.warehouse.connection import transaction
from include.warehouse.subjects import Holder

log = logging.getLogger(__name__)


def survey(
    warehouse_url: str, source: PostgresSource, request: ErasureRequest, datasets: Sequence[Dataset]
) -> list[str]:
    """The datasets that must be published anew before the subject is erased: they are declared so, and show it.

    Raises FatalError where `erase` would, and changes nothing.
    """
    subject, concerned = subjects.subject_of(source, datasets)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        if erasures.recorded(cursor, request.id):
            return []
        subjects.begin(cursor, request)
        history = subjects.history(cursor, source, subject)
        subjects.refer(cursor, source, subject)
        erasures.refuse_current(cursor, source.name, history)
        return [dataset.name for dataset in concerned if _to_rebuild(cursor, source, dataset)]


def erase(
    warehouse_url: str,
    source: PostgresSource,
    request: ErasureRequest,
    *,
    datasets: Sequence[Dataset],
    reports: Path,
    at: datetime,
    outside: Outside = NOWHERE,
    patience: float = 60,
) -> Erasure:
    """Remove the subject from the warehouse, in one transaction, then from annotation servers; what was removed.

    Its rows go out of every declared landing table, whatever their time, and out of the quarantines; staging
    tables of the datasets concerned are dropped, so a run that is under way has to be triggered again; versions
    that hold it are retired, and their exports below the storage `outside` removed; answers to its rows, their
    labels and their keys leave history, rounds and sheets; so do pages of `reports` that may show it. The second
    call with a request returns what the first did, and makes good what that did not reach on a server, or what was
    said of the subject's rows since.

    Raises FatalError, and erases nothing, if the source still has the subject, if nothing holds it, if a
    declaration is missing, or if a dataset has to be rebuilt first (see `survey`); RetriableError if others
    hold the tables for longer than `patience` seconds. Raises as `erase_labels.forget` where a server was not
    reached: then the warehouse has erased the subject all the same.
    """
    subject, concerned = subjects.subject_of(source, datasets)
    try:
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            subjects.begin(cursor, request)
            labelled = label_subjects.on_record(cursor, source, concerned)
            _hold(cursor, source, subject, labelled, patience)
            if done := erasures.recorded(cursor, request.id):
                _refuse_another(source, request, done.commitment)
                _erase_late(cursor, source, request, labelled)
            else:
                _erase(
                    cursor, source, request, concerned, labelled, reports=reports, at=at, storage=outside.storage
                )
    except psycopg2.errors.LockNotAvailable as error:
        raise RetriableError(
            f"Others have held tables with the subject for longer than {patience:g} s; nothing was erased.",
            fix="end long transactions on landing, on staging and on the versions that hold it, and run again.",
        ) from error
    except psycopg2.errors.DependentObjectsStillExist as error:
        raise FatalError(
            f"Others have built views on what must go: {error.diag.message_detail}.",
            fix="drop those views, and erase again.",
        ) from error
    forget(warehouse_url, source, request, concerned, outside)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        erasure = erasures.read(cursor, request.id)
    log.info("erased a subject of %s: %s, versions retired: %s", source.name, erasure.removed, erasure.retired)
    return erasure


def _hold(
    cursor: Cursor, source: PostgresSource, subject: Subject, labelled: Sequence[Dataset], patience: float
) -> None:
    places = subjects.history(cursor, source, subject)
    places += [place for dataset in labelled for place in label_subjects.history(cursor, dataset)]
    erasures.hold(cursor, source.name, places, patience, [dataset.name for dataset in labelled])


def _erase_late(
    cursor: Cursor, source: PostgresSource, request: ErasureRequest, labelled: Sequence[Dataset]
) -> None:
    """Remove what was said of the subject's rows since: in a form that was open, on a sheet that came late."""
    subject, _ = subjects.subject_of(source, labelled)
    for dataset in labelled:
        label_subjects.refer(cursor, source, subject, dataset)
        label_subjects.refer_committed(cursor, source, dataset, request.id)
        label_subjects.remove(cursor, request.id, dataset)


def _erase(
    cursor: Cursor,
    source: PostgresSource,
    request: ErasureRequest,
    concerned: Sequence[Dataset],
    labelled: Sequence[Dataset],
    *,
    reports: Path,
    at: datetime,
    storage: Any,
) -> None:
    """The transaction's work, in places that are held."""
    subject, _ = subjects.subject_of(source, concerned)
    # Looked up under the lock: a landing that was waited for may have given a column another name.
    history = subjects.history(cursor, source, subject)
    subjects.refer(cursor, source, subject)
    erasures.refuse_current(cursor, source.name, history)
    # Before anything goes: rows in staging, quarantine and versions tell whose a labelled row is.
    for dataset in labelled:
        label_subjects.refer(cursor, source, subject, dataset)
    for dataset in concerned:
        erasures.sweep(cursor, request.id, dataset.name)
        _refuse_shown(cursor, source, dataset)
    quarantined = subjects.quarantines(cursor, source, subject, concerned)
    holders = [holder for dataset in concerned for holder in _holding(cursor, source, dataset)]
    runs = erasures.runs_in(cursor, quarantined)
    runs += [(h.version.dataset, str(h.version.manifest.get("run", ""))) for h in holders]
    pages = erasures.pages(cursor, source.name, concerned, erasures.span(cursor, history), runs)
    rows = sum(erasures.remove_history(cursor, request.id, place) for place in history)
    rows += sum(erasures.remove_quarantined(cursor, request.id, place) for place in quarantined)
    asked = {dataset.name: label_subjects.rounds(cursor, source, dataset) for dataset in labelled}
    rows += sum(label_subjects.remove(cursor, request.id, dataset) for dataset in labelled)
    _refuse_nobody(source, rows + sum(holder.tells for holder in holders))
    for holder in holders:
        erasures.retire(cursor, request.id, holder, at)
    # Before the commit: if this is cut off, the whole erasure is done again, its files included.
    for page in pages:
        remove_report(reports, page)
    files = {"reports": len(pages)}
    if storage is not None:
        for dataset in labelled:
            keys = label_subjects.noted(cursor, dataset)
            files[f"sheets.{dataset.name}"] = clean_sheets(dataset, asked[dataset.name], keys, storage)
        if exports := _remove_exports(storage, holders):
            files["exports"] = exports
    erasures.record(cursor, source, request, files=files, at=at)


def _holding(cursor: Cursor, source: PostgresSource, dataset: Dataset) -> list[Holder]:
    return [holder for holder in subjects.holders(cursor, source, dataset) if subjects.count(cursor, holder)]


def _remove_exports(storage: Any, holders: Sequence[Holder]) -> int:
    """How many of the versions had been exported there, and are no more."""
    return sum(delivery.remove(storage, holder.version.dataset, holder.version.version) for holder in holders)


def _to_rebuild(cursor: Cursor, source: PostgresSource, dataset: Dataset) -> bool:
    if dataset.on_erasure != "rebuild":
        return False
    return any(holder.version.current for holder in _holding(cursor, source, dataset))


def _refuse_shown(cursor: Cursor, source: PostgresSource, dataset: Dataset) -> None:
    if _to_rebuild(cursor, source, dataset):
        raise FatalError(
            f"The current version of {dataset.name} holds the subject, and is to be rebuilt before it is retired.",
            fix=f'run curate_{dataset.name}, then erase again; or declare on_erasure="retire".',
        )


def _refuse_nobody(source: PostgresSource, found: int) -> None:
    if not found:
        raise FatalError(
            f"Nothing in the warehouse holds that subject of {source.name!r}.",
            fix="name the key as the source spells it; a subject that was erased before is not there to erase.",
        )


def _refuse_another(source: PostgresSource, request: ErasureRequest, commitment: str) -> None:
    if commitment != request.commitment(source.name, request.key):
        raise FatalError(
            f"The request {request.id!r} was carried out for another subject, or with another receipt.",
            fix="make a new request: each is carried out once.",
        )
