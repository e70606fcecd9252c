"""Read a slot's changes from a position to a fixed end, in batches that end at commits."""

import select
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from psycopg2.extras import ReplicationCursor

from include.collect.postgres.ahead import Ahead
from include.collect.postgres.pgoutput import Assembler, begin, commit
from include.collect.postgres.slot import Position
from include.core.batch import TableChanges
from include.core.failpoints import failpoint
from include.specs import PostgresSource

BEGIN, COMMIT, RELATION = b"BCR"
# How long a wait for the server may keep an acknowledgement, or the end of reading, waiting.
PATIENCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Piece:
    """Changes of whole transactions, the position that they reach, and whether they are the last."""

    changes: tuple[TableChanges, ...]
    end: Position
    finished: bool


class Stream:
    """Changes of a source's slot. The server is told nothing but what `acknowledge` is called with.

    psycopg2 forwards its flush position by itself to what a keepalive reports while everything received is
    acknowledged, and sends that with the next feedback. So feedback is sent by `acknowledge` alone, and a
    run's last batch ends no earlier than the last keepalive: the slot never gets ahead of the stored position.

    Reading goes on in a thread while a piece is landed. The connection is that thread's: what is acknowledged
    meanwhile is sent by it, between two messages. What a Relation message means is asked only when
    every piece before it has been landed, so that nobody sees what is not his turn yet.
    """

    def __init__(self, cursor: ReplicationCursor, source: PostgresSource, assembler: Assembler) -> None:
        self._cursor, self._source, self._assembler = cursor, source, assembler
        self._ahead: Ahead[Piece] = Ahead()
        self._turn = threading.Lock()
        self._reading = False
        self._asked: list[Position] = []

    @failpoint("stream.start")
    def start(self, position: Position) -> None:
        """Ask for everything that was committed from `position` on."""
        # Landing a batch may take longer than the server's patience, which is not needed: it sees a closed socket.
        self._cursor.execute("SET wal_sender_timeout = 0")
        self._cursor.start_replication(
            slot_name=self._source.slot,
            start_lsn=position.lsn,
            options={
                "proto_version": "1",
                "publication_names": f'"{self._source.publication}"',
                "binary": str(self._assembler.binary).lower(),
            },
            decode=False,
        )
        self.acknowledge(position)

    def acknowledge(self, position: Position) -> None:
        """Let the server forget what was committed before `position`."""
        with self._turn:
            self._asked.append(position)
            if not self._reading:
                self._tell()

    def pieces(self, start: Position, until: int) -> Iterator[Piece]:
        """Every transaction from `start` on that committed before the LSN `until`, in order.

        A piece ends at the first commit after `batch_changes` changes. The last one ends where reading
        ended, at `until` or after, and may be empty.
        """
        return self._ahead.over(self._pieces(start, until))

    def stop(self) -> None:
        """End reading, which must not go on when the connection is closed."""
        self._ahead.stop()

    def _pieces(self, start: Position, until: int) -> Generator[Piece, None, None]:
        with self._turn:
            self._reading = True
        try:
            for reached, finished in self._read(start, until):
                yield Piece(self._assembler.take(), start.at(reached), finished)
        finally:
            with self._turn:
                self._reading = False
                self._tell()

    def _tell(self) -> None:
        while self._asked:
            self._cursor.send_feedback(flush_lsn=self._asked.pop(0).lsn, force=True)

    def _read(self, start: Position, until: int) -> Iterator[tuple[int, bool]]:
        """Feed the assembler; yields (LSN, False) where a batch is full, and (LSN, True) at the end.

        Transactions come in the order of their commits, and a keepalive tells up to where the server has
        read, so the end is reached when a transaction commits later, or a keepalive reports as much.
        """
        read_message, asked, ahead = self._cursor.read_message, self._asked, self._ahead
        handlers = self._assembler.handlers
        limit = self._source.batch_changes
        inside = skipping = False
        while not ahead.stopped:
            if asked:
                with self._turn:
                    self._tell()
            message = read_message()
            if message is None:
                if not inside and self._cursor.wal_end >= until:
                    yield max(self._cursor.wal_end, start.lsn), True
                    return
                select.select([self._cursor], [], [], PATIENCE_SECONDS)
                continue
            payload = message.payload
            kind = payload[0]
            if kind == BEGIN:
                committed = begin(payload)
                if committed >= until:
                    yield committed, True
                    return
                inside, skipping = True, committed < start.lsn
            elif kind == COMMIT:
                inside = False
                if self._assembler.count >= limit:
                    yield commit(payload), False
            elif kind == RELATION:
                ahead.wait_until_used()
                handlers[kind](payload)
            elif not skipping and kind in handlers:
                handlers[kind](payload)
