"""Decide how a table goes on from what was landed of it: by its changes alone, or with a new snapshot as well."""

from dataclasses import dataclass

from include.collect.postgres.describe import SourceTable, signature
from include.collect.postgres.storage import Storage
from include.core.batch import Standing, Table
from include.core.shape import differences, former

UNTOLD = "The stream does not tell its state: "
LEFT_OUT = "it had been left out: "
RESPELLED = "a type of its own was changed, so that values are printed otherwise: "


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
    was, is_now = Storage.of(before), Storage.of(now.table)
    respelled = _respelled(before, now.table)
    same_to_the_eye = signature(before) == now.signature and before.key == now.table.key
    reasons = {
        f"{LEFT_OUT}{_first_reason(standing.left_out or '')}": standing.left_out is not None,
        "the publication did not hold it": not published,
        "it was dropped and created again": was.oid != is_now.oid,
        "it was not, or not as it is now, in the publication for a while": not was.published <= is_now.published,
        "a column was dropped and an equal one added under its name": (
            same_to_the_eye and bool(differences(before, now.table))
        ),
        # A row is found by its text where that is its identity.
        f"{RESPELLED}{', '.join(respelled)}": any(not before.key or name in before.key for name in respelled),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _first_reason(left_out: str) -> str:
    """Why a table was left out in the first place: that it still is, is no reason of its own."""
    return left_out.removeprefix(UNTOLD).removeprefix(LEFT_OUT).partition(". ")[0]


def _unspoken(before: Table, now: SourceTable) -> str | None:
    """Why changes alone do not tell the table's state."""
    changed = differences(before, now.table)
    was, is_now = Storage.of(before), Storage.of(now.table)
    moved = was.files != is_now.files
    respelled = _respelled(before, now.table)
    reasons = {
        f"its key is ({', '.join(now.table.key)}) now": before.key != now.table.key,
        "partitions came, went, or were rewritten or emptied": moved and now.kind == "p",
        f"its rows were rewritten when it changed: {'; '.join(changed)}": moved and bool(changed),
        "its rows were rewritten, into columns that look the same": moved and was.entries != is_now.entries,
        f"{RESPELLED}{', '.join(respelled)}": bool(respelled),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _respelled(before: Table, now: Table) -> list[str]:
    """The columns, by the names they had, whose values may be printed otherwise than they were landed.

    An enum's new label adds an entry and changes none.
    """
    was = former(before, now)
    return [
        was[column.name].name
        for column in now.columns
        if column.name in was and not set(was[column.name].spelling) <= set(column.spelling)
    ]
