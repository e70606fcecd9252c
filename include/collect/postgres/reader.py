"""Read a Postgres source from a stored position: a snapshot the first time, then its changes."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any, Self, cast

from psycopg2.extensions import connection as Connection
from psycopg2.extras import LogicalReplicationConnection

from include.collect.postgres.describe import reads_binary
from include.collect.postgres.errors import errors_of
from include.collect.postgres.pgoutput import Assembler
from include.collect.postgres.preflight import Plan, preflight
from include.collect.postgres.publication import create_statement
from include.collect.postgres.relations import resolve
from include.collect.postgres.slot import ANEW, Position, current_position, drop_slot, refuse_gap
from include.collect.postgres.snapshot import open_snapshot
from include.collect.postgres.stream import Stream
from include.core.batch import Batch
from include.core.errors import FatalError, RetriableError
from include.specs import PostgresSource
from include.warehouse.connection import connect

# Either side notices within about two minutes that the other's machine is gone.
KEEPALIVES: dict[str, Any] = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
SERVER_KEEPALIVES = "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 15; SET tcp_keepalives_count = 4"


class PostgresReader:
    """One run over a source: `check`, then `batches`, each acknowledged after it has been landed.

    `url` is postgresql://user:password@host:port/database. From `check` on the reader holds a lock in the
    source's database, so that of two runs at once the second is refused. Read the stored position after
    `check`: before it, another run may still be moving it.
    """

    def __init__(self, source: PostgresSource, url: str) -> None:
        self.source, self._url = source, url
        self._connection: Connection | None = None
        self._opened: list[Connection] = []
        self._stream: Stream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection, also those of a generator that was left half-way. Safe to call again."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._connection = self._stream = None

    def check(self) -> Plan:
        """Raise one FatalError with every fault of the source, each with its fix; changes nothing.

        Raises RetriableError if another run is at work.
        """
        with errors_of(self.source.name):
            return preflight(self._session(), self.source)

    def batches(self, start: str | None) -> Iterator[Batch]:
        """Everything after the stored position `start` up to now, in batches that end at commits.

        Without a position the first batch is a snapshot, and a slot that a killed first run left is dropped.
        Raises FatalError if the slot no longer holds what follows `start`, and all that `check` does.
        """
        with errors_of(self.source.name):
            plan = preflight(self._session(), self.source)
            self._publish(plan, first=start is None)
            if start is None:
                with closing(self._replication()) as replication, closing(self._connect()) as session:
                    first = self._snapshot(replication, session)
                    yield first
                start = first.end
            with closing(self._replication()) as replication:
                yield from self._changes(replication, plan, Position.parse(start))
                self._stream = None

    def acknowledge(self, position: str) -> None:
        """Tell the source that everything up to `position` has been committed in the warehouse.

        After the snapshot there is nothing to tell: the slot began there.
        """
        if self._stream is not None:
            with errors_of(self.source.name):
                self._stream.acknowledge(Position.parse(position))

    def _snapshot(self, replication: LogicalReplicationConnection, session: Connection) -> Batch:
        """Create the slot and enter its snapshot, which lives until the replication connection's next command."""
        with self._session().cursor() as cursor:
            drop_slot(cursor, self.source.slot)
        with replication.cursor() as cursor:
            now = current_position(cursor)
            cursor.create_replication_slot(self.source.slot, output_plugin="pgoutput")
            _name, consistent, exported, _plugin = cursor.fetchone() or ()
        position = Position.parse(f"{now.system}:{now.timeline}:{consistent}")
        snapshots = open_snapshot(session, exported, self.source)
        return Batch(self.source.name, None, str(position), snapshots=snapshots)

    def _changes(self, replication: LogicalReplicationConnection, plan: Plan, start: Position) -> Iterator[Batch]:
        with replication.cursor() as stream_cursor, self._session().cursor() as cursor:
            now = current_position(stream_cursor)
            refuse_gap(cursor, self.source.slot, start, now)
            cursor.execute("SELECT pg_current_wal_flush_lsn() - '0/0'")
            (until,) = cursor.fetchone() or (0,)
            # Where nothing was written since, the server has nothing to say, not even that.
            if until <= start.lsn:
                return
            assembler = Assembler(partial(resolve, cursor, plan), binary=reads_binary(plan.tables))
            self._stream = Stream(stream_cursor, self.source, assembler)
            self._stream.start(start)
            yield from self._stream.batches(start, int(until))

    def _publish(self, plan: Plan, *, first: bool) -> None:
        """Put the tables into the publication. Afterwards is too late: what changed meanwhile would be missing."""
        if not plan.unpublished:
            return
        if not first:
            names = ", ".join(repr(table.table.name) for table in plan.unpublished)
            raise FatalError(
                f"Publication {self.source.publication!r} does not hold {names}, and the source has been read"
                " before: rows and changes of them would be missing.",
                fix=f"collect a new table as a source of its own; for one that was recreated, {ANEW}.",
            )
        with self._session().cursor() as cursor:
            exists = plan.publication is not None
            cursor.execute(create_statement(self.source.publication, exists, plan.unpublished))

    def _lock(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            # The lock of a run whose machine died must not outlive it by hours.
            cursor.execute(SERVER_KEEPALIVES)
            cursor.execute("SELECT pg_try_advisory_lock(hashtext('sluice'), hashtext(%s))", (self.source.slot,))
            if cursor.fetchone() != (True,):
                raise RetriableError(
                    f"Another run is reading source {self.source.name!r}.", fix="wait until it has ended."
                )

    def _session(self) -> Connection:
        """The connection for everything but copying and streaming; it holds the lock."""
        if self._connection is None:
            connection = self._connect()
            connection.autocommit = True
            self._lock(connection)
            self._connection = connection
        return self._connection

    def _connect(self, **options: Any) -> Connection:
        self._opened.append(connect(self._url, **KEEPALIVES, **options))
        return self._opened[-1]

    def _replication(self) -> LogicalReplicationConnection:
        connection = self._connect(connection_factory=LogicalReplicationConnection)
        with connection.cursor() as cursor:
            cursor.execute(SERVER_KEEPALIVES)
        return cast("LogicalReplicationConnection", connection)
