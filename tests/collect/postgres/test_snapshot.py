"""Snapshots: consistent over tables, exact over types, and never empty by mistake."""

from contextlib import closing

import pytest
from psycopg2.extras import LogicalReplicationConnection

from include.collect.postgres.snapshot import open_snapshot
from include.core.errors import RetriableError
from include.warehouse.connection import connect


@pytest.mark.parametrize(
    "statement", ["TRUNCATE items", "ALTER TABLE items ALTER id TYPE bigint", "DROP TABLE items"]
)
def test_a_table_rewritten_or_emptied_while_the_snapshot_begins_is_not_landed_empty(line, statement):
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY)", "INSERT INTO items VALUES (1)")
    with closing(LogicalReplicationConnection(shop.url)) as replication, closing(connect(shop.url)) as session:
        cursor = replication.cursor()
        cursor.create_replication_slot("moment", output_plugin="pgoutput")
        exported = cursor.fetchone()[2]
        shop.execute(statement)
        with pytest.raises(RetriableError, match="'items' was rewritten, truncated or dropped"):
            open_snapshot([session], exported, shop.source, shop.source.tables, None)
