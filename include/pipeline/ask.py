"""Ask about the next rows: decide on a round and put it on record, then hand it out.

Nothing but the warehouse is spoken to while a transaction is open: pictures are fetched, models trained and tools
called between them. A run that dies anywhere is ended by its retry, which finds what is on record.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.annotations import Annotation, Choice, Item
from include.core.errors import RetriableError
from include.core.failpoints import failpoint
from include.core.refs import Asked
from include.label.tools import Tool
from include.pipeline.label import label_in_turn, labelling_of
from include.specs import Dataset, Labelling
from include.warehouse import label_rounds
from include.warehouse.connection import transaction, turn
from include.warehouse.label_subjects import whose
from include.warehouse.staging import exists, queue_name

if TYPE_CHECKING:
    from include.pipeline.draw import Drawn, Seen

log = logging.getLogger(__name__)

# So often a round is decided on anew where others settle, ask or curate meanwhile.
TRIES = 5


def ask(warehouse_url: str, dataset: Dataset, run: str, tool: Tool, *, storage: Any, at: datetime) -> Asked:
    """Give the next rows to annotators; a round of no items where the loop has `ended`, and why.

    `storage` is the root of the object storage, for strategies that look at images. A retry of the run asks the
    same, and hands out what its tool lacks of it. Raises FatalError before the dataset was curated for the first
    time, RetriableError while it is labelled by others without a pause.
    """
    asked = _on_record(warehouse_url, dataset, run, tool, storage=storage, at=at)
    if asked.ended:
        log.info("the rounds of %s have ended: %s; %s rows wait", dataset.name, asked.ended, asked.waiting)
        return asked
    # Two tries at once of one run would each make the project that they do not find.
    with turn(warehouse_url, "hand out", f"{dataset.name} {run}"):
        asked = _handed_out(warehouse_url, dataset, asked, tool, at)
    log.info("%s of %s rows of %s that wait were asked about", asked.items, asked.waiting, dataset.name)
    return asked


def _on_record(warehouse_url: str, dataset: Dataset, run: str, tool: Tool, *, storage: Any, at: datetime) -> Asked:
    """The run's round as it stands on record, where it is put if it is not yet."""
    from include.pipeline.draw import draw, see

    for _ in range(TRIES):
        with transaction(warehouse_url) as connection:
            label_in_turn(connection, dataset)
            if before := label_rounds.asked_before(connection, dataset.name, run):
                return before[0]
            seen = see(connection, dataset, storage)
        drawn = draw(dataset, seen)
        asked = Asked(
            dataset=dataset.name, run=run, tool=labelling_of(dataset).tool, place=tool.place(dataset.name, run),
            items=len(drawn.keys), waiting=len(seen.rows.waiting), prelabelled=drawn.prelabelled,
            ended=drawn.ended,
        )  # fmt: skip
        if found := _record(warehouse_url, dataset, asked, drawn, seen, at=at):
            return found
        log.info("%s was labelled or curated meanwhile: what to ask about is decided on anew", dataset.name)
    raise RetriableError(
        f"{TRIES} times what is known of {dataset.name} changed while a round of it was decided on.",
        fix="run again when less is going on.",
    )


@failpoint("round.record")
def _record(
    warehouse_url: str, dataset: Dataset, asked: Asked, drawn: "Drawn", seen: "Seen", *, at: datetime
) -> Asked | None:
    """Put the round on record, unless another try of the run has; None where it was drawn from what is past."""
    from include.pipeline.draw import pulse

    with transaction(warehouse_url) as connection:
        label_in_turn(connection, dataset)
        if before := label_rounds.asked_before(connection, dataset.name, asked.run):
            return before[0]
        if pulse(connection, dataset) != seen.pulse:
            return None
        if asked.ended:
            label_rounds.record_end(connection, asked, at)
        else:
            subjects = whose(connection, dataset, {*drawn.keys, *drawn.told["labelled"]})
            label_rounds.record_round(connection, asked, drawn.keys, drawn.told, at, subjects=subjects)
        return asked


def _handed_out(warehouse_url: str, dataset: Dataset, asked: Asked, tool: Tool, at: datetime) -> Asked:
    """The round as it lies where annotators find it: with those of its rows that the newest curation still has."""
    with transaction(warehouse_url) as connection:
        if any(one.run == asked.run for one in label_rounds.results(connection, dataset.name)):
            return asked
        _, keys = label_rounds.asked_before(connection, dataset.name, asked.run) or (asked, [])
        items = _shown(connection, dataset, keys, label_rounds.said_before(connection, dataset.name, asked.run))
    if not items:
        return asked.model_copy(update={"items": 0, "ended": "nothing left"})
    _send(tool, asked.place, items, labelling_of(dataset))
    _record_sent(warehouse_url, asked, [item.key for item in items], at)
    return asked.model_copy(update={"items": len(items)})


@failpoint("round.send")
def _send(tool: Tool, place: str, items: Sequence[Item], declared: Labelling) -> None:
    tool.send(place, items, declared)


@failpoint("round.sent")
def _record_sent(warehouse_url: str, asked: Asked, keys: Sequence[str], at: datetime) -> None:
    with transaction(warehouse_url) as connection:
        label_rounds.record_sent(connection, asked, keys, at)


def _shown(connection: Connection, dataset: Dataset, keys: Sequence[str], said: dict[str, Any]) -> list[Item]:
    """The items as they are shown, those whose rows the newest curation still has, in their order."""
    shown, queue = labelling_of(dataset).show, queue_name(dataset.name)
    with connection.cursor() as cursor:
        if not exists(cursor, queue):
            return []
        cursor.execute(
            sql.SQL("SELECT _id, {} FROM staging.{} WHERE _id = ANY(%s)").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in shown),
                sql.Identifier(queue),
            ),
            (list(keys),),
        )
        data = {key: dict(zip(shown, values, strict=True)) for key, *values in cursor.fetchall()}
    predicted = {key: (_prediction(key, *told),) for key, told in said.get("shown", {}).items()}
    return [Item(key=key, data=data[key], predictions=predicted.get(key, ())) for key in keys if key in data]


def _prediction(key: str, label: str, confidence: float) -> Annotation:
    choice = Choice(labels=(label,), score=confidence)
    return Annotation(item=key, annotator="sluice", regions=(choice,), origin="model")
