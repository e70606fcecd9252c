"""Labels as a source like any other: who answered what, and the label that followed, landed as history."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.annotations import Annotation
from include.core.batch import Batch, Column, Table, TableChanges
from include.core.failpoints import failpoint
from include.core.refs import BatchRef
from include.warehouse.landing import land, position


def _columns(**types: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in types.items())


# What was answered: `label` is null where an answer is not one class; `annotation` is the answer whole.
ANSWERS: Final = Table(
    "answers",
    _columns(
        item="text", annotator="text", label="text", origin="text", answered_at="timestamptz",
        seconds="double precision", round="text", annotation="jsonb",
    ),
    ("item", "annotator"),
)  # fmt: skip
# What follows from the answers: one label a row, and how sure it is.
LABELS: Final = Table(
    "labels",
    _columns(
        key="text", label="text", confidence="double precision", origin="text", answers="bigint",
        probabilities="jsonb", round="text",
    ),
    ("key",),
)  # fmt: skip
# A model of all annotators moves every probability a little with every round: so much is no news of a row.
AS_SURE: Final = 0.001
NO_LABELS: Final = (
    "(SELECT " + ", ".join(f"NULL::{column.type} AS {column.name}" for column in LABELS.columns) + " WHERE false)"
)


@dataclass(frozen=True, slots=True)
class Label:
    """One row's label: `probabilities` of each class, `answers` that it rests on, `round` that changed it last."""

    key: str
    label: str
    confidence: float
    origin: str
    answers: int
    probabilities: dict[str, float]
    round: str


def label_source(dataset: str) -> str:
    """The source as which a dataset's labels are landed."""
    return f"labels_{dataset}"


@dataclass(frozen=True, slots=True)
class News:
    """What a round brings: answers, labels as they are now, and rows that have none any more."""

    answers: tuple[Annotation, ...]
    labels: tuple[Label, ...] = ()
    gone: tuple[str, ...] = ()


@failpoint("labels.land")
def land_labels(connection: Connection, dataset: str, news: News, at: datetime) -> BatchRef:
    """Land them in the caller's transaction; what is as it was, and as sure within `AS_SURE`, writes nothing.

    An annotator's later answer to an item ends the earlier one's interval: relabelling is history.
    """
    source = label_source(dataset)
    start = position(connection, source)
    sequence = count(1)
    answers, labels = TableChanges(ANSWERS, sequence), TableChanges(LABELS, sequence)
    for answer in news.answers:
        answers.upsert(_answer(answer))
    before = _labels_before(connection, dataset)
    for label in news.labels:
        if label.key not in before or _differs(label, before[label.key]):
            labels.upsert(_label(label))
    for key in news.gone:
        labels.delete([key, *[None] * (len(LABELS.columns) - 1)])
    batch = Batch(
        source=source,
        start=start,
        end=str(int(start or 0) + 1),
        changes=(answers, labels),
        skip_unchanged=True,
    )
    landed = land(connection, batch, at)
    if news.answers:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    "GRANT SELECT (item, annotator, label, round, _seq_from) ON landing.{} TO sluice_reader"
                ).format(sql.Identifier(f"{source}_answers"))
            )
    return landed


def _labels_before(connection: Connection, dataset: str) -> dict[str, list[Any]]:
    columns = ("key", "label", "origin", "answers", "probabilities")
    return {key: rest for key, *rest in _current(connection, dataset, "labels", columns, ("key",))}


def _differs(label: Label, before: list[Any]) -> bool:
    *same, probabilities = before
    if same != [label.label, label.origin, label.answers] or probabilities.keys() != label.probabilities.keys():
        return True
    return any(abs(label.probabilities[name] - was) > AS_SURE for name, was in probabilities.items())


def answers_of(connection: Connection, dataset: str, run: str) -> list[tuple[str, str, str]]:
    """(item, annotator, class) of each answer of the round that is one class, whatever was said later.

    Readers may ask, too.
    """
    name = f"{label_source(dataset)}_answers"
    with connection.cursor() as cursor:
        if not is_landed(cursor, name):
            return []
        cursor.execute(
            sql.SQL(
                "SELECT DISTINCT ON (item, annotator) item, annotator, label FROM landing.{}"
                " WHERE round = %s AND label IS NOT NULL ORDER BY item, annotator, _seq_from DESC"
            ).format(sql.Identifier(name)),
            (run,),
        )
        return cursor.fetchall()


def known_answers(connection: Connection, dataset: str) -> list[Annotation]:
    """Every annotator's newest answer to every item, by item and annotator."""
    rows = _current(connection, dataset, "answers", ("annotation",), ("item", "annotator"))
    return [Annotation.model_validate(annotation) for (annotation,) in rows]


def known_labels(connection: Connection, dataset: str, *, origin: str | None = None) -> dict[str, str]:
    """The label of each row that has one from here; of that origin alone (`person`, `rule`, `model`), if given."""
    rows = _current(connection, dataset, "labels", ("key", "label", "origin"), ("key",))
    return {key: label for key, label, given_by in rows if origin in (None, given_by)}


def given(connection: Connection, dataset: str) -> list[dict[str, Any]]:
    """Of each class and origin how many rows have it now, and the mean confidence."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT label, origin, count(*) AS rows, avg(confidence) AS confidence FROM landing.{}"
                " WHERE _seq_to IS NULL GROUP BY 1, 2 ORDER BY 1, 2"
            ).format(sql.Identifier(f"{label_source(dataset)}_labels"))
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _current(
    connection: Connection, dataset: str, table: str, columns: Sequence[str], order: Sequence[str]
) -> list[tuple[Any, ...]]:
    name = f"{label_source(dataset)}_{table}"
    with connection.cursor() as cursor:
        if not is_landed(cursor, name):
            return []
        cursor.execute(
            sql.SQL("SELECT {} FROM landing.{} WHERE _seq_to IS NULL ORDER BY {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Identifier(name),
                sql.SQL(", ").join(sql.SQL('{} COLLATE "C"').format(sql.Identifier(one)) for one in order),
            )
        )
        return cursor.fetchall()


def is_landed(cursor: Cursor, name: str) -> bool:
    """Whether landing has a table of that name: labels are landed with the first round."""
    cursor.execute("SELECT to_regclass(format('landing.%%I', %s::text)) IS NOT NULL", (name,))
    return cursor.fetchone() == (True,)


def _answer(answer: Annotation) -> list[str | None]:
    return [
        answer.item, answer.annotator, answer.choice(), answer.origin,
        answer.at.isoformat() if answer.at else None,
        None if answer.seconds is None else repr(answer.seconds),
        answer.batch, answer.model_dump_json(),
    ]  # fmt: skip


def _label(label: Label) -> list[str | None]:
    return [
        label.key, label.label, repr(label.confidence), label.origin, str(label.answers),
        json.dumps(label.probabilities), label.round,
    ]  # fmt: skip
