"""What changed between two shapes of a table, told apart by attnum so that a rename is not a drop and an add."""

import re

from include.core.batch import Column, Table

INTEGERS = ("smallint", "integer", "bigint")
CHARACTERS = re.compile(r"character varying(\((\d+)\))?")
NUMERIC = re.compile(r"numeric(\((\d+),(-?\d+)\))?")


def former(before: Table, after: Table) -> dict[str, Column]:
    """For each column of `after`, by its name, the column of `before` that it was; new columns are left out.

    Columns are the same if their origin (the source's attnum) is, or their name where one of the two has none.
    """
    by_origin: dict[int | None, Column] = {c.origin: c for c in before.columns if c.origin is not None}
    by_name = {column.name: column for column in before.columns}
    found = {}
    for column in after.columns:
        was = by_origin.get(column.origin)
        if was is None and (namesake := by_name.get(column.name)) and not (namesake.origin and column.origin):
            was = namesake
        if was is not None:
            found[column.name] = was
    return found


def differences(before: Table, after: Table) -> list[str]:
    """Sentences that name every column that was added, dropped, renamed, replaced or given another type.

    The order of columns does not matter. An empty list: nothing changed.
    """
    was = former(before, after)
    old, kept = {column.name for column in before.columns}, {column.name for column in was.values()}
    new = {column.name for column in after.columns}
    found = []
    for column in after.columns:
        earlier = was.get(column.name)
        if earlier is None and column.name in old - kept:
            found.append(f"column {column.name!r} was dropped and another added under its name")
        elif earlier is None:
            found.append(f"column {column.name!r} ({column.type}) was added")
        elif earlier.name != column.name:
            found.append(f"column {earlier.name!r} was renamed to {column.name!r}")
        if earlier is not None and earlier.type != column.type:
            found.append(f"column {column.name!r} changed its type from {earlier.type} to {column.type}")
    found += [f"column {c.name!r} was dropped" for c in before.columns if c.name not in kept | new]
    if before.key != after.key:
        found.append(f"the key changed from ({', '.join(before.key)}) to ({', '.join(after.key)})")
    return found


def widens(before: str, after: str) -> bool:
    """Whether every value of the type `before` is one of `after`, and prints the same there."""
    if before in INTEGERS:
        return after == "numeric" or (after in INTEGERS and INTEGERS.index(before) <= INTEGERS.index(after))
    if was := CHARACTERS.fullmatch(before):
        now = CHARACTERS.fullmatch(after)
        return after == "text" or (now is not None and _at_least(was[2], now[2]))
    if was := NUMERIC.fullmatch(before):
        now = NUMERIC.fullmatch(after)
        return now is not None and (now[2] is None or (was[3] == now[3] and _at_least(was[2], now[2])))
    return before == after


def _at_least(before: str | None, after: str | None) -> bool:
    return after is None or (before is not None and int(before) <= int(after))
