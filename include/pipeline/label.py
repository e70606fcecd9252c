"""Labelling from the gate on: set aside rows that have no label, and see what is answered of those asked about."""

import logging

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.annotations import Item
from include.core.errors import FatalError
from include.core.refs import Asked, Gated
from include.label.tools import Tool
from include.specs import Dataset, Labelling
from include.warehouse import label_queue, label_rounds
from include.warehouse.connection import take_turns, transaction
from include.warehouse.staging import queue_name, table_name

log = logging.getLogger(__name__)


def set_aside(warehouse_url: str, dataset: Dataset, gated: Gated) -> Gated:
    """Part the rows that passed by whether they have a label: those that have go on, others may be asked about.

    A row that is set aside is neither bad nor lost: the next curation after it was labelled takes it in.
    """
    label, queue = sql.Identifier(dataset.label), sql.Identifier("staging", queue_name(dataset.name))
    labelling_of(dataset)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        label_in_turn(connection, dataset)
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


def missing(warehouse_url: str, dataset: Dataset, asked: Asked, tool: Tool) -> int:
    """How many items of the round still lack answers."""
    with transaction(warehouse_url) as connection:
        items = items_of(connection, asked)
    return tool.lacking(asked.place, items, labelling_of(dataset))


def items_of(connection: Connection, asked: Asked) -> list[Item]:
    """The items of the round, by their keys."""
    before = label_rounds.asked_before(connection, asked.dataset, asked.run)
    return [Item(key=key) for key in before[1]] if before else []


def labelling_of(dataset: Dataset) -> Labelling:
    """How the dataset's rows are labelled. Raises FatalError if it does not say."""
    if dataset.labelling is None:
        raise FatalError(f"Dataset {dataset.name} declares no labelling.", fix="declare Labelling(…).")
    return dataset.labelling


def label_in_turn(connection: Connection, dataset: Dataset) -> None:
    """Wait until nobody else asks, settles or sets aside; others wait until the caller's transaction ends."""
    with connection.cursor() as cursor:
        take_turns(cursor, "label", dataset.name)
