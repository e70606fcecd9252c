"""The rows that may be labelled as readers see them: keys, and the columns that annotators are shown."""

from collections.abc import Iterable, Sequence

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.warehouse.staging import queue_name


def open_to_readers(cursor: Cursor, dataset: str, columns: Iterable[str]) -> None:
    """Let readers see the key and these columns of the newest curation's rows, and none besides."""
    cursor.execute(
        sql.SQL("GRANT SELECT ({}) ON staging.{} TO sluice_reader").format(
            sql.SQL(", ").join(map(sql.Identifier, ("_id", *columns))), sql.Identifier(queue_name(dataset))
        )
    )


def shown(
    connection: Connection, dataset: str, keys: Sequence[str], columns: Iterable[str]
) -> dict[str, dict[str, str | None]]:
    """What annotators are shown of these rows, as text by column; a row that is there no more is left out.

    All are, between an erasure and the next curation. A column is left out that the newest curation did not have,
    or did not show.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(format('staging.%%I', %s::text))"
            " AND NOT attisdropped AND has_column_privilege(attrelid, attnum, 'SELECT')",
            (queue_name(dataset),),
        )
        readable = {name for (name,) in cursor.fetchall()}
        if "_id" not in readable:
            return {}
        names = [name for name in columns if name in readable]
        cursor.execute(
            sql.SQL("SELECT {} FROM staging.{} WHERE _id = ANY(%s)").format(
                sql.SQL(", ").join(
                    [sql.Identifier("_id"), *(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)]
                ),
                sql.Identifier(queue_name(dataset)),
            ),
            (list(keys),),
        )
        return {key: dict(zip(names, values, strict=True)) for key, *values in cursor.fetchall()}
