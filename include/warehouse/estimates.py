"""What the planner knows of landing tables: the server sees to partitions, and never to a history as a whole.

Without it a join of two histories is taken for one of so few, or so many, rows that the planner looks every row up
in the other table's past, one by one: a build of a million rows that takes 5 s took 30 to 80 so.
"""

import logging
from collections.abc import Iterable
from typing import Final

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.warehouse.connection import transaction

log = logging.getLogger(__name__)

# The share of a table's rows that may have come or gone before it is looked at again, as in autovacuum's own rule.
STALE: Final = 0.1
_STALE = """
SELECT name FROM unnest(%(tables)s::text[]) AS name
JOIN pg_class AS whole ON whole.oid = to_regclass(format('landing.%%I', name))
CROSS JOIN LATERAL (
    SELECT coalesce(sum(pg_stat_get_live_tuples(relid)), pg_stat_get_live_tuples(whole.oid)) AS rows
    FROM pg_partition_tree(whole.oid) WHERE isleaf
) AS live
WHERE whole.reltuples < 0 OR abs(live.rows - whole.reltuples) > %(stale)s * whole.reltuples
ORDER BY name COLLATE "C"
"""


def inform(warehouse_url: str, tables: Iterable[str]) -> list[str]:
    """Have the server look at those landing tables of which it knows nothing, or too little; which these were.

    In a transaction of its own, so that nobody waits for the caller's to be able to do the same.
    """
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        found = _stale(cursor, tables)
        for name in found:
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("landing", name)))
    if found:
        log.info("the planner was told how large %s are", ", ".join(found))
    return found


def _stale(cursor: Cursor, tables: Iterable[str]) -> list[str]:
    cursor.execute(_STALE, {"tables": sorted(set(tables)), "stale": STALE})
    return [name for (name,) in cursor.fetchall()]
