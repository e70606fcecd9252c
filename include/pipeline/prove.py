"""Check the proof that an erasure left: that it was about a key, and that nothing holds that subject now."""

import getpass
import logging
import os
import sys
from collections.abc import Iterator, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError, RetriableError
from include.core.refs import Proof
from include.pipeline.erase_labels import NOWHERE, Outside, look
from include.specs import Dataset, PostgresSource, Subject, Via
from include.warehouse import erasures, label_subjects, subjects
from include.warehouse.connection import transaction

log = logging.getLogger(__name__)


def verify(
    warehouse_url: str,
    source: PostgresSource,
    request: ErasureRequest,
    datasets: Sequence[Dataset],
    *,
    outside: Outside = NOWHERE,
) -> Proof:
    """Compare the key and the receipt with the erasure's commitment, and look for the subject's rows again.

    Rows that belonged to it by a reference, as a made row's parents, or as labelled ones, are found by the
    commitments to those: what they referred to is gone. Raises FatalError if the source has no such erasure.
    """
    subject, concerned = subjects.subject_of(source, datasets)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        found = erasures.recorded(cursor, request.id)
        if found is None or found.erasure.source != source.name:
            raise FatalError(
                f"There is no erasure {request.id!r} of source {source.name!r}.",
                fix="name a request from the table sluice.erasures.",
            )
        subjects.begin(cursor, request)
        subjects.refer(cursor, source, subject)
        _refer_committed(cursor, source, subject, concerned, request.id)
        labelled = label_subjects.on_record(cursor, source, concerned)
        for dataset in labelled:
            label_subjects.refer(cursor, source, subject, dataset)
            label_subjects.refer_committed(cursor, source, dataset, request.id)
        places = [
            *subjects.history(cursor, source, subject),
            *subjects.quarantines(cursor, source, subject, concerned),
            *subjects.staged(cursor, source, concerned),
            *(holder for dataset in concerned for holder in subjects.holders(cursor, source, dataset)),
            *(place for dataset in labelled for place in label_subjects.places(cursor, dataset)),
        ]
        held = {place.name: rows for place in places if (rows := subjects.count(cursor, place))}
        untold = {d.name: rows for d in labelled if (rows := label_subjects.untold(cursor, source, d))}
    handed_out, unseen = look(warehouse_url, source, request, concerned, outside)
    about = found.commitment == request.commitment(source.name, request.key)
    return Proof(
        request=request.id, about_this_key=about, held=held | handed_out, unseen=unseen, untold=untold
    )  # fmt: skip


def prove(
    warehouse_url: str,
    source: PostgresSource,
    request: ErasureRequest,
    datasets: Sequence[Dataset],
    *,
    outside: Outside = NOWHERE,
) -> Proof:
    """As `verify`, but FatalError unless the proof holds, RetriableError where it cannot be told yet."""
    proof = verify(warehouse_url, source, request, datasets, outside=outside)
    _refuse_held(proof)
    if proof.unseen:
        raise RetriableError(
            f"Nothing that could be looked into holds the subject of the erasure {request.id!r}; these could not"
            f" be: {proof.unseen}.",
            fix="bring them up, and check again.",
        )
    if proof.untold:
        log.warning("of rows that were labelled nothing says whose they are: %s", proof.untold)
    return proof


def _refuse_held(proof: Proof) -> None:
    if not proof.about_this_key:
        raise FatalError(
            f"The erasure {proof.request!r} was about another key, or the receipt is another's.",
            fix="check with the key and the receipt of the request.",
        )
    if proof.held:
        raise FatalError(
            f"The subject of the erasure {proof.request!r} is held again: {proof.held}.",
            fix="see how it came back (the source, a restored backup), and erase it anew; what was answered late"
            " goes when the same request is run again.",
        )


def _refer_committed(
    cursor: Cursor, source: PostgresSource, subject: Subject, datasets: Sequence[Dataset], request: str
) -> None:
    quarantined = subjects.quarantines(cursor, source, subject, datasets)
    for table, way in subject.held.items():
        if isinstance(way, Via):
            for values in subjects.references(cursor, source, table, way, quarantined):
                erasures.refer_committed(cursor, request, table, values)
    for dataset in datasets:
        for holder in subjects.holders(cursor, source, dataset):
            values = sql.SQL("SELECT DISTINCT unnest(_parents) FROM {}").format(holder.table)
            erasures.refer_committed(cursor, request, f"datasets.{dataset.name}", values)


def main() -> None:
    """`python -m include.pipeline.prove SOURCE REQUEST`: reads SLUICE_WAREHOUSE_URL, and asks for key and receipt.

    Where no person types them, they are two lines of the standard input.
    """
    from include import catalog

    if len(sys.argv) != 3 or not (url := os.environ.get("SLUICE_WAREHOUSE_URL")):
        raise FatalError(
            "Source and request must be named, and SLUICE_WAREHOUSE_URL be set.",
            fix="export the warehouse's URL, and run: python -m include.pipeline.prove SOURCE REQUEST",
        )
    source = catalog.source(sys.argv[1])
    if not isinstance(source, PostgresSource):
        raise FatalError(f"Source {source.name!r} is no Postgres database: nobody is erased from it.")
    ask = getpass.getpass if sys.stdin.isatty() else lambda _prompt: sys.stdin.readline().rstrip("\n")
    request = ErasureRequest(sys.argv[2], key=ask("Key: "), receipt=ask("Receipt: "))
    proof = verify(url, source, request, catalog.DATASETS)
    _refuse_held(proof)
    sys.stdout.write("\n".join(_told(proof)) + "\n")


def _told(proof: Proof) -> Iterator[str]:
    yield f"Erasure {proof.request} was about this key, and nothing in the warehouse holds that subject now."
    for place, why in proof.unseen.items():
        yield f"Not looked into: {place} ({why})."
    for dataset, rows in proof.untold.items():
        yield f"Of {rows} rows of {dataset} that were labelled nothing says whose they are."


if __name__ == "__main__":
    main()
