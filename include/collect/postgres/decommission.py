"""Leave a source: an abandoned slot would make its server keep log until the disk is full."""

from psycopg2 import errors, sql

from include.collect.postgres.slot import drop_slot
from include.core.errors import RetriableError
from include.specs import PostgresSource
from include.warehouse.connection import connect


def decommission(source: PostgresSource, url: str) -> list[str]:
    """Drop the source's slot and publication; returns what was dropped. Safe to run again.

    What has been landed stays. Raises RetriableError while a run is reading the slot.
    """
    dropped = []
    connection = connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            if drop_slot(cursor, source.slot):
                dropped.append(f"slot {source.slot}")
            cursor.execute("SELECT FROM pg_publication WHERE pubname = %s", (source.publication,))
            if cursor.rowcount:
                cursor.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(source.publication)))
                dropped.append(f"publication {source.publication}")
    except errors.ObjectInUse as error:
        raise RetriableError(
            f"Slot {source.slot!r} is being read.", fix="stop the run that reads it, then try again."
        ) from error
    finally:
        connection.close()
    return dropped
