"""The collection that the tests of faults break."""

from datetime import UTC, datetime

import psycopg2

from include.collect.postgres import PostgresReader, ranges  # noqa: F401  # imported once, not by every fork
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource

# One table is of a few blocks, the others of one: both ways of a snapshot are gone.
ranges.LEAST_BLOCKS = 1
AT = datetime(2026, 1, 1, tzinfo=UTC)


def collect_twice(case):
    """A first run, the changes, and a second run in small batches."""
    source = PostgresSource.model_validate(case["source"])
    collect_postgres(source, case["url"], case["warehouse"], at=AT)
    connection = psycopg2.connect(case["url"])
    for statement in case["changes"]:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    connection.close()
    collect_postgres(source, case["url"], case["warehouse"], at=AT)
