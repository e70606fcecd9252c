"""Versions: the shape of their tables, how one is published, and which there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from include.core.errors import FatalError
from include.core.failpoints import failpoint

# What every version says of each row, beside the dataset's own columns: its identity and split, and where it
# comes from (`real`; `smote`: made by balancing; `augment`: made from an image).
PROVENANCE = {
    "_id": "text",
    "_split": "text",
    "_origin": "text",
    "_parents": "text[]",
    "_method": "text",
    "_params": "jsonb",
    "_seed": "bigint",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A published version; `current` is the one that the view `datasets.<dataset>` shows.

    Of one that was retired (`retired_at`, and why) there is no table any more; `retired_by` is the erasure that
    did it, None where retention did.
    """

    dataset: str
    version: int
    fingerprint: str
    published_at: datetime
    current: bool
    manifest: dict[str, Any]
    retired_at: datetime | None = None
    retired_by: str | None = None
    retired_why: str | None = None

    @property
    def table(self) -> str:
        return f"{self.dataset}_v{self.version}"


def column_types(cursor: Cursor, table: str, schema: str = "staging") -> dict[str, str]:
    """Columns of a table in their order, with Postgres' spelling of their types; FatalError if it is not there."""
    cursor.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (schema, table),
    )
    if not (found := dict(cursor.fetchall())):
        raise FatalError(
            f"The table {schema}.{table} does not exist.",
            fix="trigger a new run of the dataset: staging tables are dropped when their run ends.",
        )
    return found


def begin(cursor: Cursor, target: str, source: str, columns: Iterable[str]) -> int:
    """Make `staging.<target>` in a version's shape with every row of `staging.<source>` as a real one."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(target)))
    cursor.execute(
        sql.SQL(
            "CREATE TABLE staging.{} AS SELECT {}, _id, _split, 'real'::text AS _origin,"
            " '{{}}'::text[] AS _parents, NULL::text AS _method, NULL::jsonb AS _params, NULL::bigint AS _seed"
            " FROM staging.{}"
        ).format(sql.Identifier(target), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(source))
    )
    return cursor.rowcount


def add_made(cursor: Cursor, target: str, values: Mapping[str, sql.Composable], rows: sql.Composable) -> int:
    """Insert made rows: `rows` is a FROM clause, `values` an expression a column; columns left out are null.

    Values are cast to the column's type as an assignment would: floats that meet an integer column are
    rounded half to even, and `numeric(p, s)` rounds to its scale.
    """
    cursor.execute(
        sql.SQL("INSERT INTO staging.{} ({}) SELECT {} FROM {}").format(
            sql.Identifier(target),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(values.values()),
            rows,
        )
    )
    return cursor.rowcount


@failpoint("publish.move")
def publish(  # noqa: PLR0917  (the arguments of sluice.publish(), in its order)
    connection: Connection,
    dataset: str,
    staging_table: str,
    fingerprint: str,
    manifest: Mapping[str, Any],
    at: datetime,
) -> tuple[int, bool, bool]:
    """Hand `staging.<staging_table>` over as the next version, in the caller's transaction.

    Returns the version that holds these bytes, whether it is new, and whether the dataset's view shows it: the
    view does not move if it shows newer batches than those of `manifest`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT published, is_new, is_current FROM sluice.publish(%s, %s, %s, %s, %s)",
            (dataset, staging_table, fingerprint, Json(manifest), at),
        )
        row = cursor.fetchone()
    if row is None:
        raise FatalError("sluice.publish() returned no row.", fix="run include.warehouse.prepare again.")
    return int(row[0]), bool(row[1]), bool(row[2])


def list_versions(connection: Connection, dataset: str | None = None) -> list[Version]:
    """All versions, or one dataset's, by name and newest first; also those that are retired."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.dataset, v.version, v.fingerprint, v.published_at, c.version IS NOT NULL, v.manifest,"
            " r.retired_at, r.request, r.reason FROM sluice.versions v"
            " LEFT JOIN sluice.current_versions c USING (dataset, version)"
            " LEFT JOIN sluice.retirements r USING (dataset, version)"
            " WHERE %(dataset)s::text IS NULL OR v.dataset = %(dataset)s ORDER BY v.dataset, v.version DESC",
            {"dataset": dataset},
        )
        return [Version(*row) for row in cursor.fetchall()]


def current(connection: Connection, dataset: str) -> Version | None:
    """The version that the dataset's view shows; None before the first, and where none is left."""
    return next((version for version in list_versions(connection, dataset) if version.current), None)


def manifest(connection: Connection, dataset: str, version: int) -> dict[str, Any]:
    """What a version was made from, and how. FatalError if there is no such version."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT manifest FROM sluice.versions WHERE dataset = %s AND version = %s", (dataset, version)
        )
        row = cursor.fetchone()
    if row is None:
        raise FatalError(
            f"Dataset {dataset} has no version {version}.", fix="pick one from the table sluice.versions."
        )
    found: dict[str, Any] = row[0]
    return found
