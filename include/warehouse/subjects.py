"""Where a subject is held: the places that may have its rows, and what is true of its rows in each.

The key is put into a setting of the transaction once, and statements speak of that: what Postgres writes into its
log of a statement that failed or was slow does not tell whom it was about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.specs import Dataset, PostgresSource, Subject, Via
from include.warehouse.staging import exists, queue_name, tables_of
from include.warehouse.tables import landing_table
from include.warehouse.versions import Version, column_types, list_versions

KEY = sql.SQL("current_setting('sluice.subject')")
# What else says that a row is the subject's: the keys of referenced rows by table, the _id of a dataset's rows.
REFERENCED = sql.SQL("pg_temp.sluice_referenced")


@dataclass(frozen=True, slots=True)
class Place:
    """A table that may hold the subject, and the predicate that its rows there fulfil."""

    name: str
    table: sql.Identifier
    holds: sql.Composable


@dataclass(frozen=True, slots=True)
class Quarantine(Place):
    """One that is the keeper's: `field` of the row and the `subjects` (an array) say what is the subject's."""

    field: str
    subjects: sql.Composable


@dataclass(frozen=True, slots=True)
class Holder(Place):
    """A version. One that lacks the `field` cannot be shown to be without the subject."""

    version: Version
    field: str
    tells: bool


def begin(cursor: Cursor, request: ErasureRequest) -> None:
    """Tell the transaction whom it is about; what follows here needs that."""
    cursor.execute(
        "SELECT set_config('sluice.subject', %s, true), set_config('sluice.receipt', %s, true)",
        (request.key, request.receipt),
    )
    cursor.execute("CREATE TEMPORARY TABLE sluice_referenced (place text, value text) ON COMMIT DROP")


def subject_of(source: PostgresSource, datasets: Sequence[Dataset]) -> tuple[Subject, list[Dataset]]:
    """What is declared of the source's subjects, and the datasets that read it. FatalError for what is missing."""
    if source.subject is None:
        raise FatalError(
            f"Source {source.name!r} declares no subject, so nobody can be erased from it.",
            fix="declare subject=Subject(…) in catalog/sources.py: its tables, and the columns with its key.",
        )
    concerned = [dataset for dataset in datasets if source.name in dataset.sources]
    if silent := [dataset.name for dataset in concerned if source.name not in dataset.subjects]:
        raise FatalError(
            f"Not every dataset that reads {source.name!r} says where it holds a subject: {', '.join(silent)}.",
            fix=f'declare subjects={{"{source.name}": …}} in catalog/datasets.py: a column, or None for none.',
        )
    return source.subject, concerned


def history(cursor: Cursor, source: PostgresSource, subject: Subject) -> list[Place]:
    """The landing tables that have been landed."""
    found = []
    for table, way in subject.held.items():
        if landed := _landed(cursor, source.name, table, way.column if isinstance(way, Via) else way):
            name, value = landed
            place = Place(f"landing.{name}", sql.Identifier("landing", name), _is_subject(way, table, value))
            found.append(place)
    return found


def refer(cursor: Cursor, source: PostgresSource, subject: Subject) -> None:
    """Note the keys of referenced rows that belong to the subject, or last did: their whole history counts."""
    for table, way in subject.held.items():
        if not isinstance(way, Via):
            continue
        owner = _landed(cursor, source.name, way.table, str(subject.held[way.table]))
        key = _landed(cursor, source.name, way.table, way.key)
        if owner and key:
            cursor.execute(
                sql.SQL(
                    "WITH rows AS (SELECT {key} AS key, {owner} AS owner, _seq_from FROM landing.{table})"
                    " INSERT INTO {referenced} SELECT DISTINCT {place}, r.key FROM rows r"
                    " WHERE r.owner = {subject} AND r.key IS NOT NULL AND NOT EXISTS (SELECT FROM rows later"
                    " WHERE later.key = r.key AND later._seq_from > r._seq_from"
                    " AND later.owner IS DISTINCT FROM {subject})"
                ).format(
                    key=key[1], owner=owner[1], table=sql.Identifier(key[0]), referenced=REFERENCED,
                    place=sql.Literal(table), subject=KEY,
                )
            )  # fmt: skip


def quarantines(
    cursor: Cursor, source: PostgresSource, subject: Subject, datasets: Sequence[Dataset]
) -> list[Quarantine]:
    """The quarantines of the source's tables and of the datasets, those that there are."""
    ways: list[tuple[str, str, str | Via]] = [
        (landing_table(source.name, table), table, way) for table, way in subject.held.items()
    ]
    ways += [(d.name, d.name, column) for d in datasets if (column := d.subjects[source.name]) is not None]
    found = []
    for name, table, way in ways:
        cursor.execute("SELECT to_regclass(format('quarantine.%%I', %s::text)) IS NOT NULL", (name,))
        if cursor.fetchone() == (True,):
            field = way.column if isinstance(way, Via) else way
            value = sql.SQL('"row" ->> {}').format(sql.Literal(field))
            subjects = sql.SQL("ARRAY({})").format(_referenced(table)) if isinstance(way, Via) else None
            place = Quarantine(
                f"quarantine.{name}",
                sql.Identifier("quarantine", name),
                _is_subject(way, table, value),
                field,
                subjects or sql.SQL("ARRAY[{}]").format(KEY),
            )
            found.append(place)
    return found


def holders(cursor: Cursor, source: PostgresSource, dataset: Dataset) -> list[Holder]:
    """The dataset's versions that are not retired, each with what is true of the subject's rows in it.

    A made row is the subject's if a parent of it is, as any version of the dataset tells; but not where that
    parent is another's row in its own version.
    """
    column = dataset.subjects[source.name]
    if column is None:
        return []
    place, found = f"datasets.{dataset.name}", []
    for version in list_versions(cursor.connection, dataset.name):
        if version.retired_at is not None:
            continue
        table = sql.Identifier("datasets", version.table)
        parts = {
            "table": table,
            "column": sql.Identifier(column),
            "subject": KEY,
            "referenced": REFERENCED,
            "place": sql.Literal(place),
            "ids": _referenced(place),
        }
        tells = column in column_types(cursor, version.table, "datasets")
        holds: sql.Composable = sql.SQL("true")
        if tells:
            cursor.execute(
                sql.SQL(
                    "INSERT INTO {referenced} SELECT {place}, _id FROM {table}"
                    " WHERE {column}::text = {subject} AND _origin = 'real' EXCEPT TABLE {referenced}"
                ).format(**parts)
            )
            holds = sql.SQL(
                "({column}::text = {subject} OR EXISTS (SELECT FROM unnest(_parents) AS p (id)"
                " WHERE p.id IN ({ids}) AND p.id NOT IN (SELECT o._id FROM {table} o WHERE o._id IN ({ids})"
                " AND o.{column}::text IS DISTINCT FROM {subject})))"
            ).format(**parts)
        found.append(Holder(f"datasets.{version.table}", table, holds, version=version, field=column, tells=tells))
    return found


def staged(cursor: Cursor, source: PostgresSource, datasets: Sequence[Dataset]) -> Iterator[Place]:
    """The datasets' tables in staging that have the column with the subject's key, rows that wait there too."""
    for dataset in datasets:
        column, queue = dataset.subjects[source.name], queue_name(dataset.name)
        for table in [*tables_of(cursor, dataset.name), *([queue] if exists(cursor, queue) else [])]:
            if column is not None and column in column_types(cursor, table):
                holds = sql.SQL("{}::text = {}").format(sql.Identifier(column), KEY)
                yield Place(f"staging.{table}", sql.Identifier("staging", table), holds)


def references(
    cursor: Cursor, source: PostgresSource, table: str, way: Via, places: Sequence[Quarantine]
) -> list[sql.Composable]:
    """Queries for the values by which rows of `table` may belong to the subject, landed and quarantined ones."""
    found: list[sql.Composable] = []
    if landed := _landed(cursor, source.name, table, way.column):
        name, value = landed
        found.append(sql.SQL("SELECT DISTINCT {} FROM landing.{}").format(value, sql.Identifier(name)))
    rejected = f"quarantine.{landing_table(source.name, table)}"
    for place in places:
        if place.name == rejected:
            value = sql.SQL('"row" ->> {}').format(sql.Literal(way.column))
            found.append(sql.SQL("SELECT DISTINCT {} FROM {}").format(value, place.table))
    return found


def count(cursor: Cursor, place: Place, more: str = "true") -> int:
    """How many rows of the subject the place holds; `more` is a further predicate."""
    cursor.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE {} AND ({})").format(place.table, place.holds, sql.SQL(more))
    )
    (rows,) = cursor.fetchone() or (0,)
    return int(rows)


def _is_subject(way: str | Via, table: str, value: sql.Composable) -> sql.Composable:
    if isinstance(way, Via):
        return sql.SQL("{} IN ({})").format(value, _referenced(table))
    return sql.SQL("{} = {}").format(value, KEY)


def _referenced(place: str) -> sql.Composable:
    return sql.SQL("SELECT value FROM {} WHERE place = {}").format(REFERENCED, sql.Literal(place))


def _landed(cursor: Cursor, source: str, table: str, column: str) -> tuple[str, sql.Composable] | None:
    """The landing table and the column's value as text, newest name first; None before the first landing."""
    cursor.execute(
        "SELECT landing_table, coalesce(c ->> 'landed', c ->> 'name') FROM sluice.landing_tables"
        " LEFT JOIN LATERAL jsonb_array_elements(columns) AS c ON c ->> 'name' = %s"
        " WHERE source = %s AND table_name = %s ORDER BY batch DESC",
        (column, source, table),
    )
    if not (found := cursor.fetchall()):
        return None
    names = list(dict.fromkeys(name for _, name in found if name is not None))
    if not names:
        raise FatalError(
            f"Table {table!r} of {source!r} has no column {column!r}, which should tell whose a row is.",
            fix="name the column in the source's subject in catalog/sources.py.",
        )
    values = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in names]
    return found[0][0], sql.SQL("coalesce({})").format(sql.SQL(", ").join(values))
