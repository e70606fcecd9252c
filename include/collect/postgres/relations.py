"""Match what the stream says of a table with the table as it is now, and refuse where the two differ."""

from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.describe import SourceTable, describe
from include.collect.postgres.pgoutput import Relation
from include.collect.postgres.preflight import Plan
from include.collect.postgres.slot import ANEW
from include.core.batch import Column, Table
from include.core.errors import FatalError
from include.core.shape import differences


def resolve(cursor: Cursor, plan: Plan, relation: Relation) -> SourceTable | None:
    """The declared table that the message speaks of; None if it is not (or no longer) declared.

    Raises FatalError if the table has changed its columns or its replica identity since the change was
    logged: attnums, which the stream does not carry, are only right for the table as it is now.
    """
    for planned in plan.tables:
        if planned.oid == relation.oid:
            break
        if (planned.schema, planned.name) == (relation.schema, relation.name):
            raise FatalError(
                f"Table {planned.table.name!r} was dropped and created again while changes of the old one were"
                " still to be read.",
                fix=f"{ANEW}.",
            )
    else:
        return None
    name = planned.table.name
    table = describe(cursor, name, planned.pii)
    if table is None or table.oid != relation.oid:
        raise FatalError(
            f"Table {name!r} was dropped while it was being read.", fix=f"create it again and {ANEW}."
        )
    if table.signature != relation.signature:
        then, now = (_spelled(cursor, table.table, shape) for shape in (relation.signature, table.signature))
        changed = "; ".join(differences(then, now)) or "its columns have another order"
        raise FatalError(
            f"Table {name!r} changed its shape while changes were still to be read: {changed}.",
            fix=f"undo the change at the source, or {ANEW}.",
        )
    if relation.identity == "n" or (relation.identity != "f" and relation.key != set(table.table.key)):
        raise FatalError(
            f"The replica identity of table {name!r} changed: the stream identifies rows by"
            f" ({', '.join(sorted(relation.key))}), the table's key is ({', '.join(table.table.key)}).",
            fix=f"set the former replica identity again, or {ANEW}.",
        )
    return table


def _spelled(cursor: Cursor, table: Table, signature: tuple[tuple[str, int, int], ...]) -> Table:
    columns = []
    for name, kind, modifier in signature:
        cursor.execute("SELECT format_type(%s::oid, %s)", (kind, modifier))
        (spelled,) = cursor.fetchone() or ("?",)
        columns.append(Column(name, spelled))
    return Table(table.name, tuple(columns), table.key)
