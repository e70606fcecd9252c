"""What makes two versions the same: a hash of schema and rows that no order of rows can change.

A row's canonical text is Postgres' own form of a composite value, in UTF-8. Every setting that has a say in it is
pinned (`warehouse.connection.SESSION`), so locale, time zone, collation and encoding of a database have none:

- Columns stand in their order; their names and types are hashed first. NULL, the empty text and quotes stay apart.
- Text is as it is stored: no Unicode form is made of another, no case folded, no blank cut off. é composed and é
  decomposed are two texts, since a model sees two.
- Floats are the shortest decimal that reads back to the same bits; -0 is not 0, every NaN is NaN, infinities are
  values.
- numeric is spelled with its scale: 1.0 is not 1.00. A column numeric(p, s) has one spelling for a value.
- timestamptz is the instant, in UTC; timestamp, date and time as they stand, ISO; interval with its own months,
  days and microseconds: 24 hours are not 1 day.
- json is its text, byte by byte; jsonb is Postgres' form of it: keys sorted, the last of equal keys, numbers with
  their scale.
- bytea is hex; arrays have their bounds and NULLs; booleans are t and f.

docs/versions.md says the same to whoever compares fingerprints.
"""

import hashlib
import json
from types import SimpleNamespace

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.failpoints import failpoint
from include.warehouse.versions import column_types


@failpoint("audit.fingerprint")
def fingerprint(connection: Connection, table: str, schema: str = "staging") -> str:
    """sha256 over the columns' names and types, then over the sorted sha256 of every row's text, in hex.

    One pass: Postgres hashes on all cores that it may use, sorts 32 bytes a row (on disk where it must) and
    streams them, so memory stays bounded at both ends.
    """
    with connection.cursor() as cursor:
        types = column_types(cursor, table, schema)
        digest = hashlib.sha256(json.dumps(list(types.items()), ensure_ascii=False).encode() + b"\n")
        _hash_on_all_cores(cursor)
        # Bytes sort as their hex does, in half the time.
        rows = sql.SQL(
            "COPY (SELECT encode(digest, 'hex') FROM (SELECT sha256(convert_to(ROW({})::text, 'UTF8')) AS digest"
            " FROM {} ORDER BY digest) AS sorted) TO STDOUT"
        ).format(sql.SQL(", ").join(map(sql.Identifier, types)), sql.Identifier(schema, table))
        cursor.copy_expert(rows, SimpleNamespace(write=digest.update))
    return digest.hexdigest()


def _hash_on_all_cores(cursor: Cursor) -> None:
    """Tell the planner, until the commit, that rows go cheaply from process to process: beside a hash they do."""
    for setting in ("parallel_tuple_cost", "parallel_setup_cost"):
        cursor.execute("SELECT set_config(%s, '0', true)", (setting,))
