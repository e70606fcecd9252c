"""Which versions a retention keeps, and why; the database itself decides and drops."""

from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection

BEING_READ = "being read"


def kept_for(connection: Connection, dataset: str, version: int, keep: int) -> str | None:
    """Why a retention that keeps so many keeps the version: its age, the view, tags, manifests, views, readers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sluice.kept_for(%s, %s, %s)", (dataset, version, keep))
        (reason,) = cursor.fetchone() or (None,)
    return reason


def drop_old(connection: Connection, dataset: str, version: int, keep: int, at: datetime) -> str | None:
    """Drop the version in the caller's transaction, unless there is a reason to keep it, which is returned then.

    Nobody who reads it is waited for, and what was built on it meanwhile stays.
    """
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT old")
        try:
            cursor.execute("SELECT sluice.drop_old(%s, %s, %s, %s)", (dataset, version, keep, at))
        except psycopg2.errors.LockNotAvailable:
            cursor.execute("ROLLBACK TO SAVEPOINT old")
            return BEING_READ
        except psycopg2.errors.DependentObjectsStillExist as error:
            cursor.execute("ROLLBACK TO SAVEPOINT old")
            return f"built on: {error.diag.message_detail}"
        (reason,) = cursor.fetchone() or (None,)
    return reason
