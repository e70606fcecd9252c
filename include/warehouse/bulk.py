"""Columns between Postgres and Arrow, by COPY in the caller's transaction.

COPY CSV costs about twice ADBC's binary COPY, but it needs no second connection: what is read and written
belongs to one transaction and one snapshot, and temporary tables can be its target.
"""

import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

if TYPE_CHECKING:
    import pyarrow as pa

# What a transfer may hold in memory before it goes on on disk.
SPOOL_BYTES = 32 * 1024 * 1024


def read(connection: Connection, query: sql.Composable, types: Mapping[str, str]) -> "pa.Table":
    """The query's rows as an Arrow table. `types` gives each column's Arrow type, such as "string" or "double".

    NULL and the empty text stay apart; float8 arrives bit for bit.
    """
    import pyarrow as pa
    from pyarrow import csv

    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool, connection.cursor() as cursor:
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query), spool)
        spool.seek(0)
        return csv.read_csv(
            spool,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.type_for_alias(alias) for name, alias in types.items()},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def write(connection: Connection, table: sql.Composable, rows: "pa.Table") -> None:
    """Append the Arrow table's columns to the columns of the same name."""
    from pyarrow import csv

    columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool, connection.cursor() as cursor:
        csv.write_csv(rows, spool, csv.WriteOptions(include_header=False))
        spool.seek(0)
        cursor.copy_expert(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, columns), spool)
