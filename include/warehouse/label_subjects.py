"""What labelling holds of a subject: the keys of its rows, also where the rows themselves are gone, and where.

A row is labelled long after it was built, and its label stays when the row is gone. So each round notes whose its
rows are; the rows that are still in versions, in quarantine and in staging tell it too.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.specs import Dataset, PostgresSource, Subject
from include.warehouse import erasures, subjects
from include.warehouse.labels import is_landed, label_source
from include.warehouse.staging import queue_name
from include.warehouse.subjects import KEY, REFERENCED, Place
from include.warehouse.tables import landing_table
from include.warehouse.versions import column_types


@dataclass(frozen=True, slots=True)
class Round:
    """Where a round's rows were handed out: by `tool`, at `place`. `keys` are those of its rows on record.

    Of a round that is not `told` nothing says whose its rows are: it is older than the declaration.
    """

    tool: str
    place: str
    keys: frozenset[str]
    told: bool


def whose(connection: Connection, dataset: Dataset, keys: Collection[str]) -> dict[str, dict[str, str | None]]:
    """Of each source that declares a subject the subject's key by row, as the rows that may be labelled say."""
    found, queue = {}, queue_name(dataset.name)
    with connection.cursor() as cursor:
        # The rows may be of a curation from before the column was declared: then nobody knows.
        known = column_types(cursor, queue).keys()
        for source, column in dataset.subjects.items():
            if column in known:
                cursor.execute(
                    sql.SQL("SELECT _id, {}::text FROM staging.{} WHERE _id = ANY (%s)").format(
                        sql.Identifier(column), sql.Identifier(queue)
                    ),
                    (sorted(keys),),
                )
                found[source] = dict(cursor.fetchall())
    return found


def on_record(cursor: Cursor, source: PostgresSource, datasets: Sequence[Dataset]) -> list[Dataset]:
    """Those of the datasets that hold the source's subjects and have ever been labelled, or may be now."""
    cursor.execute("SELECT DISTINCT dataset FROM sluice.label_rounds")
    asked = {name for (name,) in cursor.fetchall()}
    return [d for d in datasets if d.subjects[source.name] is not None and (d.labelling or d.name in asked)]


def rounds(cursor: Cursor, source: PostgresSource, dataset: Dataset) -> list[Round]:
    """All rounds of the dataset, in their order."""
    cursor.execute(
        "SELECT tool, place, items, subjects ? %s FROM sluice.label_rounds WHERE dataset = %s"
        " ORDER BY asked_at, run",
        (source.name, dataset.name),
    )
    return [Round(tool, place, frozenset(items), told) for tool, place, items, told in cursor.fetchall()]


def history(cursor: Cursor, dataset: Dataset) -> list[Place]:
    """The landing tables of the dataset's answers and labels, if anything was landed."""
    found = []
    for table, column in (("answers", "item"), ("labels", "key")):
        name = landing_table(label_source(dataset.name), table)
        if is_landed(cursor, name):
            holds = sql.SQL("{} IN ({})").format(sql.Identifier(column), _keys(dataset))
            found.append(Place(f"landing.{name}", sql.Identifier("landing", name), holds))
    return found


def places(cursor: Cursor, dataset: Dataset) -> list[Place]:
    """Everything in the warehouse that labelling may keep of the subject's rows, once their keys are noted."""
    keys, name = sql.SQL("ARRAY({})").format(_keys(dataset)), sql.Literal(dataset.name)
    rounds = sql.SQL("dataset = {} AND sluice.names_keys(label_rounds, {})").format(name, keys)
    results = sql.SQL(
        "dataset = {} AND EXISTS (SELECT FROM jsonb_array_elements_text(faults) AS f"
        " WHERE sluice.quotes_keys(f, {}))"
    ).format(name, keys)
    return [
        *history(cursor, dataset),
        Place(f"label_rounds.{dataset.name}", sql.Identifier("sluice", "label_rounds"), rounds),
        Place(
            f"label_sent.{dataset.name}",
            sql.Identifier("sluice", "label_sent"),
            sql.SQL("dataset = {} AND items && {}").format(name, keys),
        ),
        Place(f"label_results.{dataset.name}", sql.Identifier("sluice", "label_results"), results),
    ]


def refer(cursor: Cursor, source: PostgresSource, subject: Subject, dataset: Dataset) -> None:
    """Note the keys of the dataset's rows that are the subject's, or once were: what was said then is of it.

    Rounds tell it, versions, quarantine, and what is in staging: to be called before any of these are touched.
    """
    subjects.holders(cursor, source, dataset)
    parts = {
        "place": sql.Literal(place_of(dataset)),
        "source": sql.Literal(source.name),
        "name": sql.Literal(dataset.name),
    }
    queries: list[sql.Composable] = [
        sql.SQL("SELECT value FROM {} WHERE place = {}").format(
            REFERENCED, sql.Literal(f"datasets.{dataset.name}")
        ),
        sql.SQL(
            "SELECT s.key FROM sluice.label_rounds, jsonb_each_text(subjects -> {source}) AS s"
            " WHERE dataset = {name} AND s.value = {subject}"
        ).format(subject=KEY, **parts),
    ]
    for place in subjects.quarantines(cursor, source, subject, [dataset]):
        if place.name == f"quarantine.{dataset.name}":
            queries.append(sql.SQL("SELECT key FROM {} WHERE {}").format(place.table, place.holds))
    queries += [sql.SQL("{} WHERE {}").format(keys, holds) for keys, holds in _staged(cursor, source, dataset)]
    cursor.execute(
        sql.SQL(
            "INSERT INTO {referenced} SELECT {place}, key FROM ({found}) AS found (key) WHERE key IS NOT NULL"
            " EXCEPT TABLE {referenced}"
        ).format(referenced=REFERENCED, found=sql.SQL(" UNION ALL ").join(queries), **parts)
    )


def refer_committed(cursor: Cursor, source: PostgresSource, dataset: Dataset, request: str) -> None:
    """Note those keys that labelling holds to which the erasure has committed itself: their rows are gone.

    Not those of rows that a round since then tells to be another subject's.
    """
    values = sql.SQL(
        "SELECT key FROM ({held}) AS held (key) WHERE NOT EXISTS (SELECT FROM sluice.label_rounds WHERE"
        " dataset = {name} AND subjects -> {source} ->> held.key <> {subject})"
    ).format(
        held=sql.SQL(" UNION ").join([*_held(cursor, dataset), *_told(dataset)]), subject=KEY,
        name=sql.Literal(dataset.name), source=sql.Literal(source.name),
    )  # fmt: skip
    erasures.refer_committed(cursor, request, place_of(dataset), values)


def remove(cursor: Cursor, request: str, dataset: Dataset) -> int:
    """Remove what the noted keys name from the warehouse; returns how many landed answers and labels that were."""
    rows = sum(erasures.remove_history(cursor, request, place) for place in history(cursor, dataset))
    cursor.execute(
        sql.SQL("SELECT sluice.erase_labelling({}, {}, ARRAY({}))").format(
            sql.Literal(request), sql.Literal(dataset.name), _keys(dataset)
        )
    )
    return rows


def noted(cursor: Cursor, dataset: Dataset) -> frozenset[str]:
    """The keys that were noted."""
    cursor.execute(_keys(dataset))
    return frozenset(key for (key,) in cursor.fetchall())


def untold(cursor: Cursor, source: PostgresSource, dataset: Dataset) -> int:
    """Of how many rows that labelling holds nothing says whose they are, or were."""
    known: list[sql.Composable] = [
        sql.SQL("SELECT jsonb_object_keys(subjects -> {}) FROM sluice.label_rounds WHERE dataset = {}").format(
            sql.Literal(source.name), sql.Literal(dataset.name)
        )
    ]
    for place in subjects.holders(cursor, source, dataset):
        if place.tells:
            known.append(sql.SQL("SELECT _id FROM {} WHERE _origin = 'real'").format(place.table))
    known += [keys for keys, _ in _staged(cursor, source, dataset)]
    cursor.execute(
        sql.SQL("SELECT count(*) FROM (({}) EXCEPT ({})) AS untold").format(
            sql.SQL(" UNION ").join(_held(cursor, dataset)), sql.SQL(" UNION ").join(known)
        )
    )
    (rows,) = cursor.fetchone() or (0,)
    return int(rows)


def place_of(dataset: Dataset) -> str:
    """Under which name the keys are noted, and committed to."""
    return f"labels.{dataset.name}"


def _keys(dataset: Dataset) -> sql.Composable:
    return sql.SQL("SELECT value FROM {} WHERE place = {}").format(REFERENCED, sql.Literal(place_of(dataset)))


def _staged(
    cursor: Cursor, source: PostgresSource, dataset: Dataset
) -> Iterator[tuple[sql.Composable, sql.Composable]]:
    """Of each staging table that tells whose its rows are a query for their keys, and what is the subject's."""
    for place in subjects.staged(cursor, source, [dataset]):
        if dataset.key in column_types(cursor, place.name.removeprefix("staging.")):
            key = sql.Identifier(dataset.key)
            yield sql.SQL("SELECT {}::text FROM {}").format(key, place.table), place.holds


def _held(cursor: Cursor, dataset: Dataset) -> list[sql.Composable]:
    """Queries for the keys of all rows that labelling holds."""
    name = sql.Literal(dataset.name)
    found: list[sql.Composable] = [
        sql.SQL("SELECT unnest(items) FROM sluice.label_rounds WHERE dataset = {}").format(name),
        sql.SQL("SELECT unnest(items) FROM sluice.label_sent WHERE dataset = {}").format(name),
        sql.SQL(
            "SELECT jsonb_object_keys(part.value) FROM sluice.label_rounds, jsonb_each(said) AS part"
            " WHERE dataset = {} AND jsonb_typeof(part.value) = 'object'"
        ).format(name),
    ]
    for place, column in zip(history(cursor, dataset), ("item", "key"), strict=False):
        found.append(sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), place.table))
    return found


def _told(dataset: Dataset) -> list[sql.Composable]:
    """Queries for what faults have in quotes, and between two quotes: a key may be among it."""
    return [
        sql.SQL(
            "SELECT string_to_table(f, {}) FROM sluice.label_results, jsonb_array_elements_text(faults) AS f"
            " WHERE dataset = {}"
        ).format(sql.Literal(quote), sql.Literal(dataset.name))
        for quote in ("'", '"')
    ]
