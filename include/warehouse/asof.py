"""Dataset SQL, rendered over landing tables as they stood at pinned batches."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.warehouse.labels import LABELS, NO_LABELS, label_source
from include.warehouse.repeatable import refuse_unrepeatable


@dataclass(frozen=True, slots=True)
class Landed:
    """A source's table as it is landed: its own columns, by the names of the landing table's, up to `seq`."""

    source: str
    table: str
    landing_table: str
    columns: dict[str, str]
    seq: int


@dataclass(frozen=True, slots=True)
class Query:
    """Rendered SQL, its template with the template's hash, the batches that it reads, and the tables."""

    text: str
    template: str
    template_hash: str
    batches: dict[str, int]
    reads: tuple[Landed, ...] = ()


def pin(connection: Connection, sources: tuple[str, ...], as_of_batch: int | None = None) -> dict[str, int]:
    """The newest batch of each source, or the newest up to `as_of_batch`: batch numbers are shared by all sources.

    Raises FatalError if a source has none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source, max(batch) FROM sluice.batches"
            " WHERE source = ANY(%(sources)s) AND (%(as_of)s IS NULL OR batch <= %(as_of)s) GROUP BY source",
            {"sources": list(sources), "as_of": as_of_batch},
        )
        found = dict(cursor.fetchall())
    missing = [name for name in sources if name not in found]
    if missing:
        raise FatalError(
            f"Nothing has been collected from {', '.join(missing)}"
            + (f" up to batch {as_of_batch}." if as_of_batch else " yet."),
            fix=f"run {', '.join(f'collect_{name}' for name in missing)} first.",
        )
    return {name: found[name] for name in sources}


def pin_labels(connection: Connection, dataset: str, as_of_batch: int | None = None) -> dict[str, int]:
    """The newest batch of the dataset's labels in the same way; nothing where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source, max(batch) FROM sluice.batches WHERE source = %(source)s"
            " AND (%(as_of)s IS NULL OR batch <= %(as_of)s) GROUP BY source",
            {"source": label_source(dataset), "as_of": as_of_batch},
        )
        return dict(cursor.fetchall())


def render(connection: Connection, path: Path, batches: Mapping[str, int]) -> Query:
    """The dataset SQL in `path` with every `{{ source('shop', 'payments') }}` replaced by a subselect.

    The subselect holds the source's own columns, as of the source's batch in `batches`. `{{ labels('reviews') }}`
    are the labels that were given to the dataset's rows, of which there may be none yet. Raises FatalError
    for an unknown source, a table that was never landed, faulty templates, and SQL that asks for the time
    or for chance.
    """
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if not path.exists():
        raise FatalError(f"The dataset's SQL {path.name} does not exist.", fix=f"write {path}.")
    template = path.read_text()
    reads: dict[tuple[str, str], Landed] = {}

    def source(name: str, table: str) -> str:
        if name not in batches:
            raise FatalError(
                f"{path.name} reads source {name!r}, which the dataset does not declare.",
                fix=f"add {name!r} to the dataset's sources in catalog/datasets.py.",
            )
        reads[name, table] = landed(connection, name, table, batches[name])
        return _subselect(connection, reads[name, table])

    def labels(name: str) -> str:
        if name != path.stem:
            raise FatalError(
                f"{path.name} reads the labels of {name!r}.",
                fix=f"a dataset reads its own: labels('{path.stem}').",
            )
        if label_source(name) not in batches:
            return NO_LABELS
        return source(label_source(name), LABELS.name)

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        text = environment.from_string(template).render(source=source, labels=labels)
    except TemplateError as error:
        raise FatalError(
            f"{path.name} is not a valid template: {error}.",
            fix="{{ source('…', '…') }} and {{ labels('…') }} are known.",
        ) from error
    refuse_unrepeatable(path.name, text)
    return Query(
        text.strip().rstrip(";"),
        template,
        hashlib.sha256(template.encode()).hexdigest(),
        dict(batches),
        tuple(reads.values()),
    )


def as_of(connection: Connection, source: str, table: str, batch: int) -> str:
    """A subselect of the table's own columns as of the batch; FatalError if that state is not landed."""
    return _subselect(connection, landed(connection, source, table, batch))


def landed(connection: Connection, source: str, table: str, batch: int) -> Landed:
    """Where the table is landed as of the batch; FatalError if that state is not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq_to FROM sluice.batches WHERE source = %s AND batch = %s", (source, batch))
        row = cursor.fetchone()
        if row is None:
            raise FatalError(
                f"Source {source!r} has no batch {batch}.",
                fix="leave as_of_batch empty for the newest, or pick one from sluice.batches.",
            )
        (seq,) = row
        cursor.execute(
            "SELECT landing_table, columns, left_out, batch FROM sluice.landing_tables"
            " WHERE source = %s AND table_name = %s AND batch <= %s ORDER BY batch DESC LIMIT 1",
            (source, table, batch),
        )
        found = cursor.fetchone()
    if found is None:
        raise FatalError(
            f"Table {table!r} of source {source!r} is not landed as of batch {batch}.",
            fix=f"add it to the source's tables in catalog/sources.py and run collect_{source}.",
        )
    landing_table, columns, left_out, since = found
    if left_out is not None:
        raise FatalError(
            f"Table {table!r} of source {source!r} is not up to date as of batch {batch}: it has been left out"
            f" since batch {since}. {left_out}",
            fix=f"mend that, run collect_{source}, then run this again; or read as of a batch before {since}.",
        )
    names = {column.get("landed", column["name"]): column["name"] for column in columns}
    return Landed(source, table, landing_table, names, seq)


def _subselect(connection: Connection, found: Landed) -> str:
    columns = [
        sql.SQL("{} AS {}").format(sql.Identifier(landing), sql.Identifier(own))
        for landing, own in found.columns.items()
    ]
    return (
        sql.SQL("(SELECT {} FROM landing.{} WHERE _seq_from <= {} AND (_seq_to IS NULL OR _seq_to > {}))")
        .format(
            sql.SQL(", ").join(columns),
            sql.Identifier(found.landing_table),
            sql.Literal(found.seq),
            sql.Literal(found.seq),
        )
        .as_string(connection)
    )
