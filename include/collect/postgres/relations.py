"""Match what the stream says of tables with how they were landed and how they are now."""

from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.continuity import Course, course
from include.collect.postgres.describe import describe, signature
from include.collect.postgres.pgoutput import Relation
from include.core.batch import Standing, Table
from include.specs import PostgresSource


class Relations:
    """The tables of one pass over the stream.

    A message names columns and types, never attnums, so it is only understood if it fits a shape that is known
    with its attnums: the landed one, or the one of now. `lost` says of which tables changes were not
    understood, and why: from there on the stream cannot tell their state.
    """

    def __init__(self, cursor: Cursor, source: PostgresSource, courses: Iterable[Course]) -> None:
        self._cursor, self._source = cursor, source
        self._courses = {each.now.oid: each for each in courses}
        self._switched: set[int] = set()
        self.lost = {each.now.table.name: each.anew for each in courses if each.before is None and each.anew}

    def resolve(self, relation: Relation) -> Table | None:
        """The shape in which the table's changes come from here on; None if they are not to be read."""
        if (known := self._courses.get(relation.oid)) is None or known.now.table.name in self.lost:
            return None
        if known.before and relation.oid not in self._switched and _fits(relation, known.before):
            # The same to the eye: then what is known of now is right, too, and says where the rows are.
            return known.now.table if _fits(relation, known.now.table) and not known.anew else known.before
        if not known.anew and not _fits(relation, known.now.table):
            known = self._look_again(known)
        if known.anew or not _fits(relation, known.now.table):
            self.lost[known.now.table.name] = known.anew or "it changed its shape more than once since it was read"
            return None
        self._switched.add(relation.oid)
        return known.now.table

    def shapes(self) -> tuple[Table, ...]:
        """The tables that the stream alone brought up to date, as they are now."""
        return tuple(
            each.now.table for each in self._courses.values() if each.anew is None and not self._is_lost(each)
        )

    def _is_lost(self, each: Course) -> bool:
        return each.now.table.name in self.lost

    def _look_again(self, known: Course) -> Course:
        """The table may have changed since the pass began."""
        table = describe(self._cursor, self._source, known.now.table.name)
        if table is None or table.oid != known.now.oid:
            return known
        again = course(Standing(known.now.table), table, published=True)
        self._courses[known.now.oid] = again
        return again


def _fits(relation: Relation, table: Table) -> bool:
    """Whether the message's columns are the table's, and it identifies rows by the table's key."""
    if relation.signature != signature(table) or relation.identity == "n":
        return False
    return relation.identity == "f" or relation.key == set(table.key)
