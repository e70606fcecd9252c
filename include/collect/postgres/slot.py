"""The replication slot of a source, and the position that is stored in the warehouse."""

from dataclasses import dataclass
from typing import Self

from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError

ANEW = "trigger the DAG decommission_<source>, then collect the source under a new name"


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


def refuse_gap(cursor: Cursor, slot: str, stored: Position, now: Position) -> None:
    """Raise FatalError unless the slot still holds every change after the stored position.

    The slot may lie behind it (an acknowledgement got lost), never ahead: the changes in between are gone.
    """
    if (stored.system, stored.timeline) != (now.system, now.timeline):
        raise FatalError(
            f"The stored position {stored} is of another server or timeline than this one ({now}): the database"
            " was restored, promoted or exchanged.",
            fix=f"point the connection at the right server, or {ANEW}.",
        )
    if stored.lsn > now.lsn:
        raise FatalError(
            f"The stored position {stored} lies ahead of the server's log, which ends at {lsn_text(now.lsn)}: the"
            " database was set back.",
            fix=f"{ANEW}.",
        )
    cursor.execute(
        "SELECT confirmed_flush_lsn::text, wal_status, database = current_database() AND plugin = 'pgoutput'"
        " FROM pg_replication_slots WHERE slot_name = %s",
        (slot,),
    )
    if (found := cursor.fetchone()) is None:
        raise FatalError(f"Replication slot {slot!r} is gone; changes after {stored} may be lost.", fix=f"{ANEW}.")
    confirmed, wal_status, ours = found
    if not ours:
        raise FatalError(
            f"Replication slot {slot!r} is of another database or output plugin.",
            fix="drop that slot or rename the source.",
        )
    if wal_status == "lost" or confirmed is None:
        raise FatalError(
            f"Replication slot {slot!r} is lost: the server removed log that had not been read.",
            fix=f"raise max_slot_wal_keep_size, then {ANEW}.",
        )
    if lsn_number(confirmed) > stored.lsn:
        raise FatalError(
            f"Replication slot {slot!r} has moved on to {confirmed}, past the stored position {stored}: it was"
            " recreated or read by somebody else, and the changes in between are lost.",
            fix=f"{ANEW}.",
        )


def drop_slot(cursor: Cursor, slot: str) -> bool:
    """Drop the slot if it exists; True if it did."""
    cursor.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        " WHERE slot_name = %s AND database = current_database()",
        (slot,),
    )
    return cursor.rowcount > 0
