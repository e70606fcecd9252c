"""Decide how a table goes on from what was landed of it: by its changes alone, or with a new snapshot as well."""

from dataclasses import dataclass

from include.collect.postgres.describe import SourceTable, signature
from include.core.batch import Standing, Table
from include.core.shape import differences

UNTOLD = "The stream does not tell its state: "
LEFT_OUT = "it had been left out: "


@dataclass(frozen=True, slots=True)
class Course:
    """How a table goes on.

    `now` is the table as it is, `before` the shape in which it was landed last and in which changes still to
    be read may be, None if none of them can be told. `anew` says why a snapshot has to follow them.
    """

    now: SourceTable
    before: Table | None
    anew: str | None = None


def course(standing: Standing | None, now: SourceTable, *, published: bool) -> Course:
    """A pure function of how the table was landed and how it is.

    The source's log says nothing of rows that a schema change rewrites, of partitions that come or go, and of
    the attnums of columns. Where that could matter, the table's state is taken anew, in the same history.
    """
    if standing is None:
        return Course(now, None, "it has not been landed before")
    before = standing.table
    if reason := _unreadable(standing, now, published):
        return Course(now, None, reason)
    return Course(now, before, _unspoken(before, now))


def goes_on(standing: Standing, now: SourceTable) -> bool:
    """Whether the table still looks as it was landed; files that were only exchanged (TRUNCATE) do not matter."""
    return course(standing, now, published=True).anew is None and not differences(standing.table, now.table)


def _unreadable(standing: Standing, now: SourceTable, published: bool) -> str | None:
    """Why changes that are still to be read cannot be told."""
    before = standing.table
    same_to_the_eye = signature(before) == now.signature and before.key == now.table.key
    reasons = {
        f"{LEFT_OUT}{_first_reason(standing.left_out or '')}": standing.left_out is not None,
        "the publication did not hold it": not published,
        "it was dropped and created again": _storage(before)[0] != _storage(now.table)[0],
        "a column was dropped and an equal one added under its name": (
            same_to_the_eye and bool(differences(before, now.table))
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _first_reason(left_out: str) -> str:
    """Why a table was left out in the first place: that it still is, is no reason of its own."""
    return left_out.removeprefix(UNTOLD).removeprefix(LEFT_OUT).partition(". ")[0]


def _unspoken(before: Table, now: SourceTable) -> str | None:
    """Why changes alone do not tell the table's state."""
    changed = differences(before, now.table)
    _, files, entries = _storage(before)
    _, files_now, entries_now = _storage(now.table)
    moved = files != files_now
    reasons = {
        f"its key is ({', '.join(now.table.key)}) now": before.key != now.table.key,
        "partitions came, went, or were rewritten or emptied": moved and now.kind == "p",
        f"its rows were rewritten when it changed: {'; '.join(changed)}": moved and bool(changed),
        "its rows were rewritten, into columns that look the same": moved and entries != entries_now,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _storage(table: Table) -> tuple[str, str, str]:
    """The table's oid, its files and its columns' entries in the catalog, as `describe` put them together."""
    oid, _, rest = (table.storage or "").partition(":")
    files, _, entries = rest.partition(":")
    return oid, files, entries
