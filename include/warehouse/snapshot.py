"""Copy a table's snapshot into its landing table: COPY to COPY, through a pipe, in bounded memory."""

import io
import os
import threading
from typing import IO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import TableSnapshot
from include.core.errors import FatalError, RetriableError
from include.core.failpoints import failpoint
from include.warehouse.tables import Landed

PIPE_BUFFER = 1024 * 1024


@failpoint("landing.fill")
def copy_snapshot(cursor: Cursor, landed: Landed, snapshot: TableSnapshot) -> int:
    """Fill a new landing table with open rows, before it is completed; returns the number of rows.

    Frozen, since nobody can have seen the table without them: no later reader or VACUUM has to write them again.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, landed.columns))
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)").format(landed.now, names)
    return pour(cursor, command, snapshot)


def pour(
    cursor: Cursor, command: sql.Composable, snapshot: TableSnapshot, over: threading.Event | None = None
) -> int:
    """Run the COPY with the snapshot's rows; returns their number. An error on either side ends both, and so does
    `over`, once it is set.

    The source writes in a thread of its own. Its error is raised here, in the landing transaction: a COPY
    that merely ends early looks complete to Postgres.
    """
    read_end, write_end = os.pipe()
    failures: list[BaseException] = []
    counted: list[int] = []

    def produce() -> None:
        try:
            with os.fdopen(write_end, "wb", PIPE_BUFFER) as pipe:
                counted.append(snapshot.copy_to(pipe))
        except BaseException as error:
            failures.append(error)

    producer = threading.Thread(target=produce, name=f"snapshot of {snapshot.table.name}", daemon=True)
    producer.start()
    refused: Exception | None = None
    try:
        with os.fdopen(read_end, "rb", PIPE_BUFFER) as pipe:
            cursor.copy_expert(command, _Pipe(pipe, over), PIPE_BUFFER)
    except Exception as error:
        refused = error
    producer.join()
    # Where the source broke off, the warehouse only complains of a torn stream; a broken pipe is the reverse.
    for failure in failures:
        if refused is None or not isinstance(failure, BrokenPipeError):
            raise failure
    if isinstance(refused, psycopg2.DataError):
        raise FatalError(
            f"The snapshot of table {snapshot.table.name!r} holds a value that the warehouse refuses:"
            f" {str(refused).strip().splitlines()[0]}.",
            fix="correct the value at its source.",
        ) from refused
    if refused is not None:
        raise refused
    return counted[0]


class _Pipe(io.RawIOBase):
    """The pipe's end that is read, until there is nobody who wants the rows.

    A COPY that the server has given up goes on for its client until the rows end, so it is ended from here.
    """

    def __init__(self, pipe: IO[bytes], over: threading.Event | None) -> None:
        self._pipe, self._over = pipe, over

    def read(self, size: int = -1) -> bytes:
        if self._over is not None and self._over.is_set():
            raise RetriableError("Another part of the snapshot failed.", fix="run again.")
        return self._pipe.read(size)
