"""What every landed history must be, whatever happened while it was landed."""

from psycopg2 import sql

from include.collect.postgres.slot import Position
from include.warehouse.connection import connect, transaction

# Intervals of one key that are empty, or that reach into the next one.
OVERLAPPING = """
SELECT count(*) FROM (
    SELECT _seq_from, _seq_to, lead(_seq_from) OVER (PARTITION BY {key} ORDER BY _seq_from) AS next
    FROM {landed}) AS i
WHERE _seq_from >= _seq_to OR next < coalesce(_seq_to, next + 1)
"""
EMPTY = "SELECT count(*) FROM {landed} WHERE _seq_from >= _seq_to"
# Batches that do not begin where the one before ended.
TORN = """
SELECT count(*) FROM (SELECT position_from, seq_from, lag(position_to) OVER w AS reached, lag(seq_to) OVER w AS seq
                      FROM sluice.batches WHERE source = %s WINDOW w AS (ORDER BY batch)) AS b
WHERE position_from IS DISTINCT FROM reached OR seq_from <> coalesce(seq, 0) + 1
"""


def wrong_in_history(source, source_url, warehouse_url):
    """Sentences: intervals that overlap, batches that do not join, a slot that is ahead. Empty if all is well."""
    wrong = []
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (table_name) table_name, landing_table, columns, key FROM sluice.landing_tables"
            " WHERE source = %s ORDER BY table_name, batch DESC",
            (source.name,),
        )
        for table, landing_table, columns, key in cursor.fetchall():
            own = {column["name"]: column["landed"] for column in columns}
            keys = sql.SQL(", ").join(sql.Identifier(own[name]) for name in key)
            query = sql.SQL(OVERLAPPING if key else EMPTY)
            cursor.execute(query.format(key=keys, landed=sql.Identifier("landing", landing_table)))
            if (count := cursor.fetchone()[0]) > 0:
                wrong.append(f"{count} intervals of {table} are empty or overlap")
        cursor.execute(TORN, (source.name,))
        if (count := cursor.fetchone()[0]) > 0:
            wrong.append(f"{count} batches do not begin where the one before ended")
        cursor.execute(
            "SELECT position_to FROM sluice.batches WHERE source = %s ORDER BY batch DESC LIMIT 1", (source.name,)
        )
        stored = Position.parse(cursor.fetchone()[0]).lsn
    connection = connect(source_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = %s",
            (source.slot,),
        )
        if (confirmed := cursor.fetchone()[0]) > stored:
            wrong.append(f"the slot is {confirmed - stored} bytes ahead of the stored position")
    connection.close()
    return wrong
