"""Build a dataset's candidate: its SQL, run over the sources as of pinned batches."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.core.refs import Candidate
from include.specs import Dataset
from include.warehouse.asof import Query, pin, pin_labels, render
from include.warehouse.column_lineage import Source, lineage
from include.warehouse.connection import transaction
from include.warehouse.estimates import inform
from include.warehouse.scans import FOR_SCANS
from include.warehouse.staging import table_name
from include.warehouse.texts import keep

log = logging.getLogger(__name__)

SQL_FOLDER = Path(__file__).resolve().parents[1] / "catalog" / "sql"


@failpoint("build.commit")
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
        pinned = dict(batches) if batches is not None else _pinned(connection, dataset, as_of_batch)
        query = render(connection, sql_folder / f"{dataset.name}.sql", pinned)
        keep(connection, query.template)
        inform(warehouse_url, [read.landing_table for read in query.reads])
        _refuse_misfit(cursor, dataset, query.text)
        select = sql.SQL("SELECT {} FROM ({}) AS built").format(
            sql.SQL(", ").join(map(sql.Identifier, dataset.columns)), sql.SQL(query.text)
        )
        traced = _traced(cursor, dataset, query, select)
        rows = _create(cursor, target, select)
    log.info("built %s rows of %s as of %s", rows, dataset.name, pinned)
    return Candidate(
        dataset=dataset.name,
        run=run,
        table=target,
        batches=pinned,
        rows=rows,
        sql_hash=query.template_hash,
        lineage=traced,
    )


def _pinned(connection: Connection, dataset: Dataset, as_of_batch: int | None) -> dict[str, int]:
    found = pin(connection, dataset.sources, as_of_batch)
    return found | (pin_labels(connection, dataset.name, as_of_batch) if dataset.labelling else {})


@failpoint("build.create")
def _create(cursor: Cursor, target: str, select: sql.Composable) -> int:
    """Make the table; how many rows it has."""
    cursor.execute(FOR_SCANS)
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(target)))
    cursor.execute(sql.SQL("CREATE TABLE staging.{} AS {}").format(sql.Identifier(target), select))
    rows = cursor.rowcount
    cursor.execute(sql.SQL("ANALYZE staging.{}").format(sql.Identifier(target)))
    return rows


def _traced(cursor: Cursor, dataset: Dataset, query: Query, select: sql.Composable) -> dict[str, Any]:
    """The lineage of the dataset's columns in the sources' own names; a dataset is built without it too."""
    try:
        found = lineage(cursor, select)
    except (psycopg2.Error, LookupError, ValueError) as error:
        log.warning("the column lineage of %s cannot be told: %s: %s", dataset.name, type(error).__name__, error)
        return {}
    landed = {f"landing.{read.landing_table}": read for read in query.reads}

    def told(source: Source) -> dict[str, str] | None:
        read = landed.get(source.table)
        if read is None or source.column not in read.columns:
            return None
        return {"source": read.source, "table": read.table, "column": read.columns[source.column], "by": source.by}

    return {
        "columns": {name: [t for s in sources if (t := told(s))] for name, sources in found.columns.items()},
        "rows": [t for s in found.rows if (t := told(s))],
        "tables": [
            {"source": read.source, "table": read.table, "landing": read.landing_table} for read in query.reads
        ],
    }


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
