"""Labelling up to the answers: set aside rows that have no label, ask about some of them, see what is answered."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.annotations import Annotation, Choice, Item
from include.core.errors import FatalError
from include.core.refs import Asked, Gated
from include.core.seeds import seed_of
from include.label.tools import Tool
from include.specs import Dataset, Labelling
from include.warehouse import label_queue, label_rounds
from include.warehouse.connection import take_turns, transaction
from include.warehouse.labels import known_labels
from include.warehouse.staging import exists, queue_name, table_name

if TYPE_CHECKING:
    from include.label.prelabel import Prediction
    from include.pipeline.prelabel import Said

log = logging.getLogger(__name__)


def set_aside(warehouse_url: str, dataset: Dataset, gated: Gated) -> Gated:
    """Part the rows that passed by whether they have a label: those that have go on, others may be asked about.

    A row that is set aside is neither bad nor lost: the next curation after it was labelled takes it in.
    """
    label, queue = sql.Identifier(dataset.label), sql.Identifier("staging", queue_name(dataset.name))
    labelling_of(dataset)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        take_turns(cursor, "label", dataset.name)
        parted = part_labelled(connection, dataset, gated)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(queue))
        cursor.execute(
            sql.SQL("CREATE TABLE {} AS SELECT *, {}::text AS _label FROM {}").format(
                queue, label, sql.Identifier("staging", gated.table)
            )
        )
        label_queue.open_to_readers(cursor, dataset.name, labelling_of(dataset).show)
    log.info("%s rows of %s have a label, %s wait for one", parted.passed, dataset.name, parted.unlabelled)
    return parted


def classes(warehouse_url: str, dataset: Dataset, parted: Gated) -> list[str]:
    """The classes of the rows that have a label."""
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT DISTINCT {}::text FROM staging.{} ORDER BY 1").format(
                sql.Identifier(dataset.label), sql.Identifier(parted.table)
            )
        )
        return [name for (name,) in cursor.fetchall()]


def part_labelled(connection: Connection, dataset: Dataset, gated: Gated) -> Gated:
    """The rows that have a label, in a table of their own in the caller's transaction, and how many have none."""
    target = table_name(dataset.name, gated.candidate.run, "labelled")
    names = {"target": sql.Identifier("staging", target), "passed": sql.Identifier("staging", gated.table)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {target}").format(**names))
        cursor.execute(
            sql.SQL("CREATE TABLE {target} AS SELECT * FROM {passed} WHERE {label} IS NOT NULL").format(
                **names, label=sql.Identifier(dataset.label)
            )
        )
        labelled = cursor.rowcount
        cursor.execute(sql.SQL("ANALYZE {target}").format(**names))
    parted = {"table": target, "passed": labelled, "unlabelled": gated.passed - labelled}
    return gated.model_copy(update=parted)


def ask(warehouse_url: str, dataset: Dataset, run: str, tool: Tool, *, storage: Any, at: datetime) -> Asked:
    """Give the next rows to annotators; with nothing left to ask about, or no budget, a round of no items.

    `storage` is the root of the object storage, for strategies that look at images. A retry of the run asks the
    same. Raises FatalError before the dataset was curated for the first time.
    """
    declared = labelling_of(dataset)
    with transaction(warehouse_url) as connection:
        with connection.cursor() as cursor:
            take_turns(cursor, "label", dataset.name)
        if before := label_rounds.asked_before(connection, dataset.name, run):
            return before[0]
        labels = known_labels(connection, dataset.name)
        waiting, known = _keys(connection, dataset, labels)
        count = min(declared.batch, _left(connection, dataset), len(waiting))
        chosen, said = _drawn(connection, dataset, labels, count, storage) if count else ((), None)
        chosen = _with_gold(dataset, declared, chosen, known)
        asked = Asked(
            dataset=dataset.name,
            run=run,
            tool=declared.tool,
            place=tool.place(dataset.name, run),
            items=len(chosen),
            waiting=len(waiting),
            prelabelled=len(said.parted.labelled) if said else 0,
        )
        if said:
            tool.send(asked.place, _shown(connection, dataset, chosen, said), declared)
            gold = {key: known[key] for key in chosen if key in known}
            label_rounds.record_round(connection, asked, chosen, _told(said) | {"gold": gold}, at)
    log.info("%s of %s rows of %s that wait were asked about", len(chosen), len(waiting), dataset.name)
    return asked


def _drawn(
    connection: Connection, dataset: Dataset, labels: Mapping[str, str], count: int, storage: Any
) -> tuple[tuple[str, ...], "Said"]:
    """`count` rows to ask about, and what is said of all that wait: rows that check what a model is sure of come
    first, then doubted labels, then those that the strategy wants most."""
    from include.pipeline.choose import choose, doubted
    from include.pipeline.pool import read
    from include.pipeline.prelabel import said_of

    declared = labelling_of(dataset)
    rows = read(connection, dataset, declared, labels)
    said = said_of(connection, dataset, declared, rows, storage)
    first = [one.key for one in said.parted.audited]
    first = [*first, *doubted(dataset, declared, rows, labels, storage)][:count]
    sure = {one.key for one in (*said.parted.labelled, *said.parted.audited)}
    rest = choose(dataset, declared, rows.without(sure), count - len(first), storage) if len(first) < count else ()
    return (*first, *rest), said


def _with_gold(
    dataset: Dataset, declared: Labelling, chosen: tuple[str, ...], known: Mapping[str, str]
) -> tuple[str, ...]:
    """The rows with gold items among them, as many as are declared and there are."""
    from include.label.annotators import with_gold

    share = min(declared.gold, len(known) / (len(known) + len(chosen))) if chosen else 0
    return with_gold(chosen, known, share, seed_of(dataset.name, declared.seed, "gold")) if share else chosen


def _shown(connection: Connection, dataset: Dataset, chosen: Sequence[str], said: "Said") -> list[Item]:
    """The items, with what is said of them; of those that are to check it, nothing."""
    shown = labelling_of(dataset).show
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT _id, {} FROM staging.{} WHERE _id = ANY(%s)").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in shown),
                sql.Identifier(queue_name(dataset.name)),
            ),
            (list(chosen),),
        )
        data = {key: dict(zip(shown, values, strict=True)) for key, *values in cursor.fetchall()}
    predicted = {one.key: (_prediction(one),) for one in said.parted.review}
    return [Item(key=key, data=data[key], predictions=predicted.get(key, ())) for key in chosen]


def _prediction(said: "Prediction") -> Annotation:
    choice = Choice(labels=(said.label,), score=said.confidence)
    return Annotation(item=said.key, annotator="sluice", regions=(choice,), origin="model")


def _told(said: "Said") -> dict[str, Any]:
    parts = {"labelled": said.parted.labelled, "audited": said.parted.audited}
    told = {name: {one.key: [one.label, one.confidence] for one in part} for name, part in parts.items()}
    return {**told, "rules": said.rules}


def missing(warehouse_url: str, dataset: Dataset, asked: Asked, tool: Tool) -> int:
    """How many items of the round still lack answers."""
    with transaction(warehouse_url) as connection:
        items = items_of(connection, asked)
    return tool.lacking(asked.place, items, labelling_of(dataset))


def items_of(connection: Connection, asked: Asked) -> list[Item]:
    """The items of the round, by their keys."""
    before = label_rounds.asked_before(connection, asked.dataset, asked.run)
    return [Item(key=key) for key in before[1]] if before else []


def _keys(connection: Connection, dataset: Dataset, labels: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Of the rows of the newest curation those that wait for a label, and the labels that the sources themselves
    know; `labels` were given here."""
    queue = queue_name(dataset.name)
    with connection.cursor() as cursor:
        if not exists(cursor, queue):
            raise FatalError(
                f"No row of {dataset.name} has passed the gate yet, so there is nothing to label.",
                fix=f"run curate_{dataset.name} first.",
            )
        cursor.execute(
            sql.SQL('SELECT _id, _label FROM staging.{} ORDER BY _id COLLATE "C"').format(sql.Identifier(queue))
        )
        rows = [(key, label) for key, label in cursor.fetchall() if key not in labels]
    return [key for key, label in rows if label is None], {key: label for key, label in rows if label is not None}


def _left(connection: Connection, dataset: Dataset) -> int:
    declared = labelling_of(dataset)
    if declared.budget is None:
        return declared.batch
    return max(0, declared.budget - label_rounds.asked_in_all(connection, dataset.name))


def labelling_of(dataset: Dataset) -> Labelling:
    """How the dataset's rows are labelled. Raises FatalError if it does not say."""
    if dataset.labelling is None:
        raise FatalError(f"Dataset {dataset.name} declares no labelling.", fix="declare Labelling(…).")
    return dataset.labelling
