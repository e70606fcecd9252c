"""How far a source's slot lies behind, and what log the server keeps for it: seen before its disk is at risk."""

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Lag:
    """All in bytes of log: what the server `retained` for the slot, how far it is `behind` the server's end, and
    how much may still be written before the server gives the slot up (None: never).
    """

    retained: int
    behind: int
    left: int | None


def measure(cursor: Cursor, slot: str) -> Lag | None:
    """The slot's lag now; None if there is no such slot, or it has been given up."""
    cursor.execute(
        "SELECT pg_current_wal_lsn() - restart_lsn, pg_current_wal_lsn() - confirmed_flush_lsn, safe_wal_size"
        " FROM pg_replication_slots WHERE slot_name = %s AND restart_lsn IS NOT NULL",
        (slot,),
    )
    if (found := cursor.fetchone()) is None:
        return None
    retained, behind, left = found
    return Lag(int(retained), int(behind), None if left is None else int(left))


def warning(lag: Lag, limit: int) -> str | None:
    """What to say before the server's disk, or the slot, is at risk; None while there is nothing to say.

    `limit` is how much log the source's owner would let the server keep, in bytes. A slot is at risk when less
    may still be written than it lies behind by: the next pause as long as the last one could lose it.
    """
    fix = "run the collection more often; if the source is retired, decommission it"
    if lag.left is not None and lag.left < lag.behind:
        return (
            f"the server gives the slot up after {_gib(lag.left)} more of log, and it was {_gib(lag.behind)}"
            f" behind: raise max_slot_wal_keep_size, or {fix}"
        )
    if lag.retained > limit:
        return f"the server keeps {_gib(lag.retained)} of log for the slot, more than {_gib(limit)}: {fix}"
    return None


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"
