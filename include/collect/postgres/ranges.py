"""Ranges of a table's blocks, which sessions that share a snapshot can copy at once."""

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.describe import SourceTable

# A range of fewer blocks is not worth a session: 8 MiB, from which on Postgres, too, scans in parallel.
LEAST_BLOCKS = 1024

# Another access method than heap may know nothing of blocks. The table may have grown since the snapshot, but not
# have shrunk: it is locked.
BLOCKS = """
SELECT pg_relation_size(c.oid, 'main') / current_setting('block_size')::int
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE c.oid = %s AND c.relkind = 'r' AND a.amname = 'heap'
"""


def ranges_of(cursor: Cursor, table: SourceTable, most: int) -> tuple[sql.Composable, ...]:
    """Conditions that each hold for one range of the table, and together once for every row; at most `most`.

    None where the table is to be copied whole: it is too small, or partitioned.
    """
    if most == 1:
        return ()
    cursor.execute(BLOCKS, (table.oid,))
    (blocks,) = cursor.fetchone() or (0,)
    return conditions(bounds(int(blocks), most))


def bounds(blocks: int, most: int) -> list[int]:
    """The blocks at which a new range begins, where `blocks` are parted evenly; none if there is but one range."""
    count = max(1, min(most, blocks // LEAST_BLOCKS))
    return [blocks * nth // count for nth in range(1, count)]


def conditions(bounds: list[int]) -> tuple[sql.Composable, ...]:
    """The last range has no end, so that it is no matter when the blocks were counted."""
    if not bounds:
        return ()
    places = [sql.Literal(f"({block},0)") for block in bounds]
    from_here = [sql.SQL("ctid >= {}::tid").format(place) for place in places]
    to_there = [sql.SQL("ctid < {}::tid").format(place) for place in places]
    between = (sql.SQL("{} AND {}").format(*ends) for ends in zip(from_here, to_there[1:], strict=False))
    return (to_there[0], *between, from_here[-1])
