"""The rounds of labelling on record: what was asked, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from include.core.refs import Asked, LabelResult


def record_round(
    connection: Connection,
    asked: Asked,
    items: Sequence[str],
    said: dict[str, Any],
    at: datetime,
    *,
    subjects: dict[str, dict[str, str | None]] | None = None,
) -> None:
    """Before it is handed out. `said` has what a model or rules were sure of, `labelled` and `audited`, and what
    annotators are `shown` of the others, each [label, confidence] by key; the answers of `gold` items; `subjects`
    whose each row is (`label_subjects.whose`).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said, subjects, asked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                asked.dataset, asked.run, asked.tool, asked.place, list(items), asked.waiting, Json(said),
                Json(subjects or {}), at,
            ),
        )  # fmt: skip


def record_sent(connection: Connection, asked: Asked, items: Sequence[str], at: datetime) -> None:
    """That the round was handed out with these of its rows; the same once more is no news."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, items FROM sluice.label_sent WHERE dataset = %s AND run = %s"
            " ORDER BY number DESC LIMIT 1",
            (asked.dataset, asked.run),
        )
        number, before = cursor.fetchone() or (0, None)
        if before != list(items):
            cursor.execute(
                "INSERT INTO sluice.label_sent (dataset, run, number, items, sent_at) VALUES (%s, %s, %s, %s, %s)",
                (asked.dataset, asked.run, number + 1, list(items), at),
            )


def record_end(connection: Connection, asked: Asked, at: datetime) -> None:
    """That the run asked about nothing, and why."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_ends (dataset, run, tool, place, waiting, reason, ended_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (asked.dataset, asked.run, asked.tool, asked.place, asked.waiting, asked.ended, at),
        )


def asked_before(connection: Connection, dataset: str, run: str) -> tuple[Asked, list[str]] | None:
    """The run's round, and the keys of its rows: as it was last handed out, or as it is to be."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tool, place, coalesce((SELECT sent.items FROM sluice.label_sent AS sent WHERE (sent.dataset,"
            " sent.run) = (asked.dataset, asked.run) ORDER BY number DESC LIMIT 1), asked.items), waiting, said,"
            " NULL FROM sluice.label_rounds AS asked WHERE dataset = %s AND run = %s"
            " UNION ALL SELECT tool, place, '{}', waiting, '{}', reason FROM sluice.label_ends"
            " WHERE dataset = %s AND run = %s",
            (dataset, run, dataset, run),
        )
        if (row := cursor.fetchone()) is None:
            return None
    tool, place, items, waiting, said, reason = row
    asked = Asked(
        dataset=dataset, run=run, tool=tool, place=place, items=len(items), waiting=waiting,
        prelabelled=len(said.get("labelled", {})), ended=reason,
    )  # fmt: skip
    return asked, items


def pulse(connection: Connection, dataset: str) -> tuple[int, int]:
    """How many rounds were asked and how many settled: the same twice, if nothing came of labelling meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM sluice.label_rounds WHERE dataset = %s),"
            " (SELECT count(*) FROM sluice.label_results WHERE dataset = %s)",
            (dataset, dataset),
        )
        asked, settled = cursor.fetchone() or (0, 0)
    return asked, settled


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
            "SELECT DISTINCT ON (asked_at, run) run, tool, place, cardinality(sent.items), waiting"
            " FROM sluice.label_rounds JOIN sluice.label_sent AS sent USING (dataset, run) WHERE dataset = %s"
            " AND run NOT IN (SELECT run FROM sluice.label_results WHERE dataset = %s)"
            " ORDER BY asked_at, run, number DESC",
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
            " agreement, audit, skill, given, score, validation, decision, reasons, warnings, batch, settled_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                result.dataset, result.run, result.answered, result.answers, result.annotators, result.labels,
                Json(result.faults), Json(result.agreement), Json(result.audit), Json(result.skill),
                Json(result.given), result.score, result.validation,
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
            "SELECT run, answered, answers, annotators, labels, faults, agreement, audit, skill, given, score,"
            " validation, batch,"
            " jsonb_build_object('decision', decision, 'reasons', reasons, 'warnings', warnings) AS decision"
            " FROM sluice.label_results WHERE dataset = %s ORDER BY settled_at, run",
            (dataset,),
        )
        names = [column.name for column in cursor.description or ()]
        return [LabelResult(dataset=dataset, **dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
