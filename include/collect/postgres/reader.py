"""Read a Postgres source from a stored position: a snapshot the first time, then its changes."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Self

from include.collect.postgres.describe import describe
from include.collect.postgres.errors import errors_of
from include.collect.postgres.lag import Lag, measure
from include.collect.postgres.mark import Mark, mark
from include.collect.postgres.passes import Pass, publish
from include.collect.postgres.preflight import Plan, preflight
from include.collect.postgres.sessions import Sessions
from include.collect.postgres.slot import Position, create_slot, current_position, drop_slot, lost, same_history
from include.collect.postgres.snapshot import open_snapshot
from include.collect.pseudonyms import require_key
from include.core.batch import Batch, Standing
from include.core.errors import RetriableError
from include.core.failpoints import failpoint
from include.core.pseudonyms import PseudonymKey
from include.specs import PostgresSource

# A table that changed its shape in the middle needs another pass; who changes tables all day has to stop.
PASSES = 8


class PostgresReader:
    """One run over a source: `check`, then `batches`, each acknowledged after it has been landed.

    `url` is postgresql://user:password@host:port/database. From `check` on the reader holds a lock in the
    source's database, so that of two runs at once the second is refused. Read the stored position after
    `check`: before it, another run may still be moving it. `key` is that of the source's key domain, if any.
    """

    def __init__(self, source: PostgresSource, url: str, key: PseudonymKey | None = None) -> None:
        require_key(source, key)
        self.source, self.key = source, key
        self._sessions = Sessions(source, url)
        self._pass: Pass | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection, also those of a generator that was left half-way. Safe to call again."""
        if self._pass is not None:
            self._pass.stop()
        self._sessions.close()
        self._pass = None

    def check(self) -> Plan:
        """Raise one FatalError with every fault of server and login, each with its fix; changes nothing.

        Raises RetriableError if another run is at work.
        """
        with errors_of(self.source.name):
            return preflight(self._sessions.main(), self.source, apart=True)

    def lag(self) -> Lag | None:
        """How far the slot lies behind as the run begins; None if there is none yet."""
        with errors_of(self.source.name), self._sessions.main().cursor() as cursor:
            return measure(cursor, self.source.slot)

    def batches(
        self,
        start: str | None,
        standings: Mapping[str, Standing] | None = None,
        *,
        anew: bool = False,
        until: Mark | None = None,
    ) -> Iterator[Batch]:
        """Everything after the stored position `start` up to now, in batches that end at commits.

        Without a position the first batch is a snapshot of all tables, each of which must be fit to be read;
        a slot that a killed first run left is dropped. With a position, `standings` tell how each table was
        landed last: one that cannot be read is left out, and one whose state its changes alone do not tell is
        taken anew by a snapshot. `anew`, or a slot that the server gave up, makes a new slot and takes all
        tables anew, whatever the position was. `until`, a mark set after everything before it has been landed,
        ends the last batch exactly there.

        Raises FatalError if the slot does not hold what follows `start`, and all that `check` does.
        """
        with errors_of(self.source.name):
            reason = "it was asked for" if anew and start else self._lost(start)
            standings = dict(standings or {})
            if start is None or reason:
                if until is not None:
                    raise RetriableError(
                        f"Source {self.source.name!r} cannot be read up to a mark: {reason or 'it is new'}.",
                        fix="run again.",
                    )
                batch = yield from self._all_anew(start, reason)
                start = batch.end
                standings |= {snapshot.table.name: Standing(snapshot.table) for snapshot in batch.snapshots}
            for _ in range(PASSES):
                self._pass = Pass(self._sessions, self.source, start, standings, key=self.key, until=until)
                yield from self._pass.batches()
                if self._pass.settled:
                    return
                start, standings = self._pass.reached, self._pass.standings
        raise RetriableError(
            f"Tables of source {self.source.name!r} kept changing their shape while they were read.",
            fix="run again.",
        )

    @contextmanager
    def mark(self) -> Iterator[Mark]:
        """Hold the state of the source's readable tables as of where its log ends now.

        Raises RetriableError if a table is not published yet or changes its shape meanwhile.
        """
        with ExitStack() as stack:
            with errors_of(self.source.name):
                plan = preflight(self._sessions.main(), self.source, apart=True)
                names = [table.table.name for table in plan.tables]
                found = stack.enter_context(mark(self._sessions, names, self.key))
                with self._sessions.main().cursor() as cursor:
                    now = {name: describe(cursor, self.source, name) for name in names}
                changed = [
                    snapshot.table.name
                    for snapshot in found.snapshots
                    if (table := now[snapshot.table.name]) is None or table.table != snapshot.table
                ]
            if unfit := [*changed, *(table.table.name for table in plan.unpublished)]:
                raise RetriableError(
                    f"Tables of source {self.source.name!r} changed while a mark was set: {', '.join(unfit)}.",
                    fix="run again.",
                )
            yield found

    @failpoint("acknowledgement")
    def acknowledge(self, position: str) -> None:
        """Tell the source that everything up to `position` has been committed in the warehouse.

        After a snapshot of all tables there is nothing to tell: the slot began there.
        """
        if self._pass is not None and self._pass.stream is not None:
            with errors_of(self.source.name):
                self._pass.stream.acknowledge(Position.parse(position))

    def _lost(self, start: str | None) -> str | None:
        if start is None:
            return None
        stored = Position.parse(start)
        with closing(self._sessions.replication()) as replication, replication.cursor() as cursor:
            same_history(cursor, stored, current_position(cursor))
        with self._sessions.main().cursor() as cursor:
            return lost(cursor, self.source.slot, stored)

    def _all_anew(self, start: str | None, reason: str | None) -> Generator[Batch, None, Batch]:
        """One batch: a snapshot of all tables, and a slot that begins there."""
        plan = preflight(self._sessions.main(), self.source, apart=start is not None)
        publish(self._sessions, self.source, plan)
        with self._sessions.main().cursor() as cursor:
            drop_slot(cursor, self.source.slot)
        # Tables that have been landed are compared with what there is now, which takes them in one piece.
        ranges = self.source.snapshot_ranges if start is None else 1
        with ExitStack() as stack:
            replication = stack.enter_context(closing(self._sessions.replication()))
            sessions = [stack.enter_context(closing(self._sessions.another())) for _ in range(ranges)]
            with replication.cursor() as cursor:
                now = current_position(cursor)
                point, exported = create_slot(cursor, self.source.slot)
            names = [table.table.name for table in plan.tables]
            batch = Batch(
                self.source.name, start, str(now.at(point)), left_out=plan.faulty, apart=True,
                snapshots=open_snapshot(sessions, exported, self.source, names, self.key),
                notes=(f"all tables are taken anew: {reason}",) if reason else (),
            )  # fmt: skip
            yield batch
        return batch
