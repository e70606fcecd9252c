"""What was asked and answered about a held run: `sluice.approvals` only grows, and its last word counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from include.warehouse.connection import take_turns


@dataclass(frozen=True, slots=True)
class Word:
    """`ask`, `approve` or `reject`: by whom (None: nobody answered in time), why, when, and on what (`shown`).

    An answer to an `ask` counts until its `until`.
    """

    decision: str
    by: str | None
    reason: str
    shown: str
    at: datetime
    until: datetime | None = None


def standing(words: Sequence[Word]) -> Word | None:
    """The word that counts: the first rejection, which nothing takes back, else the last word of all."""
    return next((word for word in words if word.decision == "reject"), words[-1] if words else None)


def approval(words: Sequence[Word], shown: str) -> Word | None:
    """The approval of exactly what is `shown`, if it stands."""
    word = standing(words)
    return word if word and word.decision == "approve" and word.shown == shown else None


def words(connection: Connection, run: str, dataset: str) -> list[Word]:
    """All that was said about a run, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT decision, decided_by, reason, shown, decided_at, asked_until FROM sluice.approvals"
            " WHERE run = %s AND dataset = %s ORDER BY number",
            (run, dataset),
        )
        return [Word(*row) for row in cursor.fetchall()]


def shown(connection: Connection, run: str, dataset: str) -> str:
    """The digest of what gate and audit have judged of a run up to now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sluice.shown(%s, %s), '')", (run, dataset))
        (digest,) = cursor.fetchone() or ("",)
        return str(digest)


def say(connection: Connection, run: str, dataset: str, word: Word) -> None:
    """Add a word, in the caller's transaction; whoever else speaks about the dataset's runs waits for its end."""
    with connection.cursor() as cursor:
        take_turns(cursor, "approve", dataset)
        cursor.execute(
            "INSERT INTO sluice.approvals"
            " SELECT %(run)s, %(dataset)s, 1 + coalesce(max(number), 0), %(decision)s, %(by)s, %(reason)s,"
            " %(shown)s, %(until)s::timestamptz, %(at)s FROM sluice.approvals"
            " WHERE run = %(run)s AND dataset = %(dataset)s",
            {"run": run, "dataset": dataset, "decision": word.decision, "by": word.by, "reason": word.reason,
             "shown": word.shown, "until": word.until, "at": word.at},
        )  # fmt: skip


def as_fact(word: Word, said: Sequence[Word]) -> dict[str, Any]:
    """An approval, the last word of `said`, as a version's manifest keeps it."""
    asked = next((before for before in reversed(said) if before.decision == "ask"), None)
    return {
        "by": word.by,
        "reason": word.reason,
        "at": word.at.isoformat(),
        "asked_at": asked.at.isoformat() if asked else None,
        "shown": word.shown,
    }
