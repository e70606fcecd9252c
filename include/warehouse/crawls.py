"""A crawl under way, kept visit by visit in a place of its own, and what the crawl before knew of the site."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from include.core.crawl import Figures, Remembered, Shape, Visit
from include.core.errors import FatalError, RetriableError

CLAIM_TIMEOUT = "5s"
# A value that names a picture in the object storage.
PICTURE = r"^images/[0-9a-f]{2}/[0-9a-f]{64}\.png$"
# What is known of a crawl, by table.
TABLES = ("records", "visits", "deaths", "runs")


def number_after(position: str | None) -> int:
    """The number of the crawl that follows a position such as `crawl 3`; the first is 1."""
    if position is None:
        return 1
    word, _, number = position.partition(" ")
    if word != "crawl" or not number.isdigit():
        raise FatalError(
            f"A site's position reads like 'crawl 3'; this one is {position!r}.",
            fix="give the source another name: this one's batches came from another kind of source.",
        )
    return int(number) + 1


def claim(connection: Connection, source: str) -> None:
    """Be the only crawl of the source for as long as the connection lives. Raises RetriableError if another is.

    Waits a while for it: the server may not have noticed yet that a killed one is gone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (CLAIM_TIMEOUT,))
        try:
            cursor.execute("SELECT pg_advisory_lock(hashtext('sluice.crawl'), hashtext(%s))", (source,))
        except psycopg2.errors.LockNotAvailable:
            raise RetriableError(
                f"Another crawl of {source!r} is under way.", fix="let it end; this one then has little to do."
            ) from None


def begin(
    connection: Connection, source: str, crawl: int, recipe: str, *, at: datetime, within: int,
    refused_too: bool = False,
) -> None:  # fmt: skip
    """Go on with the crawl if it is under way, or begin it at `at`.

    What another recipe read, or what was begun more than `within` seconds ago, is thrown away; and what was
    refused, unless it is wanted all the same.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT recipe, begun_at, refused FROM crawls.runs WHERE source = %s AND crawl = %s", (source, crawl)
        )
        if (found := cursor.fetchone()) is not None:
            read_by, begun, refused = found
            if read_by == recipe and at - begun <= timedelta(seconds=within) and (refused_too or not refused):
                return
            discard(connection, source, crawl)
        cursor.execute(
            "INSERT INTO crawls.runs (source, crawl, recipe, begun_at) VALUES (%s, %s, %s, %s)",
            (source, crawl, recipe, at),
        )


def visits(connection: Connection, source: str, crawl: int, recipe: str) -> tuple[Remembered, ...]:
    """The visits of a crawl. What another recipe read has to be read anew, so its validators are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT visit, outcome, depth, links, CASE WHEN recipe = %s THEN etag END,"
            " CASE WHEN recipe = %s THEN last_modified END"
            " FROM crawls.visits JOIN crawls.runs USING (source, crawl)"
            " WHERE source = %s AND crawl = %s ORDER BY depth, visit",
            (recipe, recipe, source, crawl),
        )
        return tuple(
            Remembered(visit, outcome, depth, tuple(links), etag, last_modified)
            for visit, outcome, depth, links, etag, last_modified in cursor
        )


def pictures(connection: Connection, source: str, crawl: int) -> list[tuple[str, str]]:
    """The visits of a crawl that found pictures, and each picture's place in the object storage."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT visit, value FROM crawls.records, json_array_elements_text(content) AS value"
            " WHERE (source, crawl) = (%s, %s) AND reasons IS NULL AND value ~ %s",
            (source, crawl, PICTURE),
        )
        return cursor.fetchall()


def figures(connection: Connection, source: str, crawl: int) -> Figures | None:
    """What a crawl amounted to; None if it is not known or not finished."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT figures FROM crawls.runs WHERE source = %s AND crawl = %s", (source, crawl))
        (found,) = cursor.fetchone() or (None,)
    return None if found is None else Figures(**found)


def shapes(connection: Connection, source: str, crawl: int) -> tuple[Shape, ...]:
    """The tables that the crawl's spider declared; none if it has said nothing yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT shapes FROM crawls.runs WHERE source = %s AND crawl = %s", (source, crawl))
        (found,) = cursor.fetchone() or (None,)
    return tuple(Shape(name, key, tuple(map(tuple, columns))) for name, key, columns in found or [])


def declare(connection: Connection, source: str, crawl: int, declared: Sequence[Shape]) -> None:
    """Note the tables of the crawl's spider."""
    packed = json.dumps([(shape.name, shape.key, shape.columns) for shape in declared])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crawls.runs SET shapes = %s WHERE source = %s AND crawl = %s", (packed, source, crawl)
        )


def keep(connection: Connection, source: str, crawl: int, made: Sequence[Visit]) -> None:
    """Keep visits with all that was found there, in the caller's transaction.

    A page that was not modified, or could not be read, has what it had after the crawl before.
    """
    new = [
        (
            source,
            crawl,
            v.visit,
            v.path,
            v.outcome,
            v.reason,
            v.depth,
            json.dumps(v.links),
            v.etag,
            v.last_modified,
        )
        for v in made
    ]
    found: list[tuple[Any, ...]] = [
        (v.visit, table, key, json.dumps(row), None) for v in made for table, key, row in v.rows
    ]
    found += [
        (v.visit, table, key, json.dumps(content), reasons)
        for v in made
        for table, key, content, reasons in v.rejected
    ]
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO crawls.visits (source, crawl, visit, path, outcome, reason, depth, links, etag,"
            " last_modified) VALUES %s",
            new,
        )
        execute_values(
            cursor,
            "INSERT INTO crawls.records (source, crawl, visit, table_name, key, content, reasons) VALUES %s",
            [(source, crawl, *values) for values in found],
        )
        if inherited := [v.visit for v in made if v.outcome in ("same", "unread")]:
            _inherit(cursor, source, crawl, inherited)


def _inherit(cursor: Cursor, source: str, crawl: int, visits: list[str]) -> None:
    """Links and records that the crawl before found there; validators only where the same recipe read them."""
    values = {"source": source, "crawl": crawl, "before": crawl - 1, "visits": visits}
    cursor.execute(
        "UPDATE crawls.visits AS v SET links = old.links,"
        " etag = CASE WHEN was.recipe = now.recipe THEN old.etag END,"
        " last_modified = CASE WHEN was.recipe = now.recipe THEN old.last_modified END"
        " FROM crawls.visits AS old JOIN crawls.runs AS was USING (source, crawl), crawls.runs AS now"
        " WHERE (v.source, v.crawl) = (%(source)s, %(crawl)s) AND v.visit = ANY(%(visits)s)"
        " AND (old.source, old.crawl) = (%(source)s, %(before)s) AND old.visit = ANY(%(visits)s)"
        " AND (now.source, now.crawl) = (%(source)s, %(crawl)s) AND old.visit = v.visit",
        values,
    )
    cursor.execute(
        "INSERT INTO crawls.records (source, crawl, visit, table_name, key, content, reasons, kept)"
        " SELECT r.source, v.crawl, r.visit, r.table_name, r.key, r.content, r.reasons,"
        " r.kept OR v.outcome = 'unread' FROM crawls.records AS r JOIN crawls.visits AS v USING (visit)"
        " WHERE (v.source, v.crawl) = (%(source)s, %(crawl)s) AND v.visit = ANY(%(visits)s)"
        " AND (r.source, r.crawl) = (%(source)s, %(before)s) AND r.visit = ANY(%(visits)s)",
        values,
    )


def count_death(connection: Connection, source: str, crawl: int, visit: str) -> int:
    """How often the spider has died on this visit of the crawl, this time included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crawls.deaths AS d (source, crawl, visit, times) VALUES (%s, %s, %s, 1)"
            " ON CONFLICT (source, crawl, visit) DO UPDATE SET times = d.times + 1 RETURNING times",
            (source, crawl, visit),
        )
        (times,) = cursor.fetchone() or (0,)
    return int(times)


def weigh(connection: Connection) -> None:
    """Let the planner know what is there: it takes tables that it never saw for small ones, and joins them so.

    To be called in a transaction of its own: until its end, no other source can do the same.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crawls.visits, crawls.records")


def forget_unread(connection: Connection, source: str, crawl: int) -> None:
    """Let what could not be read be visited again by the next run."""
    values = (source, crawl)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM crawls.records WHERE (source, crawl) = (%s, %s) AND visit IN"
            " (SELECT visit FROM crawls.visits WHERE (source, crawl) = (%s, %s) AND outcome = 'unread')",
            values * 2,
        )
        cursor.execute("DELETE FROM crawls.visits WHERE (source, crawl) = (%s, %s) AND outcome = 'unread'", values)


def discard(connection: Connection, source: str, crawl: int) -> None:
    """Throw a crawl under way away; the next run begins it anew."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                sql.SQL("DELETE FROM crawls.{} WHERE source = %s AND crawl = %s").format(sql.Identifier(table)),
                (source, crawl),
            )


def refuse(connection: Connection, source: str, crawl: int) -> None:
    """Nobody believes the crawl: the next run begins it anew, unless it is asked to take this one."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crawls.runs SET refused = true WHERE source = %s AND crawl = %s", (source, crawl))


def finish(connection: Connection, source: str, crawl: int, amounts: Figures) -> None:
    """The crawl has been landed: from now on it is the one before. Those before it are forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crawls.runs SET figures = %s WHERE source = %s AND crawl = %s",
            (json.dumps(asdict(amounts)), source, crawl),
        )
        for table in TABLES:
            cursor.execute(
                sql.SQL("DELETE FROM crawls.{} WHERE source = %s AND crawl <> %s").format(sql.Identifier(table)),
                (source, crawl),
            )
