"""The shapes of a source's landing tables: made, adapted to what the source's tables have become, and recorded.

A landing table only ever gains columns. What left the source's table stays for the history; a column that came
under a name that is taken, or with a type that its former values do not fit, is landed under a name of its own.
"""

import json
from dataclasses import asdict, replace

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Column, Standing, Table
from include.core.failpoints import failpoint
from include.core.shape import differences, former, widens
from include.warehouse.tables import Landed, create, index, landing_table, new_landed, refuse_bad_columns

NEWEST = """
SELECT DISTINCT ON (table_name) table_name, landing_table, columns, former, key, storage, left_out
FROM sluice.landing_tables WHERE source = %s ORDER BY table_name, batch DESC
"""


def standings(connection: Connection, source: str) -> dict[str, Standing]:
    """How each table of the source was landed last, by the table's name."""
    with connection.cursor() as cursor:
        shapes = Shapes(cursor, source)
        return {name: Standing(landed.table, shapes.left_out.get(name)) for name, landed in shapes.landed.items()}


class Shapes:
    """The landing tables of a source while a batch is landed. `notes` say what was adapted."""

    def __init__(self, cursor: Cursor, source: str) -> None:
        self.cursor, self.source = cursor, source
        self.landed: dict[str, Landed] = {}
        self.left_out: dict[str, str] = {}
        self.notes: list[str] = []
        self._changed: dict[str, None] = {}
        cursor.execute(NEWEST, (source,))
        for name, target, columns, former_names, key, storage, left_out in cursor.fetchall():
            names = tuple(column.pop("landed", column["name"]) for column in columns)
            table = Table(name, tuple(map(_column, columns)), tuple(key), storage)
            self.landed[name] = Landed(target, table, names, tuple(former_names))
            if left_out is not None:
                self.left_out[name] = left_out
        self._before = dict(self.landed)

    def fit(self, table: Table) -> Landed:
        """The landing table, as `table` needs it. One that is new must still be completed."""
        before = self.landed.get(table.name)
        if before is None or self.lacks(table.name):
            landed = new_landed(self.source, table)
            create(self.cursor, landed)
        elif before.table == table:
            return before
        else:
            landed = self._adapt(before, table)
        self.landed[table.name] = landed
        self._changed[table.name] = None
        return landed

    def lacks(self, name: str) -> bool:
        """Whether the table has no landing table yet: it is new, or has been left out from its first day on."""
        return name not in self.landed or not self.landed[name].columns

    def leave_out(self, name: str, reason: str) -> None:
        """Nothing is read of a table from this batch on."""
        if self.left_out.get(name) != reason:
            self.landed.setdefault(name, Landed(landing_table(self.source, name), Table(name, (), ()), ()))
            self.left_out[name] = reason
            self.notes.append(f"table {name!r} is left out: {reason}")
            self._changed[name] = None

    def forget(self, name: str) -> None:
        """What `fit` did to the table was rolled back: it is as it was before the batch."""
        if (before := self._before.get(name)) is None:
            self.landed.pop(name, None)
        else:
            self.landed[name] = before
        self._changed.pop(name, None)

    def take_in(self, name: str) -> None:
        """The table is read again from this batch on."""
        if self.left_out.pop(name, None) is not None:
            self.notes.append(f"table {name!r} is read again")
            self._changed[name] = None

    @failpoint("landing.record")
    def record(self, batch: int) -> None:
        """Write down the shapes that are others from this batch on."""
        for name in self._changed:
            landed = self.landed[name]
            columns = [
                asdict(replace(column, missing=None)) | {"landed": own}
                for column, own in zip(landed.table.columns, landed.columns, strict=True)
            ]
            self.cursor.execute(
                "INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, former,"
                " key, storage, left_out) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    self.source, name, batch, landed.name, json.dumps(columns), list(landed.former),
                    list(landed.table.key),
                    landed.table.storage, self.left_out.get(name),
                ),
            )  # fmt: skip

    @failpoint("landing.adapt")
    def _adapt(self, before: Landed, table: Table) -> Landed:
        refuse_bad_columns(table)
        was = former(before.table, table)
        own = dict(zip((column.name for column in before.table.columns), before.columns, strict=True))
        names = []
        for column in table.columns:
            earlier = was.get(column.name)
            if earlier is None:
                names.append(self._add(before, column))
            elif earlier.type == column.type:
                names.append(own[earlier.name])
            elif widens(earlier.type, column.type):
                self._alter(
                    before, "ALTER COLUMN {} TYPE {}", sql.Identifier(own[earlier.name]), sql.SQL(column.type)
                )
                names.append(own[earlier.name])
            else:
                names.append(self._add(before, replace(column, missing=None)))
        self.notes += [f"table {table.name!r}: {change}" for change in differences(before.table, table)]
        former_names = tuple(name for name in (*before.columns, *before.former) if name not in names)
        landed = Landed(before.name, table, tuple(names), former_names)
        if [before.columns[place] for place in before.key] != [landed.columns[place] for place in landed.key]:
            index(self.cursor, landed)
        return landed

    def _add(self, landed: Landed, column: Column) -> str:
        """Add a column for new values; rows that are there hold what they hold at the source."""
        name = self._free_name(landed, column.name)
        if name != column.name:
            self.notes.append(
                f"column {column.name!r} ({column.type}) of table {landed.table.name!r} is landed as {name!r}: the"
                " landing table has a column of that name with other values"
            )
        own, value = sql.Identifier(name), sql.Literal(column.missing)
        self._alter(landed, "ADD COLUMN {} {} DEFAULT {}", own, sql.SQL(column.type), value)
        self._alter(landed, "ALTER COLUMN {} DROP DEFAULT", own)
        return name

    def _free_name(self, landed: Landed, wanted: str) -> str:
        self.cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (landed.parent.as_string(self.cursor),),
        )
        taken = {name for (name,) in self.cursor.fetchall()}
        name, number = wanted, 1
        while name in taken:
            number += 1
            # Cut where Postgres would, at 63 bytes, so that the number stays.
            name = f"{wanted.encode()[:58].decode(errors='ignore')}__{number}"
        return name

    def _alter(self, landed: Landed, action: str, *parts: sql.Composable) -> None:
        self.cursor.execute(sql.SQL(f"ALTER TABLE {{}} {action}").format(landed.parent, *parts))


def _column(recorded: dict[str, object]) -> Column:
    """A column as it was recorded; an earlier release did not record everything. JSON knows no tuples."""
    tuples = {name: tuple(value) for name, value in recorded.items() if isinstance(value, list)}
    return Column(**{**recorded, **tuples})  # type: ignore[arg-type]
