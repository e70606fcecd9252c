"""What psycopg2 raises while a source is read, told as errors of Sluice."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from include.collect.postgres.slot import ANEW
from include.core.errors import FatalError, RetriableError

# What a command says that met a table which was dropped or altered just then; the last one, of the catalog itself.
CHANGED = (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn, psycopg2.errors.InternalError_)

# The last one: the temporary slot of a session that was killed is there until the server notices.
IN_USE = (psycopg2.errors.ObjectInUse, psycopg2.errors.LockNotAvailable, psycopg2.errors.DuplicateObject)


@contextmanager
def errors_of(source: str) -> Iterator[None]:
    """Tell what psycopg2 raises as an error of Sluice."""
    try:
        yield
    except IN_USE as error:
        raise RetriableError(
            f"Source {source!r} is in use: {_first_line(error)}.",
            fix="wait until the other session has ended.",
        ) from error
    except CHANGED as error:
        raise RetriableError(
            f"A table of source {source!r} changed while it was being read: {_first_line(error)}.",
            fix="run again.",
        ) from error
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        raise FatalError(f"Source {source!r} cannot go on: {_first_line(error)}.", fix=f"{ANEW}.") from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise RetriableError(
            f"The connection to source {source!r} failed: {_first_line(error)}.", fix="run again."
        ) from error
    except psycopg2.Error as error:
        raise FatalError(
            f"Source {source!r} refused a command: {_first_line(error)}.",
            fix="give the login the rights that the message names.",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
