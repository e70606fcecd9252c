"""Rows out of the warehouse as Arrow, streamed in binary: for what is too large to be held."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from psycopg2.extensions import make_dsn

from include.core.errors import RetriableError
from include.warehouse.connection import session_options

if TYPE_CHECKING:
    import pyarrow as pa


def stream(url: str, query: str) -> "Iterator[pa.RecordBatch]":
    """The query's rows, some 16 MB at a time, as the reader and with the session settings of all connections.

    It is a connection of its own, and so another snapshot than the caller's. Raises RetriableError if it is lost.
    """
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    options = session_options("sluice_reader")
    dsn = make_dsn(url, options=options, application_name="sluice export", connect_timeout=10)
    try:
        with dbapi.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            yield from cursor.fetch_record_batch()
    except Error as error:
        raise RetriableError(
            f"The warehouse could not be read: {str(error).splitlines()[0]}.", fix="run again."
        ) from error
