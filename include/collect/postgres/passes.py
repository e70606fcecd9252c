"""One pass over a source's stream, from a position to a fixed end, with snapshots of the tables that need one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import LogicalReplicationConnection

from include.collect.postgres.continuity import UNTOLD, course, goes_on
from include.collect.postgres.describe import describe, landed_as_sent
from include.collect.postgres.mark import Mark, mark
from include.collect.postgres.pgoutput import Assembler
from include.collect.postgres.preflight import Plan, preflight
from include.collect.postgres.publication import create_statement
from include.collect.postgres.relations import Relations
from include.collect.postgres.sessions import Sessions
from include.collect.postgres.slot import Position, current_position, same_history
from include.collect.postgres.stream import Piece, Stream
from include.core.batch import Batch, Standing, Table, TableSnapshot
from include.core.failpoints import failpoint
from include.core.pseudonyms import PseudonymKey
from include.specs import PostgresSource

AGAIN = "It is taken anew by the next batch that holds a snapshot of it."
# A pass without changes records its progress only once a segment of the server's log can be freed by it.
ADVANCE_BYTES = 16 * 1024 * 1024


class Pass:
    """Reads what follows the position `start`; `standings` tell how each table was landed last.

    It ends at the mark `until`, without one where the server's log ends when it begins. Once `batches` is
    exhausted, `reached` and `standings` are those after it, and `settled` tells whether every table that can be
    read is landed as it is at the source.
    """

    def __init__(
        self,
        sessions: Sessions,
        source: PostgresSource,
        start: str,
        standings: Mapping[str, Standing],
        *,
        key: PseudonymKey | None,
        until: Mark | None = None,
    ) -> None:
        self._sessions, self._source, self._key, self._until = sessions, source, key, until
        self.reached, self.standings = start, dict(standings)
        self.settled = False
        self.stream: Stream | None = None

    def batches(self) -> Iterator[Batch]:
        """The pass's batches; the last one holds the snapshots, and whatever else is new by then."""
        # While a mark locks the tables, whoever else looks at them waits behind those who wait to alter them.
        catalog = self._until.session if self._until else self._sessions.main()
        plan = preflight(catalog, self._source, apart=True)
        unpublished = {table.oid for table in plan.unpublished}
        courses = [
            course(self.standings.get(table.table.name), table, published=table.oid not in unpublished)
            for table in plan.tables
        ]
        publish(self._sessions, self._source, plan)
        anew = {each.now.table.name: each.anew for each in courses if each.anew}
        with ExitStack() as stack:
            cursor = stack.enter_context(catalog.cursor())
            relations = Relations(cursor, self._source, courses)
            # A stream has one form for all of its tables: a single column that is landed as text makes all text.
            shapes = [table for each in courses for table in (each.before, each.now.table) if table]
            binary = all(map(landed_as_sent, shapes))
            replication = stack.enter_context(closing(self._sessions.replication()))
            stack.callback(self.stop)
            with replication.cursor() as asking:
                start = same_history(asking, Position.parse(self.reached), current_position(asking))
            until, snapshots = self._end(stack, list(anew))
            for piece in self._pieces(
                replication, Assembler(relations.resolve, self._key, binary=binary), start, until
            ):
                batch = self._batch(piece, self._undeclared() | _unread(plan, relations))
                if piece.finished:
                    batch = self._complete(batch, relations, snapshots, anew)
                if self._tells(batch, piece):
                    yield batch
                    self.reached = batch.end
            self._settle(cursor, relations, batch)

    def stop(self) -> None:
        """End reading, before the connections are closed."""
        if self.stream is not None:
            self.stream.stop()

    def _end(self, stack: ExitStack, anew: Sequence[str]) -> tuple[int, tuple[TableSnapshot, ...]]:
        """Where the pass ends: where the server's log does, or where the snapshot of the tables taken anew is."""
        if anew or self._until:
            end = self._until or stack.enter_context(mark(self._sessions, anew, self._key))
            return end.position.lsn, end.of(anew)
        with self._sessions.main().cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_flush_lsn() - '0/0'")
            (flushed,) = cursor.fetchone() or (0,)
        return int(flushed), ()

    def _pieces(
        self, replication: LogicalReplicationConnection, assembler: Assembler, start: Position, until: int
    ) -> Iterator[Piece]:
        # Where nothing was written since, the server has nothing to say, not even that.
        if until <= start.lsn:
            yield Piece((), start, True)
            return
        self.stream = Stream(replication.cursor(), self._source, assembler)
        self.stream.start(start)
        yield from self.stream.pieces(start, until)

    def _batch(self, piece: Piece, left_out: Mapping[str, str]) -> Batch:
        return Batch(
            self._source.name, self.reached, str(piece.end), piece.changes, left_out=left_out, apart=True,
            history=self._source.history,
        )  # fmt: skip

    def _undeclared(self) -> dict[str, str]:
        return {name: "It is declared no more." for name in self.standings if name not in self._source.tables}

    def _complete(
        self,
        batch: Batch,
        relations: Relations,
        snapshots: tuple[TableSnapshot, ...],
        anew: Mapping[str, str | None],
    ) -> Batch:
        """The pass's last batch: tables with another shape, and those that are taken anew."""
        taken = {snapshot.table.name for snapshot in snapshots}
        return replace(
            batch,
            shapes=tuple(table for table in relations.shapes() if self.standings[table.name].table != table),
            snapshots=snapshots,
            left_out={name: reason for name, reason in batch.left_out.items() if name not in taken},
            notes=tuple(f"table {name!r} is taken anew: {reason}" for name, reason in anew.items()),
        )

    def _tells(self, batch: Batch, piece: Piece) -> bool:
        """Whether the batch is worth landing: a position that moved a little is not."""
        if batch.changes or not piece.finished:
            return bool(batch.changes)
        unknown = {
            name
            for name, reason in batch.left_out.items()
            if (known := self.standings.get(name)) is None or known.left_out != reason
        }
        advanced = piece.end.lsn - Position.parse(self.reached).lsn
        return bool(batch.snapshots or batch.shapes or unknown or advanced >= ADVANCE_BYTES)

    @failpoint("pass.settle")
    def _settle(self, cursor: Cursor, relations: Relations, last: Batch) -> None:
        for table in (*relations.shapes(), *(snapshot.table for snapshot in last.snapshots)):
            self.standings[table.name] = Standing(table)
        for name, reason in last.left_out.items():
            known = self.standings.get(name)
            self.standings[name] = Standing(known.table if known else Table(name, (), ()), reason)
        followed = [self.standings[name] for name in self._source.tables if name in self.standings]
        self.settled = not set(last.left_out) & set(relations.lost) and all(
            (now := describe(cursor, self._source, standing.table.name)) is not None and goes_on(standing, now)
            for standing in followed
            if standing.left_out is None
        )


@failpoint("publication.put")
def publish(sessions: Sessions, source: PostgresSource, plan: Plan) -> None:
    """Put the tables into the publication. Afterwards is too late: what changed meanwhile would be missing."""
    if plan.unpublished:
        with sessions.main().cursor() as cursor:
            exists = plan.publication is not None
            cursor.execute(create_statement(source.publication, exists, plan.unpublished))


def _unread(plan: Plan, relations: Relations) -> dict[str, str]:
    """Which tables the stream does not keep up to date, and why."""
    lost = {name: f"{UNTOLD}{reason}. {AGAIN}" for name, reason in relations.lost.items()}
    return {**lost, **plan.faulty}
