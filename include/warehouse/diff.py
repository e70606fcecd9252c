"""What two versions' rows and columns differ in, found by the database in one join over `_id`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.warehouse.reading import bare
from include.warehouse.versions import column_types

# Types whose equal values have one form. Of others the forms are compared, as the fingerprint does: -0 is not 0.
ONE_FORM = frozenset(
    ("boolean", "smallint", "integer", "bigint", "text", "character varying", "date", "uuid", "bytea",
     "timestamp without time zone", "timestamp with time zone")
)  # fmt: skip
IDENTITY = "_id"


@dataclass(frozen=True, slots=True)
class Side:
    """A table to compare, and its label column if it has one."""

    schema: str
    table: str
    label: str | None

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that only one of two tables has, and those of other types: (before, after)."""

    added: dict[str, str]
    removed: dict[str, str]
    retyped: dict[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped)


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows of a split, class and origin were added, removed, changed, or are the same.

    Where a changed row's split, class or origin is another than before, it counts under the new one.
    """

    split: str | None
    label: str | None
    origin: str | None
    added: int
    removed: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A changed cell of a sampled row, as text."""

    id: str
    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Diff:
    """`cells` counts changed cells by column that both have; `sample` has those of the first changed rows.

    `added` and `removed` are the first ids of such rows, byte by byte.
    """

    columns: Columns
    rows: tuple[Rows, ...]
    cells: dict[str, int]
    sample: tuple[Cell, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def count(self, kind: str) -> int:
        """How many rows are `added`, `removed`, `changed` or `same`."""
        return sum(int(getattr(row, kind)) for row in self.rows)


def diff(connection: Connection, before: Side, after: Side, *, sample: int = 20) -> Diff:
    """Compare two tables' rows of the same `_id`; the order of rows and of columns has no say.

    One full join counts, and the sample's values are then looked up. Raises FatalError for a table that is not
    there, or has no `_id`.
    """
    with connection.cursor() as cursor:
        old, new = (_types(cursor, side) for side in (before, after))
        common = [name for name in new if name in old and name != IDENTITY]
        changed = {name: _changed(name, old[name], new[name]) for name in common}
        split, origin = (
            _of_either(*(name if name in types else None for types in (old, new)))
            for name in ("_split", "_origin")
        )
        placed = (split, _of_either(before.label, after.label), origin)
        cursor.execute(_statement(before, after, changed, placed, sample))
        groups, added, removed, ids = cursor.fetchone() or (None, None, None, None)
        cells = tuple(_cells(cursor, before, after, common, ids or []))
    return Diff(
        columns=_columns(old, new),
        rows=tuple(_rows(groups or [])),
        cells=_summed(common, groups or []),
        sample=cells,
        added=tuple(added or ()),
        removed=tuple(removed or ()),
    )


def _types(cursor: Cursor, side: Side) -> dict[str, str]:
    types = column_types(cursor, side.table, side.schema)
    if IDENTITY not in types:
        raise FatalError(
            f"{side.table} has no column {IDENTITY}, by which its rows could be told.",
            fix="compare published versions.",
        )
    return types


def _columns(old: Mapping[str, str], new: Mapping[str, str]) -> Columns:
    return Columns(
        added={name: kind for name, kind in new.items() if name not in old},
        removed={name: kind for name, kind in old.items() if name not in new},
        retyped={name: (old[name], kind) for name, kind in new.items() if old.get(name, kind) != kind},
    )


def _statement(
    before: Side,
    after: Side,
    changed: Mapping[str, sql.Composable],
    placed: tuple[sql.Composable, ...],
    sample: int,
) -> sql.Composable:
    """Counts by what became of a row and where it is `placed`, and the first ids of what is not the same.

    `joined` has every row of either table once, with a flag c<n> for each column that both have.
    """
    flags = [sql.Identifier(f"c{place}") for place in range(len(changed))]
    compared = zip(changed.values(), flags, strict=True)
    count = sql.SQL("count(*) FILTER (WHERE kind = 'changed' AND {})")
    first = sql.SQL('(SELECT id FROM told WHERE kind = {} ORDER BY id COLLATE "C" LIMIT {})')
    return sql.SQL(
        "WITH joined AS MATERIALIZED (SELECT a._id AS new, b._id AS old, {split} AS split, {label} AS label,"
        " {origin} AS origin{compared} FROM {before} AS b FULL JOIN {after} AS a ON a._id = b._id),"
        " told AS (SELECT *, coalesce(new, old) AS id, CASE WHEN old IS NULL THEN 'added'"
        " WHEN new IS NULL THEN 'removed' WHEN {any} THEN 'changed' ELSE 'same' END AS kind FROM joined),"
        " counted AS (SELECT kind, split, label, origin, count(*) AS rows, ARRAY[{counts}]::bigint[] AS cells"
        " FROM told GROUP BY 1, 2, 3, 4)"
        " SELECT (SELECT jsonb_agg(counted) FROM counted), {samples}"
    ).format(
        **dict(zip(("split", "label", "origin"), placed, strict=True)),
        compared=sql.SQL("").join(sql.SQL(", {} AS {}").format(*pair) for pair in compared),
        before=before.name,
        after=after.name,
        any=sql.SQL(" OR ").join([*flags, sql.SQL("false")]),
        counts=sql.SQL(", ").join(count.format(flag) for flag in flags),
        samples=sql.SQL(", ").join(
            sql.SQL("ARRAY{}").format(first.format(sql.Literal(kind), sql.Literal(sample)))
            for kind in ("added", "removed", "changed")
        ),
    )


def _of_either(old: str | None, new: str | None) -> sql.Composable:
    """The new row's value, or that of a row which is removed, as text."""
    ours = sql.SQL("a.{}::text").format(sql.Identifier(new)) if new else sql.SQL("NULL::text")
    theirs = sql.SQL("b.{}::text").format(sql.Identifier(old)) if old else sql.SQL("NULL::text")
    return sql.SQL("CASE WHEN a._id IS NULL THEN {} ELSE {} END").format(theirs, ours)


def _changed(name: str, old: str, new: str) -> sql.Composable:
    column = sql.Identifier(name)
    if old == new and (bare(old) in ONE_FORM or old == "text[]" or old.startswith("numeric(")):
        return sql.SQL("a.{0} IS DISTINCT FROM b.{0}").format(column)
    return sql.SQL("a.{0}::text IS DISTINCT FROM b.{0}::text").format(column)


def _rows(groups: list[dict[str, Any]]) -> Iterator[Rows]:
    kinds = ("added", "removed", "changed", "same")
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for group in groups:
        place = found.setdefault((group["split"], group["label"], group["origin"]), dict.fromkeys(kinds, 0))
        place[group["kind"]] += group["rows"]
    for (split, label, origin), counts in sorted(found.items(), key=lambda item: tuple(map(str, item[0]))):
        yield Rows(split, label, origin, **counts)


def _summed(common: list[str], groups: list[dict[str, Any]]) -> dict[str, int]:
    sums = {name: sum(group["cells"][place] for group in groups) for place, name in enumerate(common)}
    return {name: count for name, count in sums.items() if count}


def _cells(cursor: Cursor, before: Side, after: Side, common: list[str], ids: list[str]) -> Iterator[Cell]:
    pairs = [sql.SQL("b.{0}::text, a.{0}::text").format(sql.Identifier(name)) for name in common]
    cursor.execute(
        sql.SQL(
            "SELECT {} FROM {} AS b JOIN {} AS a ON a._id = b._id WHERE a._id = ANY({})"
            ' ORDER BY a._id COLLATE "C"'
        ).format(
            sql.SQL(", ").join([sql.SQL("a._id"), *pairs]), before.name, after.name,
            sql.Literal(list(ids)),
        )
    )  # fmt: skip
    for id, *values in cursor.fetchall():
        for name, old, new in zip(common, values[::2], values[1::2], strict=True):
            if old != new:
                yield Cell(id, name, old, new)
