"""Names of a run's tables in `staging`, and their removal."""

import hashlib
import re
from typing import Literal

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.warehouse.connection import transaction, wait_at_most

# Postgres cuts names at 63 bytes without an error; a cut name could be another run's table.
LONGEST = 63
SLUG = 24


def slug(run: str) -> str:
    """A run id as part of a table or file name: readable, at most 24 characters, and never shared by two runs."""
    plain = re.sub(r"[^a-z0-9]+", "_", run.lower()).strip("_")
    digest = hashlib.sha256(run.encode()).hexdigest()[:8]
    return f"{plain[-(SLUG - 9) :].strip('_')}_{digest}"


def table_name(dataset: str, run: str, part: str = "") -> str:
    """`<dataset>__<run>` or `<dataset>__<run>__<part>`, shortened with a hash where it would be too long."""
    name = "__".join(filter(None, (dataset, slug(run), part)))
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST - 9]}_{digest}"


def exists(cursor: Cursor, table: str) -> bool:
    """Whether staging has a table of that name."""
    cursor.execute("SELECT to_regclass(format('staging.%%I', %s::text)) IS NOT NULL", (table,))
    return bool((cursor.fetchone() or (False,))[0])


def hold(cursor: Cursor, table: str, mode: Literal["SHARE", "SHARE ROW EXCLUSIVE"], patience: float) -> None:
    """Keep writers out of a table until the transaction ends, after those that are still at it have ended.

    Raises FatalError if the table is not there, LockNotAvailable if it has to wait longer than `patience` seconds,
    here or for a lock that the transaction takes later.
    """
    _refuse_missing(cursor, table)
    wait_at_most(cursor, patience)
    cursor.execute(sql.SQL("LOCK TABLE staging.{} IN {} MODE").format(sql.Identifier(table), sql.SQL(mode)))


def count_rows(cursor: Cursor, table: str) -> int:
    """How many rows a table of staging has; FatalError if it is not there."""
    _refuse_missing(cursor, table)
    cursor.execute(sql.SQL("SELECT count(*) FROM staging.{}").format(sql.Identifier(table)))
    return int((cursor.fetchone() or (0,))[0])


def _refuse_missing(cursor: Cursor, table: str) -> None:
    if not exists(cursor, table):
        raise FatalError(
            f"The table staging.{table} does not exist.",
            fix="trigger a new run of the dataset: staging tables are dropped when their run ends.",
        )


def queue_name(dataset: str) -> str:
    """The dataset's rows that may be labelled, in staging. It outlives its run: the next one writes it anew."""
    return f"_label__{dataset}"


@failpoint("sweep")
def sweep(warehouse_url: str, dataset: str) -> list[str]:
    """Drop what is left in staging of this dataset and return the names.

    A dataset has one active run at a time, so whatever an earlier, killed run of it left behind goes too.
    """
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        return drop_tables(cursor, dataset)


def tables_of(cursor: Cursor, dataset: str) -> list[str]:
    """What is in staging of this dataset, by name."""
    cursor.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'staging' AND starts_with(tablename, %s)"
        " ORDER BY tablename",
        (f"{dataset}__",),
    )
    return [name for (name,) in cursor.fetchall()]


def drop_tables(cursor: Cursor, dataset: str) -> list[str]:
    """Drop the dataset's tables in the caller's transaction, and return their names."""
    names = tables_of(cursor, dataset)
    for name in names:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(name)))
    return names
