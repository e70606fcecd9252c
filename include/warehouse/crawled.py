"""A crawl that visited everything, as a batch: what it found, what is no longer there, and what it amounts to."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count, groupby

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.batch import Batch, Column, Rejected, Table, TableChanges
from include.core.crawl import KILLED, Figures, Shape
from include.core.errors import FatalError
from include.warehouse.shapes import Shapes

Row = list[str | None]
NO_RECORD = ("address: ", "body: ", "download: ", "redirect: ", "spider: ", "status: ")


def as_batch(
    connection: Connection, source: str, crawl: int, start: str | None, shapes: tuple[Shape, ...]
) -> tuple[Batch, Figures]:
    """The batch that leads from `start` to this crawl, rows in the order of their keys; and its figures.

    A current row that nobody showed any more is deleted. One that a page shows but that could not be read, be it
    the page or the record, stays as it is landed.
    """
    sequence = count(1)
    changes, rejected = [], list(_rejected(connection, source, crawl))
    rows, read, filled = {}, {}, {}
    for shape in shapes:
        table = _table(shape)
        put = TableChanges(table, sequence)
        found = 0
        values = Counter({column.name: 0 for column in table.columns})
        for kept, row, others in _records(connection, source, crawl, shape.name):
            found += 1
            if not kept:
                put.upsert(row)
                values.update(c.name for c, value in zip(table.columns, row, strict=True) if value is not None)
            rejected += [_seen_twice(shape, table, other) for other in others]
        rows[shape.name], read[shape.name], filled[shape.name] = found, put.count, dict(values)
        for key in _vanished(connection, source, crawl, shape):
            put.delete([key if column.name == shape.key else None for column in table.columns])
        changes.append(put)
    rejected.sort(key=lambda r: (r.table, r.key or "", json.dumps(r.row, sort_keys=True), r.reasons))
    batch = Batch(
        source=source, start=start, end=f"crawl {crawl}", changes=tuple(changes), rejected=tuple(rejected),
        notes=tuple(_given_up(connection, source, crawl)), skip_unchanged=True,
    )  # fmt: skip
    visits, unread = _visits(connection, source, crawl)
    # What a link or a page suffered says nothing about records.
    broken = Counter(r.table for r in rejected if not r.reasons[0].startswith(NO_RECORD))
    return batch, Figures(visits, unread, rows, read, {name: broken[name] for name in rows}, filled)


def _table(shape: Shape) -> Table:
    return Table(shape.name, tuple(Column(name, kind) for name, kind in shape.columns), (shape.key,))


def _records(connection: Connection, source: str, crawl: int, table: str) -> Iterator[tuple[bool, Row, list[Row]]]:
    """For each key whether its row is only kept, the row, and rows that say something else about the key."""
    with connection.cursor(name="records") as cursor:
        cursor.execute(
            "SELECT key, kept, content FROM crawls.records WHERE (source, crawl, table_name) = (%s, %s, %s)"
            ' AND reasons IS NULL ORDER BY key COLLATE "C", kept, content::text COLLATE "C"',
            (source, crawl, table),
        )
        for _, group in groupby(cursor, key=lambda record: record[0]):
            (_, kept, row), *same_key = group
            others: list[Row] = []
            for _, other_kept, other in same_key:
                if not other_kept and other not in (row, *others[-1:]):
                    others.append(other)
            yield kept, row, others


def _seen_twice(shape: Shape, table: Table, row: Row) -> Rejected:
    content = {column.name: value for column, value in zip(table.columns, row, strict=True)}
    return Rejected(shape.name, content[shape.key], content, (f"{shape.key}: seen_twice",))


def _rejected(connection: Connection, source: str, crawl: int) -> Iterator[Rejected]:
    """Each once, however many pages say the same."""
    with connection.cursor(name="rejected") as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (table_name, key, content::text, reasons) table_name, key, content, reasons"
            " FROM crawls.records WHERE (source, crawl) = (%s, %s) AND reasons IS NOT NULL AND NOT kept",
            (source, crawl),
        )
        for table, key, content, reasons in cursor:
            yield Rejected(table, key, content, tuple(reasons))


def _vanished(connection: Connection, source: str, crawl: int, shape: Shape) -> list[str]:
    """Keys of current rows that the crawl neither found nor failed to read."""
    with connection.cursor() as cursor:
        landed = Shapes(cursor, source).landed.get(shape.name)
        if landed is None:
            return []
        if landed.table.key != (shape.key,):
            raise FatalError(
                f"The key of table {shape.name!r} of site {source!r} was {', '.join(landed.table.key)}, and now is"
                f" {shape.key}: which rows are gone cannot be told.",
                fix="give the table another name in the spider.",
            )
        command = sql.SQL(
            "SELECT t.{key}::text FROM {table} AS t WHERE NOT EXISTS ("
            " SELECT FROM crawls.records AS r JOIN crawls.visits AS v USING (source, crawl, visit)"
            " WHERE (source, crawl, r.table_name) = (%s, %s, %s) AND r.key = t.{key}::text"
            " AND (r.reasons IS NULL OR v.outcome <> 'gone')) ORDER BY t.{key}::text COLLATE \"C\""
        ).format(key=sql.Identifier(landed.columns[landed.key[0]]), table=landed.now)
        cursor.execute(command, (source, crawl, shape.name))
        return [key for (key,) in cursor]


def _given_up(connection: Connection, source: str, crawl: int) -> Iterator[str]:
    """An announcement for each page on which the spider died each time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT path FROM crawls.visits WHERE (source, crawl) = (%s, %s) AND outcome = 'unread'"
            ' AND reason = %s ORDER BY visit COLLATE "C"',
            (source, crawl, KILLED),
        )
        for (path,) in cursor:
            yield f"page {path!r} was given up: the spider's process died each time that it read it"


def _visits(connection: Connection, source: str, crawl: int) -> tuple[int, dict[str, int]]:
    """How many visits there were, and how many of them read nothing, by reason."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN outcome = 'unread' THEN coalesce(reason, 'unknown') END AS why, count(*)"
            " FROM crawls.visits WHERE (source, crawl) = (%s, %s) GROUP BY why ORDER BY why",
            (source, crawl),
        )
        counts = dict(cursor.fetchall())
    return sum(counts.values()), {reason: number for reason, number in counts.items() if reason is not None}
