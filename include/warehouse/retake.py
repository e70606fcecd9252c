"""Take a table anew: a snapshot that continues a history, by what differs from the open rows."""

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import TableSnapshot
from include.core.failpoints import failpoint
from include.warehouse.snapshot import pour
from include.warehouse.statements import listed
from include.warehouse.tables import Landed

# Pairs of a row of the snapshot (_new) and an open row (_old) that are one row; either may be missing.
BY_KEY = """
CREATE TEMPORARY TABLE sluice_differing AS
SELECT w.ctid AS _new, t.ctid AS _old FROM {whole} AS w FULL JOIN {now} AS t ON {same_key}
WHERE w.ctid IS NULL OR t.ctid IS NULL OR ROW({new})::text <> ROW({old})::text
"""
BY_ROW = """
CREATE TEMPORARY TABLE sluice_differing AS
SELECT _new, _old
FROM (SELECT w.ctid AS _new, ROW({new})::text AS _row,
             row_number() OVER (PARTITION BY ROW({new})::text) AS _nth FROM {whole} AS w) AS n
FULL JOIN (SELECT t.ctid AS _old, ROW({old})::text AS _row,
                  row_number() OVER (PARTITION BY ROW({old})::text ORDER BY _seq_from DESC) AS _nth
           FROM {now} AS t) AS o USING (_row, _nth)
WHERE _new IS NULL OR _old IS NULL
"""
CLOSE = """
WITH closed AS (
    DELETE FROM {now} AS t USING pg_temp.sluice_differing AS d WHERE t.ctid = d._old
    RETURNING {closed}, t._seq_from, {sequence}, t._batch)
INSERT INTO {past} ({all}, _seq_from, _seq_to, _batch) SELECT * FROM closed WHERE {every} OR _batch <> {batch}
"""
OPEN = """
INSERT INTO {now} ({columns}, _seq_from, _batch)
SELECT {new}, {sequence}, {batch} FROM {whole} AS w JOIN pg_temp.sluice_differing AS d ON d._new = w.ctid
"""


@failpoint("landing.retake")
def retake(
    cursor: Cursor, landed: Landed, snapshot: TableSnapshot, sequence: int, batch: int, *, every: bool = True
) -> int:
    """Close open rows that the snapshot lacks, open those that it has more, exchange those that differ.

    All under one sequence number. Returns how many rows differed; those that are equal write nothing. Without
    a key equal rows count: of three open ones and two in the snapshot the youngest two stay. Unless `every`
    version counts, one that began in this batch leaves no trace.
    """
    # Numbered names, which no column of the source can have in common with ours.
    fields = [sql.Identifier(f"c{place}") for place in range(len(landed.columns))]
    types = [sql.SQL(column.type) for column in landed.table.columns]
    names = [sql.Identifier(name) for name in landed.columns]
    former = [sql.Identifier(name) for name in landed.former]
    parts = {
        "whole": sql.Identifier("pg_temp", "sluice_whole"),
        "now": landed.now,
        "past": landed.past,
        "columns": listed(names),
        "new": listed(sql.SQL("w.{}").format(field) for field in fields),
        "all": listed([*names, *former]),
        "old": listed(sql.SQL("t.{}").format(name) for name in names),
        "closed": listed(sql.SQL("t.{}").format(name) for name in [*names, *former]),
        "same_key": sql.SQL(" AND ").join(
            sql.SQL("t.{} = w.{}").format(names[place], fields[place]) for place in landed.key
        ),
        "sequence": sql.Literal(sequence),
        "batch": sql.Literal(batch),
        "every": sql.Literal(every),
    }
    definitions = listed(sql.SQL("{} {}").format(*pair) for pair in zip(fields, types, strict=True))
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE sluice_whole ({})").format(definitions))
    pour(cursor, sql.SQL("COPY {whole} FROM STDIN (FORMAT binary)").format(**parts), snapshot)
    cursor.execute("ANALYZE pg_temp.sluice_whole")
    cursor.execute(sql.SQL(BY_KEY if landed.key else BY_ROW).format(**parts))
    differing = cursor.rowcount
    cursor.execute(sql.SQL(CLOSE).format(**parts))
    cursor.execute(sql.SQL(OPEN).format(**parts))
    cursor.execute("DROP TABLE pg_temp.sluice_whole, pg_temp.sluice_differing")
    return differing
