"""What changed between two shapes of a table, told apart by attnum so that a rename is not a drop and an add."""

from include.core.batch import Column, Table


def differences(before: Table, after: Table) -> list[str]:
    """Sentences that name every column that was added, dropped, renamed, replaced or given another type.

    Columns are the same if their origin (the source's attnum) is, or their name where one of the two
    shapes has no origins. The order of columns does not matter. An empty list: nothing changed.
    """
    old = {column.name: column for column in before.columns}
    new = {column.name: column for column in after.columns}
    by_origin: dict[int | None, Column] = {c.origin: c for c in before.columns if c.origin is not None}
    renamed: set[str] = set()
    found = []
    for column in after.columns:
        former, earlier = by_origin.get(column.origin), old.get(column.name)
        if former is not None and former.name != column.name:
            found.append(f"column {former.name!r} was renamed to {column.name!r}")
            renamed |= {former.name}
        elif former is None and earlier is None:
            found.append(f"column {column.name!r} ({column.type}) was added")
        elif former is None and earlier is not None and earlier.origin and column.origin:
            found.append(f"column {column.name!r} was dropped and another added under its name")
        former = former or earlier
        if former is not None and former.type != column.type:
            found.append(f"column {column.name!r} changed its type from {former.type} to {column.type}")
    found += [f"column {name!r} was dropped" for name in old if name not in new and name not in renamed]
    if before.key != after.key:
        found.append(f"the key changed from ({', '.join(before.key)}) to ({', '.join(after.key)})")
    return found
