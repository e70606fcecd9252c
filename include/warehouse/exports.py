"""The record of exports in `sluice.exports`, and the hold that one has on its version while it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.warehouse.connection import take_turns, wait_at_most
from include.warehouse.versions import Version, list_versions


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a version was put, when, and its files (path, split, rows, bytes, sha256)."""

    place: str
    files: list[dict[str, Any]]
    at: datetime


def hold(connection: Connection, dataset: str, number: int | None, patience: float) -> Version:
    """The version (None: the one that the view shows), held until the transaction ends.

    Nobody else exports it meanwhile, and no erasure drops it. Raises FatalError if there is none or if it is
    retired; psycopg2's LockNotAvailable after `patience` seconds.
    """
    with connection.cursor() as cursor:
        wait_at_most(cursor, patience)
        # The rows are read through another connection, and this one waits for them.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        found = _version(connection, dataset, number)
        take_turns(cursor, "export", found.table)
        try:
            cursor.execute(
                sql.SQL("LOCK TABLE datasets.{} IN ACCESS SHARE MODE").format(sql.Identifier(found.table))
            )
        except psycopg2.errors.UndefinedTable as error:
            raise _gone(found) from error
    return found


def _version(connection: Connection, dataset: str, number: int | None) -> Version:
    known = list_versions(connection, dataset)
    for version in known:
        if version.version == number or (number is None and version.current):
            if version.retired_at is not None:
                raise _gone(version)
            return version
    numbers = ", ".join(str(version.version) for version in reversed(known)) or "none"
    wanted = f"version {number}" if number is not None else "version that its view shows"
    raise FatalError(
        f"Dataset {dataset} has no {wanted}; it has {numbers}.", fix=f"name one of these, or run curate_{dataset}."
    )


@failpoint("export.record")
def record(
    connection: Connection, version: Version, place: str, files: Sequence[Mapping[str, Any]], at: datetime
) -> None:
    """Write down that the version lies there, unless that is known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.exports (dataset, version, place, files, exported_at)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (version.dataset, version.version, place, Json(list(files)), at),
        )


def _gone(version: Version) -> FatalError:
    return FatalError(f"{version.table} is retired: its rows have been removed.", fix="export another version.")


def recorded(connection: Connection, dataset: str, version: int) -> list[Recorded]:
    """Where the version was put, the newest place first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT place, files, exported_at FROM sluice.exports WHERE dataset = %s AND version = %s"
            " ORDER BY exported_at DESC, place",
            (dataset, version),
        )
        return [Recorded(*row) for row in cursor.fetchall()]
