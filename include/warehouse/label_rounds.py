"""The rounds of labelling on record: what was asked, and what came of it."""

from collections.abc import Sequence
from datetime import datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from include.core.refs import Asked, GateDecision, LabelResult


def record_round(connection: Connection, asked: Asked, items: Sequence[str], at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, asked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (asked.dataset, asked.run, asked.tool, asked.place, list(items), asked.waiting, at),
        )


def asked_before(connection: Connection, dataset: str, run: str) -> tuple[Asked, list[str]] | None:
    """The run's round, and the keys of its rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tool, place, items, waiting FROM sluice.label_rounds WHERE dataset = %s AND run = %s",
            (dataset, run),
        )
        if (row := cursor.fetchone()) is None:
            return None
    tool, place, items, waiting = row
    asked = Asked(dataset=dataset, run=run, tool=tool, place=place, items=len(items), waiting=waiting)
    return asked, items


def open_rounds(connection: Connection, dataset: str) -> list[Asked]:
    """The rounds that were handed out and have not been settled, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run, tool, place, cardinality(items), waiting FROM sluice.label_rounds WHERE dataset = %s"
            " AND run NOT IN (SELECT run FROM sluice.label_results WHERE dataset = %s) ORDER BY asked_at, run",
            (dataset, dataset),
        )
        return [
            Asked(dataset=dataset, run=run, tool=tool, place=place, items=items, waiting=waiting)
            for run, tool, place, items, waiting in cursor.fetchall()
        ]


def asked_in_all(connection: Connection, dataset: str) -> int:
    """How many rows were ever asked about."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT item) FROM sluice.label_rounds, unnest(items) AS item WHERE dataset = %s",
            (dataset,),
        )
        return int((cursor.fetchone() or (0,))[0])


def record_result(connection: Connection, result: LabelResult, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_results (dataset, run, answered, answers, annotators, labels, faults,"
            " agreement, decision, reasons, warnings, batch, settled_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                result.dataset, result.run, result.answered, result.answers, result.annotators, result.labels,
                Json(result.faults), Json(result.agreement), result.decision.decision,
                list(result.decision.reasons), list(result.decision.warnings), result.batch, at,
            ),
        )  # fmt: skip


def results(connection: Connection, dataset: str) -> list[LabelResult]:
    """What came of every round so far, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run, answered, answers, annotators, labels, faults, agreement, decision, reasons, warnings,"
            " batch FROM sluice.label_results WHERE dataset = %s ORDER BY settled_at, run",
            (dataset,),
        )
        return [
            LabelResult(
                dataset=dataset, run=run, answered=answered, answers=answers, annotators=annotators, labels=labels,
                faults=tuple(faults), agreement=agreement, batch=batch,
                decision=GateDecision(decision=decision, reasons=tuple(reasons), warnings=tuple(warnings)),
            )
            for run, answered, answers, annotators, labels, faults, agreement, decision, reasons, warnings, batch
            in cursor.fetchall()
        ]  # fmt: skip
