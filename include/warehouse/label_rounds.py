"""The rounds of labelling on record: what was asked, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from include.core.refs import Asked, LabelResult


def record_round(
    connection: Connection, asked: Asked, items: Sequence[str], said: dict[str, Any], at: datetime
) -> None:
    """`said` has what a model or rules were sure of, `labelled` and `audited`, each [label, confidence] by key,
    and the answers of `gold` items.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said, asked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (asked.dataset, asked.run, asked.tool, asked.place, list(items), asked.waiting, Json(said), at),
        )


def asked_before(connection: Connection, dataset: str, run: str) -> tuple[Asked, list[str]] | None:
    """The run's round, and the keys of its rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tool, place, items, waiting, said FROM sluice.label_rounds WHERE dataset = %s AND run = %s",
            (dataset, run),
        )
        if (row := cursor.fetchone()) is None:
            return None
    tool, place, items, waiting, said = row
    asked = Asked(
        dataset=dataset, run=run, tool=tool, place=place, items=len(items), waiting=waiting,
        prelabelled=len(said.get("labelled", {})),
    )  # fmt: skip
    return asked, items


def said_before(connection: Connection, dataset: str, run: str) -> dict[str, Any]:
    """What a model or rules were sure of when the round was asked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT said FROM sluice.label_rounds WHERE dataset = %s AND run = %s", (dataset, run))
        (said,) = cursor.fetchone() or ({},)
    return dict(said)


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


def gold_so_far(connection: Connection, dataset: str) -> dict[str, str]:
    """The gold items of all rounds, and their answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT gold.key, gold.value FROM sluice.label_rounds, jsonb_each_text(said->'gold') AS gold"
            " WHERE dataset = %s ORDER BY asked_at",
            (dataset,),
        )
        return dict(cursor.fetchall())


def record_result(connection: Connection, result: LabelResult, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_results (dataset, run, answered, answers, annotators, labels, faults,"
            " agreement, audit, skill, given, decision, reasons, warnings, batch, settled_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                result.dataset, result.run, result.answered, result.answers, result.annotators, result.labels,
                Json(result.faults), Json(result.agreement), Json(result.audit), Json(result.skill),
                Json(result.given),
                result.decision.decision, list(result.decision.reasons), list(result.decision.warnings),
                result.batch, at,
            ),
        )  # fmt: skip


def settled(connection: Connection, dataset: str, run: str) -> bool:
    """Whether something came of the run's round, be it a refusal."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM sluice.label_results WHERE dataset = %s AND run = %s", (dataset, run))
        return cursor.rowcount > 0


def results(connection: Connection, dataset: str) -> list[LabelResult]:
    """What came of every round so far, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run, answered, answers, annotators, labels, faults, agreement, audit, skill, given, batch,"
            " jsonb_build_object('decision', decision, 'reasons', reasons, 'warnings', warnings) AS decision"
            " FROM sluice.label_results WHERE dataset = %s ORDER BY settled_at, run",
            (dataset,),
        )
        names = [column.name for column in cursor.description or ()]
        return [LabelResult(dataset=dataset, **dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
