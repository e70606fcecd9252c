"""What labelling keeps of a subject outside of the warehouse: lines of sheets, and tasks of an annotation server.

A round's sheets are cleaned while the erasure holds its turn. A server is asked after the warehouse has committed:
the keys are gone by then, but the erasure's commitments tell them when they are seen, to whoever has the receipt.
So a call that was cut off is made good by the next one, and the proof looks in the same way.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError, SluiceError
from include.label.hand_over import Sheets, clear
from include.label.tools import Tool
from include.specs import Dataset, PostgresSource
from include.warehouse import erasures, label_subjects
from include.warehouse.connection import transaction
from include.warehouse.label_subjects import Round

log = logging.getLogger(__name__)

SERVER = "label_studio"
FORM = "form"


@dataclass(frozen=True, slots=True)
class Outside:
    """Where rounds are handed out: the root `storage` of the sheets, and the annotation servers by dataset."""

    storage: Any = None
    servers: Mapping[str, Tool] = field(default_factory=dict)


NOWHERE = Outside()


def clean_sheets(dataset: Dataset, asked: Sequence[Round], keys: Collection[str], storage: Any) -> int:
    """Take the rows of these keys out of the sheets of the rounds; how many lines, or whole sheets, went.

    Sheets of rounds that do not say whose their rows are, and of no round on record, go whole.
    """
    if forms := sum(one.tool == FORM and not one.keys.isdisjoint(keys) for one in asked):
        log.warning("Airflow keeps the forms of %s rounds: delete these runs of label_%s", forms, dataset.name)
    told = [one.place for one in asked if one.told and one.tool != SERVER]
    gone = clear(storage, dataset.name, but=told)
    return gone + sum(Sheets(storage).forget(place, lambda key: key in keys) for place in told)


def forget(
    warehouse_url: str,
    source: PostgresSource,
    request: ErasureRequest,
    datasets: Sequence[Dataset],
    outside: Outside,
) -> None:
    """Remove what is left outside of the warehouse after the erasure was recorded there; once more is no harm.

    Raises RetriableError for a server that cannot be reached, FatalError for one that refuses or is not known.
    """
    for dataset, committed, asked in _committed(warehouse_url, source, request, datasets):
        removed = 0
        for one in asked:
            try:
                tool = _tool(dataset, one, outside)
                gone = tool.forget(one.place, _theirs(request, dataset, committed, one)) if tool else 0
            except SluiceError as error:
                raise type(error)(
                    f"The warehouse holds nothing of the subject any more, but {one.tool} may still show its rows"
                    f" of {dataset.name}: {error.problem}",
                    fix=f"{error.fix} Then run again (clear the task): the same request goes on from here.",
                ) from error
            removed += gone if one.tool == SERVER else 0
        if any(one.tool == SERVER for one in asked):
            with transaction(warehouse_url) as connection, connection.cursor() as cursor:
                erasures.note_removed(cursor, request.id, f"{SERVER}.{dataset.name}", removed)


def look(
    warehouse_url: str,
    source: PostgresSource,
    request: ErasureRequest,
    datasets: Sequence[Dataset],
    outside: Outside,
) -> tuple[dict[str, int], dict[str, str]]:
    """How many lines and tasks of the subject are there, by place; and why a place could not be looked into."""
    held, unseen = dict[str, int](), dict[str, str]()
    for dataset, committed, asked in _committed(warehouse_url, source, request, datasets):
        for one in asked:
            place = f"{SERVER if one.tool == SERVER else 'sheets'}.{dataset.name}"
            try:
                if (tool := _tool(dataset, one, outside)) is None:
                    unseen[place] = "no object storage was given"
                elif found := tool.holding(one.place, _theirs(request, dataset, committed, one)):
                    held[place] = held.get(place, 0) + found
            except SluiceError as error:
                unseen[place] = error.problem
    return held, unseen


def _committed(
    warehouse_url: str, source: PostgresSource, request: ErasureRequest, datasets: Sequence[Dataset]
) -> Iterator[tuple[Dataset, frozenset[str], list[Round]]]:
    """The datasets of which labelling held rows of the subject, with the commitments to them, and the rounds."""
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        found = [
            (
                dataset,
                erasures.committed(cursor, request.id, label_subjects.place_of(dataset)),
                label_subjects.rounds(cursor, source, dataset),
            )
            for dataset in label_subjects.on_record(cursor, source, datasets)
        ]
    # No transaction is open while a server is waited for.
    yield from (one for one in found if one[1])


def _theirs(
    request: ErasureRequest, dataset: Dataset, committed: frozenset[str], asked: Round
) -> Callable[[str], bool]:
    """Whether a key is one of the subject's rows: what a round still has on record since then is not."""
    place = label_subjects.place_of(dataset)
    return lambda key: key not in asked.keys and request.commitment(place, key) in committed


def _tool(dataset: Dataset, asked: Round, outside: Outside) -> Tool | None:
    """Where the round was handed out; None for sheets without a storage."""
    if asked.tool != SERVER:
        return Sheets(outside.storage) if outside.storage is not None else None
    if dataset.name not in outside.servers:
        raise FatalError(
            f"Rounds of {dataset.name} were in Label Studio, and which server that was is not told.",
            fix='declare tool="label_studio" and its connection for the dataset.',
        )
    return outside.servers[dataset.name]
