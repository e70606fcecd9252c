"""Labelling in the main job: simulated annotators answer what is asked, and what came of it is read back."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.catalog import DATASETS
from include.local import shop
from include.specs import Dataset
from include.warehouse import label_rounds, versions
from include.warehouse.connection import transaction
from include.warehouse.labels import known_labels
from include.warehouse.staging import exists, queue_name

Facts = dict[str, Any]


class Desk:
    """Where rounds are handed out: the sample's are answered at once, of others a person is told.

    `storage` is the root of the object storage, `note` is called with what happened.
    """

    def __init__(self, warehouse_url: str, storage: Path, shop_url: str, note: Callable[[str], None]) -> None:
        self.warehouse_url = warehouse_url
        self.storage = storage
        self.shop_url = shop_url
        self.note = note
        self._told: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Answer the rounds that wait for it; one that was answered is left alone."""
        from include.sample import annotators

        with transaction(self.warehouse_url) as connection:
            names = [dataset.name for dataset in DATASETS if dataset.labelling]
            rounds = [asked for name in names for asked in label_rounds.open_rounds(connection, name)]
        for asked in rounds:
            folder = self.storage / asked.place
            if asked.dataset == annotators.DATASET:
                if not annotators.answered(folder):
                    answers = annotators.answer(folder, annotators.truth(self.shop_url), shop.SEED)
                    self.note(f"{len(annotators.ANNOTATORS)} annotators gave {answers} answers in {folder}")
            elif (asked.dataset, asked.run) not in self._told:
                self._told.add((asked.dataset, asked.run))
                self.note(f"{asked.items} rows of {asked.dataset} wait for annotators: {folder / 'items.csv'}")


def truth(dataset: Dataset, shop_url: str) -> dict[str, str] | None:
    """What is true of each row by its key, where a simulation knows it."""
    from include.sample import annotators

    return annotators.truth(shop_url) if dataset.name == annotators.DATASET else None


def labelled(
    connection: Connection, dataset: Dataset, runs: Sequence[str], meant: Mapping[str, str] | None
) -> Facts:
    """How many rows wait for a label, how many got one so far, and what came of each round of `runs`.

    `right` are labels that say what is meant (None where nobody knows), `in_version` of a round's labels those
    that are in the current version.
    """
    labels = known_labels(connection, dataset.name)
    shown = _in_version(connection, dataset, list(labels))
    rounds = []
    for result in label_rounds.results(connection, dataset.name):
        found = label_rounds.asked_before(connection, dataset.name, result.run)
        if result.run not in runs or found is None:
            continue
        asked, items = found
        given = {key: labels[key] for key in items if key in labels}
        rounds.append({
            "run": result.run, "place": asked.place, "waiting": asked.waiting, "asked": asked.items,
            "answers": result.answers, "annotators": result.annotators, "agreement": result.agreement,
            "decision": result.decision.decision, "reasons": list(result.decision.reasons),
            "labels": len(given), "right": _right(given, meant), "in_version": len(given.keys() & shown),
        })  # fmt: skip
    return {
        "dataset": dataset.name,
        "waiting": _waiting(connection, dataset, list(labels)),
        "labels": len(labels),
        "right": _right(labels, meant),
        "rounds": rounds,
    }


def problems(found: Facts) -> list[str]:
    """What labelling promised and did not do, in words."""
    from include.sample import annotators

    name, wrong = found["dataset"], []
    for one in found["rounds"]:
        if one["decision"] != "publish":
            wrong.append(f"{name}: the round {one['run']} was refused: {'; '.join(one['reasons'])}")
        elif one["in_version"] < one["labels"]:
            wrong.append(
                f"{name}: {one['labels']} rows got a label, {one['in_version']} of them are in the current version"
            )
    if not found["labels"]:
        wrong.append(f"{name}: no row has got a label")
    weakest = min(annotator.skill for annotator in annotators.ANNOTATORS)
    if found["right"] is not None and found["right"] < weakest * found["labels"]:
        wrong.append(
            f"{name}: {found['right']} of {found['labels']} labels are right, fewer than the weakest annotator's"
        )
    return wrong


def _right(labels: Mapping[str, str], meant: Mapping[str, str] | None) -> int | None:
    return None if meant is None else sum(meant.get(key) == label for key, label in labels.items())


def _in_version(connection: Connection, dataset: Dataset, keys: list[str]) -> set[str]:
    if (version := versions.current(connection, dataset.name)) is None:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT _id FROM datasets.{} WHERE _origin = 'real' AND _id = ANY(%s)").format(
                sql.Identifier(version.table)
            ),
            (keys,),
        )
        return {key for (key,) in cursor.fetchall()}


def _waiting(connection: Connection, dataset: Dataset, labelled: list[str]) -> int:
    """Rows that passed the gate in the newest curation and have no label; 0 before the first."""
    queue = queue_name(dataset.name)
    with connection.cursor() as cursor:
        if not exists(cursor, queue):
            return 0
        cursor.execute(
            sql.SQL("SELECT count(*) FROM staging.{} WHERE _label IS NULL AND _id <> ALL(%s)").format(
                sql.Identifier(queue)
            ),
            (labelled,),
        )
        (count,) = cursor.fetchone() or (0,)
    return int(count)
