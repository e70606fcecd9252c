"""The replication slot of a source, and the position that is stored in the warehouse."""

from dataclasses import dataclass
from typing import Self

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.failpoints import failpoint

ANEW = "trigger collect_<source> with a new snapshot in its form, which continues the history"
FAILOVER_SINCE = 170000


@dataclass(frozen=True, slots=True)
class Position:
    """A place in one server's log, as text `<system identifier>:<timeline>:<LSN>`.

    An LSN alone would also fit a restored or a different server, and silently skip its changes.
    """

    system: str
    timeline: int
    lsn: int

    @classmethod
    def parse(cls, text: str) -> Self:
        system, timeline, lsn = text.split(":")
        return cls(system, int(timeline), lsn_number(lsn))

    def at(self, lsn: int) -> "Position":
        return Position(self.system, self.timeline, lsn)

    def __str__(self) -> str:
        return f"{self.system}:{self.timeline}:{lsn_text(self.lsn)}"


def lsn_number(text: str) -> int:
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(number: int) -> str:
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def current_position(replication: Cursor) -> Position:
    """Where the server's log ends now. `replication` belongs to a replication connection."""
    replication.execute("IDENTIFY_SYSTEM")
    system, timeline, lsn, _database = replication.fetchone() or ()
    return Position(str(system), int(timeline), lsn_number(lsn))


@failpoint("slot.create")
def create_slot(replication: Cursor, name: str, *, temporary: bool = False) -> tuple[int, str]:
    """Make a slot for pgoutput; returns its consistent point and the name of the snapshot exported with it.

    The snapshot is of exactly the transactions committed before that point; it lives until the connection's
    next command. From PostgreSQL 17 on a standby may keep a copy of the slot, with which it goes on when promoted.
    """
    options = ["SNAPSHOT 'export'"]
    if not temporary and replication.connection.server_version >= FAILOVER_SINCE:
        options.append("FAILOVER true")
    kind = "TEMPORARY LOGICAL" if temporary else "LOGICAL"
    command = sql.SQL(f"CREATE_REPLICATION_SLOT {{}} {kind} pgoutput ({', '.join(options)})")
    replication.execute(command.format(sql.Identifier(name)))
    _name, consistent, exported, _plugin = replication.fetchone() or ()
    return lsn_number(consistent), str(exported)


def same_history(replication: Cursor, stored: Position, now: Position) -> Position:
    """The stored position on the server's timeline of now: the server may be a standby that was promoted since.

    Raises FatalError if the server's history parted from the one that was read before the stored position.
    """
    other = FatalError(
        f"The stored position {stored} is not in the history of this server, which stands at {now}: the database"
        " was restored, exchanged, set back, or promoted without what had been read.",
        fix=f"point the connection at the right server; if it is the right one, {ANEW}.",
    )
    if stored.system != now.system or stored.timeline > now.timeline:
        raise other
    parted = now.lsn
    if stored.timeline != now.timeline:
        replication.execute(f"TIMELINE_HISTORY {now.timeline}")
        _file, content = replication.fetchone() or ("", "")
        lines = [line.split() for line in content.splitlines() if line.strip()]
        ends = {int(line[0]): lsn_number(line[1]) for line in lines if line[0].isdigit()}
        parted = ends.get(stored.timeline, -1)
    if stored.lsn > parted:
        raise other
    return Position(now.system, now.timeline, stored.lsn)


def lost(cursor: Cursor, slot: str, stored: Position) -> str | None:
    """Why the slot cannot go on from the stored position although nobody meddled with it; None if it can.

    Raises FatalError where somebody did: the slot is gone, another's, or ahead of the stored position. It may
    lie behind it (an acknowledgement got lost), never ahead: the changes in between are gone.
    """
    # Before PostgreSQL 17 there is no such reason, which to_jsonb lets one ask in any version.
    cursor.execute(
        "SELECT confirmed_flush_lsn::text, wal_status, database = current_database() AND plugin = 'pgoutput',"
        " to_jsonb(s) ->> 'invalidation_reason' FROM pg_replication_slots s WHERE slot_name = %s",
        (slot,),
    )
    if (found := cursor.fetchone()) is None:
        raise FatalError(f"Replication slot {slot!r} is gone; changes after {stored} may be lost.", fix=f"{ANEW}.")
    confirmed, wal_status, ours, reason = found
    if not ours:
        raise FatalError(
            f"Replication slot {slot!r} is of another database or output plugin.",
            fix="drop that slot or rename the source.",
        )
    if wal_status == "lost" or confirmed is None:
        return f"the server gave slot {slot!r} up ({reason or 'it removed log that had not been read'})"
    if lsn_number(confirmed) > stored.lsn:
        raise FatalError(
            f"Replication slot {slot!r} has moved on to {confirmed}, past the stored position {stored}: it was"
            " recreated or read by somebody else, and the changes in between are lost.",
            fix=f"{ANEW}.",
        )
    return None


@failpoint("slot.drop")
def drop_slot(cursor: Cursor, slot: str) -> bool:
    """Drop the slot if it exists; True if it did."""
    cursor.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        " WHERE slot_name = %s AND database = current_database()",
        (slot,),
    )
    return cursor.rowcount > 0
