"""Leave a source: an abandoned slot would make its server keep log until the disk is full."""

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.errors import errors_of
from include.collect.postgres.slot import drop_slot
from include.core.errors import FatalError, RetriableError
from include.specs import PostgresSource
from include.warehouse.connection import connect


def decommission(source: PostgresSource, url: str) -> list[str]:
    """Drop the source's slot and publication; returns what was dropped. Safe to run again.

    What has been landed stays. Raises RetriableError while a run is reading the slot, FatalError where the
    login may not drop one of the two: a publication's owner has to.
    """
    dropped = []
    connection = connect(url)
    try:
        connection.autocommit = True
        with errors_of(source.name), connection.cursor() as cursor:
            if _drop_slot(cursor, source.slot):
                dropped.append(f"slot {source.slot}")
            if _drop_publication(cursor, source.publication):
                dropped.append(f"publication {source.publication}")
    finally:
        connection.close()
    return dropped


def _drop_slot(cursor: Cursor, slot: str) -> bool:
    try:
        return drop_slot(cursor, slot)
    except psycopg2.errors.ObjectInUse as error:
        raise RetriableError(
            f"Slot {slot!r} is being read.", fix="stop the run that reads it, then try again."
        ) from error


def _drop_publication(cursor: Cursor, publication: str) -> bool:
    cursor.execute("SELECT pg_get_userbyid(pubowner) FROM pg_publication WHERE pubname = %s", (publication,))
    if (found := cursor.fetchone()) is None:
        return False
    command = sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(publication))
    try:
        cursor.execute(command)
    except psycopg2.errors.InsufficientPrivilege as error:
        raise FatalError(
            f"The slot is gone, so the server keeps no log for us any more, but publication {publication!r}"
            f" belongs to {found[0]!r}, and only its owner may drop it.",
            fix=f"let {found[0]} run: {command.as_string(cursor)};",
        ) from error
    return True
