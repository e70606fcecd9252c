"""Check the proof that an erasure left: that it was about a key, and that nothing holds that subject now."""

import getpass
import os
import sys
from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.core.refs import Proof
from include.specs import Dataset, PostgresSource, Subject, Via
from include.warehouse import erasures, subjects
from include.warehouse.connection import transaction


def verify(
    warehouse_url: str, source: PostgresSource, request: ErasureRequest, datasets: Sequence[Dataset]
) -> Proof:
    """Compare the key and the receipt with the erasure's commitment, and look for the subject's rows again.

    Rows that belonged to it by a reference, or as a made row's parents, are found by the commitments to those:
    what they referred to is gone. Raises FatalError if there is no such erasure of the source.
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
        places = [
            *subjects.history(cursor, source, subject),
            *subjects.quarantines(cursor, source, subject, concerned),
            *subjects.staged(cursor, source, concerned),
            *(holder for dataset in concerned for holder in subjects.holders(cursor, source, dataset)),
        ]
        held = {place.name: rows for place in places if (rows := subjects.count(cursor, place))}
    about = found.commitment == request.commitment(source.name, request.key)
    return Proof(request=request.id, about_this_key=about, held=held)


def prove(
    warehouse_url: str, source: PostgresSource, request: ErasureRequest, datasets: Sequence[Dataset]
) -> Proof:
    """As `verify`, but FatalError unless the proof holds."""
    proof = verify(warehouse_url, source, request, datasets)
    if not proof.about_this_key:
        raise FatalError(
            f"The erasure {request.id!r} was about another key, or the receipt is another's.",
            fix="check with the key and the receipt of the request.",
        )
    if proof.held:
        raise FatalError(
            f"The subject of the erasure {request.id!r} is held again: {proof.held}.",
            fix="see how it came back (the source, a restored backup), and erase it anew.",
        )
    return proof


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
    proof = prove(url, source, request, catalog.DATASETS)
    sys.stdout.write(f"Erasure {proof.request} was about this key, and nothing holds that subject now.\n")


if __name__ == "__main__":
    main()
