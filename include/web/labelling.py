"""What the page on a dataset's labels shows: its rounds, newest first."""

from typing import Any

from psycopg2.extensions import connection as Connection

ROUNDS_SHOWN = 100


def rounds(connection: Connection, dataset: str) -> list[dict[str, Any]]:
    """Each round as it was asked, with what came of it; that is None while it waits for answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.run, asked.tool, asked.place, cardinality(asked.items) AS items, asked.waiting,"
            " asked.asked_at, coalesce(asked.said->'rules', '[]') AS rules,"
            " (SELECT count(*) FROM jsonb_object_keys(coalesce(asked.said->'labelled', '{}'))) AS prelabelled,"
            " to_jsonb(result) AS result"
            " FROM sluice.label_rounds AS asked LEFT JOIN sluice.label_results AS result USING (dataset, run)"
            " WHERE asked.dataset = %s ORDER BY asked.asked_at DESC, asked.run DESC LIMIT %s",
            (dataset, ROUNDS_SHOWN),
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
