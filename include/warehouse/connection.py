"""Connections to the warehouse, all with the same session settings, so that text forms never vary."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError, RetriableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

# What a value looks like as text is part of fingerprints and of landed changes: pin every setting it depends on.
SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "search_path": "pg_catalog",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    # A statement sees what was committed before it: so what follows the wait for a lock sees what was waited for.
    "default_transaction_isolation": "read committed",
}


def session_options(role: str | None) -> str:
    """The session settings as libpq's `options`, for a client that connects by itself."""
    settings = SESSION | ({"role": role} if role else {})
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())


def connect(url: str, *, role: str | None = None, application: str = "sluice", **options: Any) -> Connection:
    """A psycopg2 connection to `url` (postgresql://user:password@host:port/database).

    Raises FatalError where the server refuses us (wrong password, no such database), RetriableError
    where it cannot be reached. Neither message ever holds the password.
    """
    try:
        return psycopg2.connect(
            url, options=session_options(role), application_name=application, connect_timeout=10, **options
        )
    except psycopg2.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        if "authentication failed" in reason or "does not exist" in reason or "no pg_hba.conf" in reason:
            raise FatalError(
                f"The database refused the connection: {reason}.",
                fix="correct user, password and database of the Airflow connection.",
            ) from None
        raise RetriableError(
            f"The database cannot be reached: {reason}.",
            fix="check host and port of the Airflow connection, and that the server runs.",
        ) from None


@contextmanager
def transaction(url: str, *, role: str | None = "sluice_writer") -> Iterator[Connection]:
    """One transaction in a connection of its own: committed at the end, rolled back on any error.

    Raises RetriableError if the connection is lost: then the transaction is rolled back, unless it was lost while
    the commit was being answered.
    """
    connection = connect(url, role=role)
    try:
        with connection:
            yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not connection.closed:
            raise
        first = error.__context__ if isinstance(error.__context__, psycopg2.Error) else error
        raise RetriableError(
            f"The connection to the database was lost: {str(first).strip().splitlines()[0]}.", fix="run again."
        ) from error
    finally:
        connection.close()


def take_turns(cursor: Cursor, what: str, name: str) -> None:
    """Wait until no other transaction does the same (such as `publish`) with that name; until this one ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sluice.' || %s), hashtext(%s))", (what, name))


def wait_at_most(cursor: Cursor, patience: float) -> None:
    """Let no lock be waited for longer than `patience` seconds, until the transaction ends: LockNotAvailable."""
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{round(patience * 1000)}ms",))


@contextmanager
def turn(url: str, what: str, name: str) -> Iterator[None]:
    """Wait until nobody else does the same with that name, and hold the turn without a transaction.

    For what takes long elsewhere: it is given back at the end, and by the server if this process dies.
    """
    connection = connect(url, role="sluice_writer")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('sluice.' || %s), hashtext(%s))", (what, name))
        yield
    finally:
        connection.close()


def engine(url: str, *, role: str | None = "sluice_writer") -> "Engine":
    """A SQLAlchemy engine on the warehouse with the same session settings and no pool."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg2://", 1),
        poolclass=NullPool,
        connect_args={"options": session_options(role), "application_name": "sluice", "connect_timeout": 10},
    )
