"""What the pages read from the warehouse: judgements, tags, moves; as the reader role and never for long."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import connection as Connection

from include.core.dimensions import RUNS
from include.warehouse.approvals import Word, standing, words
from include.warehouse.connection import connect
from include.warehouse.tags import Tag, current_tags
from include.warehouse.validations import COLUMNS, Validation, from_row

_DATASETS = "(SELECT DISTINCT dataset FROM sluice.validations) AS known"


@contextmanager
def reading(url: str, *, seconds: int = 10) -> Iterator[Connection]:
    """A read-only transaction as the reader, in which no statement takes longer than that."""
    connection = connect(url, role="sluice_reader", application="sluice web")
    try:
        connection.set_session(readonly=True)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds}s",))
            yield connection
    finally:
        connection.close()


def validations(
    connection: Connection, *, dataset: str | None = None, limit: int, offset: int = 0
) -> list[Validation]:
    """The newest judgements first, of all datasets or of one."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM sluice.validations"  # noqa: S608  # a constant
            " WHERE %(dataset)s::text IS NULL OR dataset = %(dataset)s"
            " ORDER BY judged_at DESC, run DESC, dataset, stage LIMIT %(limit)s OFFSET %(offset)s",
            {"dataset": dataset, "limit": limit, "offset": offset},
        )
        return [from_row(row) for row in cursor.fetchall()]


def count_validations(connection: Connection, dataset: str | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM sluice.validations WHERE %(dataset)s::text IS NULL OR dataset = %(dataset)s",
            {"dataset": dataset},
        )
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def latest_judgements(connection: Connection) -> dict[str, Validation]:
    """Each dataset's newest judgement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT newest.* FROM {_DATASETS}, LATERAL ("  # noqa: S608  # constants
            f"SELECT {COLUMNS} FROM sluice.validations AS v WHERE v.dataset = known.dataset"
            " ORDER BY judged_at DESC, run DESC, stage LIMIT 1) AS newest"
        )
        return {found.dataset: found for found in map(from_row, cursor.fetchall())}


def quarantine_news(connection: Connection) -> dict[str, dict[str, Any]]:
    """What each dataset's newest gate did to its quarantine: `open`, `opened`, `resolved`, `since`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT dataset, news FROM {_DATASETS}, LATERAL ("  # noqa: S608  # a constant
            "SELECT evidence -> 'quarantine' AS news FROM sluice.validations AS v WHERE v.dataset = known.dataset"
            " AND stage = 'gate' AND evidence ? 'quarantine' ORDER BY judged_at DESC, run DESC LIMIT 1) AS newest"
        )
        return dict(cursor.fetchall())


def history(connection: Connection, dataset: str | None = None) -> dict[str, list[Validation]]:
    """Each dataset's newest judgements at the gate, oldest first: as many as a course goes back."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM (SELECT DISTINCT dataset AS name FROM sluice.validations"  # noqa: S608  # a constant
            " WHERE %(dataset)s::text IS NULL OR dataset = %(dataset)s) AS known, LATERAL"
            " (SELECT * FROM sluice.validations WHERE dataset = name AND stage = 'gate'"
            " ORDER BY judged_at DESC, run DESC LIMIT %(runs)s) AS newest ORDER BY dataset, judged_at, run",
            {"dataset": dataset, "runs": RUNS},
        )
        found: dict[str, list[Validation]] = {}
        for validation in map(from_row, cursor.fetchall()):
            found.setdefault(validation.dataset, []).append(validation)
        return found


def last_words(connection: Connection, runs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Word]:
    """What stands about the given (dataset, run) pairs, of those that somebody was asked about."""
    said = {(dataset, run): standing(words(connection, run, dataset)) for dataset, run in runs}
    return {pair: word for pair, word in said.items() if word is not None}


def tags_by_version(connection: Connection, dataset: str | None = None) -> dict[tuple[str, int], list[Tag]]:
    """The tags that are on each version, by (dataset, version)."""
    found: dict[tuple[str, int], list[Tag]] = {}
    for tag in current_tags(connection, dataset):
        found.setdefault((tag.dataset, tag.version), []).append(tag)
    return found


def count_moves(connection: Connection, dataset: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sluice.pointer_moves WHERE dataset = %s", (dataset,))
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def judgements_of(
    connection: Connection, runs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str, str], Validation]:
    """Gate and audit of the given (dataset, run) pairs, by (dataset, run, stage)."""
    if not runs:
        return {}
    datasets, names = (list(part) for part in zip(*runs, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM sluice.validations WHERE (dataset, run) IN"  # noqa: S608  # a constant
            " (SELECT * FROM unnest(%s::text[], %s::text[]))",
            (datasets, names),
        )
        return {(v.dataset, v.run, v.stage): v for v in map(from_row, cursor.fetchall())}
