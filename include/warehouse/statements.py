"""SQL over one landing table and the step that is being merged into it."""

from collections.abc import Callable, Iterable

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.warehouse.tables import Landed

# The step as it came, then the step in the landing table's types: both live in the session's temporary schema.
RAW = sql.Identifier("pg_temp", "sluice_raw")
STEP = sql.Identifier("pg_temp", "sluice_step")
GAP = "the history has a gap: the next run takes the table anew by a snapshot."


class Statements:
    """Runs commands whose `{parts}` name the landing table, its columns and the step's fields."""

    def __init__(self, cursor: Cursor, landed: Landed) -> None:
        self.cursor, self.landed, self.table = cursor, landed, landed.table
        self.types = [sql.SQL(column.type) for column in landed.table.columns]
        self.places = range(len(self.types))
        self.key = landed.key
        self.names = [sql.Identifier(name) for name in landed.columns]
        self.former = [sql.Identifier(name) for name in landed.former]
        self.parts: dict[str, sql.Composable] = {
            "raw": RAW,
            "step": STEP,
            "now": landed.now,
            "past": landed.past,
            "columns": listed(self.names),
            "fields": listed(field("c", place) for place in self.places),
            "key": listed(field("c", place) for place in self.key),
            "open": self._open(),
            "open_fields": listed(field("t", place) for place in self.places),
        }

    def run(self, command: str, **parts: sql.Composable) -> int:
        """Execute the command; returns the number of rows that it wrote or found."""
        self.cursor.execute(sql.SQL(command).format(**{**self.parts, **parts}))
        return int(self.cursor.rowcount)

    def same_key(
        self, own: Callable[[int], sql.Composable], value: Callable[[int], sql.Composable]
    ) -> sql.Composed:
        return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(own(place), value(place)) for place in self.key)

    def typed(self, letter: str, place: int) -> sql.Composed:
        return sql.SQL("{}::{}").format(field(letter, place), self.types[place])

    def _open(self) -> sql.Composable:
        """The open rows, under names that no column of the source can have in common with the step's."""
        columns = listed(
            sql.SQL("{} AS {}").format(name, field("t", place)) for place, name in enumerate(self.names)
        )
        return sql.SQL("(SELECT ctid AS _place, _seq_from AS _began, {} FROM {}) AS t").format(
            columns, self.landed.now
        )


def field(letter: str, place: int) -> sql.Identifier:
    # Columns of the temporary tables are numbered, so that no name of the source can meet one of ours.
    return sql.Identifier(f"{letter}{place}")


def listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
