"""Which version a dataset's view shows, has shown, and is to show."""

from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.warehouse.connection import take_turns


@dataclass(frozen=True, slots=True)
class Move:
    """From `at` on the view showed `version` (None: none was left) instead of `was`; `pinned`: no run moves it.

    `kind` is publish, rollback, unpin, hand, retire, or found: where the history of the view begins.
    """

    version: int | None
    was: int | None
    pinned: bool
    kind: str
    who: str
    why: str
    at: datetime


def moves(connection: Connection, dataset: str, *, most: int | None = None) -> list[Move]:
    """The moves of the dataset's view, newest first: all of them, or the newest so many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version, was, pinned, kind, who, why, moved_at FROM sluice.pointer_moves WHERE dataset = %s"
            " ORDER BY move DESC LIMIT %s",
            (dataset, most),
        )
        return [Move(*row) for row in cursor.fetchall()]


def shown_at(connection: Connection, dataset: str, at: datetime) -> int:
    """The version that the dataset's view showed at that time: one answer for ever.

    A move that is under way is waited for, and the future is refused, since either could change the answer.
    Raises FatalError for a time without a zone, one that is still to come, and one at which no version was shown.
    """
    if at.tzinfo is None:
        raise FatalError(
            f"as_of = {at.isoformat()} has no time zone.", fix="give it one: datetime(2026, 3, 1, tzinfo=UTC)."
        )
    with connection.cursor() as cursor:
        # Held by whoever moves the view, from before it takes the time until its commit. It is let go at once:
        # moves to come will be later than `now`, and nobody is to wait for as long as this transaction lasts.
        lock = "pg_advisory_{}(hashtext('sluice.publish'), hashtext(%(dataset)s))"
        cursor.execute(f"SELECT {lock.format('lock_shared')}", {"dataset": dataset})
        cursor.execute(f"SELECT clock_timestamp(), {lock.format('unlock_shared')}", {"dataset": dataset})
        now, _ = cursor.fetchone() or (at, True)
    if at >= now:
        raise FatalError(
            f"as_of = {at.isoformat()} is still to come: it is {now.isoformat()}.",
            fix="leave as_of out for the current version.",
        )
    known = moves(connection, dataset)
    found = next((move for move in known if move.at <= at), None)
    if found is None or found.version is None:
        since = f"its view begins at {known[-1].at.isoformat()}" if known else "it has no version"
        raise FatalError(
            f"Dataset {dataset} showed no version at {at.isoformat()}"
            + (f": {found.why}." if found else f": {since}."),
            fix="name another time, or a version of sluice.versions.",
        )
    return found.version


def hold(connection: Connection, dataset: str) -> None:
    """Let nobody else move the view until the transaction ends."""
    with connection.cursor() as cursor:
        take_turns(cursor, "publish", dataset)


def roll_back(connection: Connection, dataset: str, version: int, *, pin: bool, who: str, why: str) -> None:
    """Let the view show `version`, in the caller's transaction; no run shows what it leaves again.

    Raises FatalError for a version that is not there or retired.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sluice.roll_back(%s, %s, %s, %s, %s)", (dataset, version, pin, who, why))
    except (psycopg2.errors.ObjectNotInPrerequisiteState, psycopg2.errors.InvalidParameterValue) as error:
        raise FatalError(
            f"{error.diag.message_primary}", fix="pick a version of sluice.versions that is not in retirements."
        ) from error


def unpin(connection: Connection, dataset: str, *, who: str, why: str) -> None:
    """Let runs move the view on again, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sluice.unpin(%s, %s, %s)", (dataset, who, why))
