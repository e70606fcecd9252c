"""Read a slot's changes from a position to a fixed end, in batches that end at commits."""

import select
from collections.abc import Iterator

from psycopg2.extras import ReplicationCursor

from include.collect.postgres.pgoutput import Assembler, begin, commit
from include.collect.postgres.slot import Position
from include.core.batch import Batch
from include.specs import PostgresSource

# A run without changes records its progress only once a segment of the server's log can be freed by it.
ADVANCE_BYTES = 16 * 1024 * 1024
BEGIN, COMMIT, RELATION = b"BCR"


class Stream:
    """Changes of a source's slot. The server is told nothing but what `acknowledge` is called with.

    psycopg2 forwards its flush position by itself to what a keepalive reports while everything received is
    acknowledged, and sends that with the next feedback. So feedback is sent by `acknowledge` alone, and a
    run's last batch ends no earlier than the last keepalive: the slot never gets ahead of the stored position.
    """

    def __init__(self, cursor: ReplicationCursor, source: PostgresSource, assembler: Assembler) -> None:
        self._cursor, self._source, self._assembler = cursor, source, assembler

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
        self._cursor.send_feedback(flush_lsn=position.lsn, force=True)

    def batches(self, start: Position, until: int) -> Iterator[Batch]:
        """Batches from `start` that hold every transaction committed before the LSN `until`.

        A batch ends at the first commit after `batch_changes` changes. The last one ends where reading
        ended, at `until` or after; it is left out if nothing changed and little log could be freed.
        """
        position = start
        reading = self._read(start, until)
        while True:
            reached, finished = next(reading)
            end = start.at(reached)
            if self._assembler.count or (finished and reached - position.lsn >= ADVANCE_BYTES):
                changes = self._assembler.take()
                yield Batch(
                    self._source.name, str(position), str(end), changes=changes, history=self._source.history
                )
                position = end
            if finished:
                return

    def _read(self, start: Position, until: int) -> Iterator[tuple[int, bool]]:
        """Feed the assembler; yields (LSN, False) where a batch is full, and (LSN, True) at the end.

        Transactions come in the order of their commits, and a keepalive tells up to where the server has
        read, so the end is reached when a transaction commits later, or a keepalive reports as much.
        """
        read_message = self._cursor.read_message
        handlers = self._assembler.handlers
        limit = self._source.batch_changes
        inside = skipping = False
        while True:
            message = read_message()
            if message is None:
                if not inside and self._cursor.wal_end >= until:
                    yield max(self._cursor.wal_end, start.lsn), True
                    return
                select.select([self._cursor], [], [], 10)
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
            elif kind in handlers and not (skipping and kind != RELATION):
                handlers[kind](payload)
