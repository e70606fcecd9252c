"""Texts by their hash: the SQL and the suites that versions were built by, whatever the files say now."""

import hashlib

from psycopg2.extensions import connection as Connection


def keep(connection: Connection, content: str) -> str:
    """Keep the text, in the caller's transaction, and return its sha256 in hex; one that is kept already stays."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO sluice.texts VALUES (%s, %s) ON CONFLICT DO NOTHING", (digest, content))
    return digest


def kept(connection: Connection, digest: str) -> str | None:
    """The text with that sha256; None if it was never kept."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM sluice.texts WHERE hash = %s", (digest,))
        row = cursor.fetchone()
    return str(row[0]) if row else None
