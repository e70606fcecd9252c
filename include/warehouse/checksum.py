"""Checksums of a table's rows that do not depend on their order, computed by the database that holds them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

ROWS_A_FETCH = 10_000

# A row's text is unambiguous (composite output quotes), and sessions fix all that it depends on.
DIGEST = sql.SQL("encode(sha256(convert_to(ROW({})::text, 'UTF8')), 'hex')")
TOTAL = sql.SQL("""
SELECT count(*), coalesce(sum(('x' || left(_d, 16))::bit(64)::bigint), 0)::text,
       coalesce(sum(('x' || substr(_d, 17, 16))::bit(64)::bigint), 0)::text
FROM (SELECT {row} AS _d FROM {relation} AS t) AS d
""")
# A digest of each row's key, then one of the whole row; equal rows follow each other.
LISTED = sql.SQL("""
SELECT _k, _d FROM (SELECT {key} AS _k, {row} AS _d FROM {relation} AS t) AS d
ORDER BY _k COLLATE "C", _d COLLATE "C"
""")


@dataclass(frozen=True, slots=True)
class Content:
    """Rows to be summed up: what stands in FROM, each column's value, and of these the key's places.

    Without a key a row's identity is the whole row.
    """

    relation: sql.Composable
    values: Sequence[sql.Composable]
    key: Sequence[int]


@dataclass(frozen=True, slots=True)
class Checksum:
    """Number of rows, and the sums of the first two 64-bit pieces of every row's SHA-256: equal rows count."""

    rows: int
    sums: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """How many rows only the expected side has, only the other side, and both under one key but not alike."""

    missing: int = 0
    extra: int = 0
    different: int = 0


def checksum(connection: Connection, content: Content) -> Checksum:
    """The content's checksum, in the connection's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(TOTAL.format(row=_digest(content.values), relation=content.relation))
        rows, first, second = cursor.fetchone() or (0, "0", "0")
    return Checksum(rows, (first, second))


def digests(connection: Connection, content: Content) -> Iterator[tuple[str, str]]:
    """The digests of each row's key and of the row, in order, in bounded memory."""
    row, key = _digest(content.values), _digest([content.values[place] for place in content.key] or content.values)
    with connection.cursor(name="sluice_digests") as cursor:
        cursor.itersize = ROWS_A_FETCH
        cursor.execute(LISTED.format(key=key, row=row, relation=content.relation))
        yield from cursor


def difference(expected: Iterator[tuple[str, str]], found: Iterator[tuple[str, str]]) -> Difference:
    """Compare two ordered lists of (key, row) digests; reads each once."""
    missing = extra = different = 0
    ours, theirs = next(expected, None), next(found, None)
    while ours or theirs:
        if ours == theirs:
            ours, theirs = next(expected, None), next(found, None)
        elif ours and theirs and ours[0] == theirs[0]:
            different += 1
            ours, theirs = next(expected, None), next(found, None)
        elif theirs is None or (ours and ours < theirs):
            missing += 1
            ours = next(expected, None)
        else:
            extra += 1
            theirs = next(found, None)
    return Difference(missing, extra, different)


def _digest(values: Sequence[sql.Composable]) -> sql.Composed:
    return DIGEST.format(sql.SQL(", ").join(values))
