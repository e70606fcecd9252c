"""What makes two versions the same: a hash of schema and rows that no order of rows can change."""

import hashlib
import json

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.failpoints import failpoint
from include.warehouse.versions import column_types


@failpoint("publish.fingerprint")
def fingerprint(connection: Connection, table: str, schema: str = "staging") -> str:
    """sha256 over the columns' names and types, then over the sorted sha256 of every row's text, in hex.

    A row's text is Postgres' own form of a composite value, which keeps NULL, the empty text and quotes apart;
    the session settings of `warehouse.connection` pin how numbers, times and bytes are spelled. Postgres
    sorts (on disk where it must) and streams 65 bytes a row, so memory stays bounded at both ends.
    """
    with connection.cursor() as cursor:
        types = column_types(cursor, table, schema)
        digest = _Digest(json.dumps(list(types.items()), ensure_ascii=False).encode())
        rows = sql.SQL(
            "COPY (SELECT encode(sha256(convert_to(ROW({})::text, 'UTF8')), 'hex') COLLATE \"C\" AS digest"
            " FROM {} ORDER BY digest) TO STDOUT"
        ).format(sql.SQL(", ").join(map(sql.Identifier, types)), sql.Identifier(schema, table))
        cursor.copy_expert(rows, digest)
    return digest.hexdigest()


class _Digest:
    """A sha256 that COPY can write to."""

    def __init__(self, head: bytes) -> None:
        self._hash = hashlib.sha256(head + b"\n")
        self.hexdigest = self._hash.hexdigest

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return len(data)
