"""Build a dataset's candidate: its SQL, run over the sources as of pinned batches."""

import logging
from collections.abc import Mapping
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.refs import Candidate
from include.specs import Dataset
from include.warehouse.asof import pin, render
from include.warehouse.connection import transaction
from include.warehouse.staging import table_name
from include.warehouse.texts import keep

log = logging.getLogger(__name__)

SQL_FOLDER = Path(__file__).resolve().parents[1] / "catalog" / "sql"


def build(
    warehouse_url: str,
    dataset: Dataset,
    run: str,
    *,
    as_of_batch: int | None = None,
    batches: Mapping[str, int] | None = None,
    sql_folder: Path = SQL_FOLDER,
) -> Candidate:
    """Make `staging.<dataset>__<run>` with the dataset's columns, in their declared order.

    Sources are read as of their newest batch, their newest up to `as_of_batch`, or exactly the given `batches`. A
    retry of the run starts clean. Raises FatalError for SQL that fails and for columns that do not fit the roles.
    """
    target = table_name(dataset.name, run)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        pinned = pin(connection, dataset.sources, as_of_batch) if batches is None else dict(batches)
        query = render(connection, sql_folder / f"{dataset.name}.sql", pinned)
        keep(connection, query.template)
        _refuse_misfit(cursor, dataset, query.text)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(target)))
        cursor.execute(
            sql.SQL("CREATE TABLE staging.{} AS SELECT {} FROM ({}) AS built").format(
                sql.Identifier(target),
                sql.SQL(", ").join(map(sql.Identifier, dataset.columns)),
                sql.SQL(query.text),
            )
        )
        rows = cursor.rowcount
        cursor.execute(sql.SQL("ANALYZE staging.{}").format(sql.Identifier(target)))
    log.info("built %s rows of %s as of %s", rows, dataset.name, pinned)
    return Candidate(
        dataset=dataset.name, run=run, table=target, batches=pinned, rows=rows, sql_hash=query.template_hash
    )


def _refuse_misfit(cursor: Cursor, dataset: Dataset, query: str) -> None:
    """Every declared column must be in the SQL and every column of the SQL must be declared."""
    try:
        cursor.execute(sql.SQL("SELECT * FROM ({}) AS built LIMIT 0").format(sql.SQL(query)))
    except psycopg2.Error as error:
        raise FatalError(
            f"The SQL of dataset {dataset.name} fails: {str(error).strip()}", fix=f"mend {dataset.name}.sql."
        ) from error
    found = [column.name for column in cursor.description or ()]
    missing = [name for name in dataset.columns if name not in found]
    surplus = [name for name in found if name not in dataset.columns]
    if missing:
        roles = {dataset.key: "key", dataset.label: "label"}
        named = ", ".join(f"{name} ({roles[name]})" if name in roles else name for name in missing)
        raise FatalError(
            f"The SQL of dataset {dataset.name} lacks the declared columns {named}; it has {', '.join(found)}.",
            fix=f"select them in {dataset.name}.sql, or take them out of catalog/datasets.py.",
        )
    if surplus:
        raise FatalError(
            f"The SQL of dataset {dataset.name} has columns without a role: {', '.join(surplus)}.",
            fix="declare each in catalog/datasets.py (passthrough, if it is neither feature nor label).",
        )
