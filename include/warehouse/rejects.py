"""Records that never became rows, kept in the quarantine of the landing table they were meant for."""

import json
import math
from collections import defaultdict
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from include.core.batch import Batch, Rejected
from include.warehouse.tables import landing_table

TEMPLATE = "(%s, %s, %s::text, %s, %s::text[], %s, %s::timestamptz)"


def keep_rejected(cursor: Cursor, batch: Batch, number: int, at: datetime) -> int:
    """Write the batch's rejected records to `quarantine."<source>_<table>"`, the run being `batch <number>`.

    A source that is read as a whole each time (`skip_unchanged`) shows the same bad records again: those
    kept already, with the same content and reasons, are not kept twice. Returns how many are new.
    """
    kept = 0
    tables: defaultdict[str, list[Rejected]] = defaultdict(list)
    for rejected in batch.rejected:
        tables[rejected.table].append(rejected)
    for table, records in sorted(tables.items()):
        name = landing_table(batch.source, table)
        cursor.execute("SELECT sluice.ensure_quarantine(%s)", (name,))
        rows = [
            (f"batch {number}", place, record.key, _json(record.row), list(record.reasons),
             json.dumps({batch.source: number}), at)
            for place, record in enumerate(records, start=1)
        ]  # fmt: skip
        command = sql.SQL(
            'INSERT INTO {target} (run, row_number, key, "row", reasons, batches, quarantined_at)'
            " SELECT new.run, new.row_number, new.key, new.row::jsonb, new.reasons, new.batches::jsonb, new.at"
            " FROM (VALUES %s) AS new (run, row_number, key, row, reasons, batches, at)"
            " WHERE NOT {again} OR NOT EXISTS ("
            "SELECT FROM {target} AS old WHERE old.key IS NOT DISTINCT FROM new.key"
            ' AND old."row" = new.row::jsonb AND old.reasons = new.reasons) RETURNING 1'
        ).format(target=sql.Identifier("quarantine", name), again=sql.Literal(batch.skip_unchanged))
        kept += len(execute_values(cursor, command, rows, template=TEMPLATE, fetch=True))
    return kept


def _json(row: dict[str, Any]) -> str:
    return json.dumps(_storable(row), allow_nan=False)


def _storable(value: Any) -> Any:
    """What jsonb can hold: NUL and lone surrogates become the replacement character, NaN its name."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _storable(str(value))
