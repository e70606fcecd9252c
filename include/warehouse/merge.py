"""Merge a step of changes into a landing table with set SQL: closed rows move to the past, new ones are open."""

from typing import Literal

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Step
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.warehouse.load import Load, first_line
from include.warehouse.statements import GAP, STEP, Statements, field, listed
from include.warehouse.tables import Landed

# A step is sorted in memory up to this size. Rows are looked up by the key's index, never by a scan of the
# table, whatever the planner would guess of temporary tables that it has no statistics of.
SORT_MEMORY = "64MB"


class Merge(Statements):
    """Applies the steps of one table, in the caller's transaction. Needs PostgreSQL 18 (MERGE … RETURNING old).

    `offset` is added to the sequence numbers of the batch. With the history `last`, a version that began in
    this batch leaves no trace when it ends in it: of each key the batch adds its last version alone, which
    begins where the key first changed. Then rows are counted, not changes: each once, unless it ends in one step
    and comes again in a later one.
    """

    def __init__(
        self,
        cursor: Cursor,
        landed: Landed,
        *,
        offset: int,
        batch: int,
        history: Literal["every", "last"] = "every",
    ) -> None:
        super().__init__(cursor, landed)
        self.load, self.offset, self.history = Load(cursor, landed, offset), offset, history
        self.parts |= {
            "batch": sql.Literal(batch),
            "all": listed([*self.names, *self.former]),
            "old": listed(sql.SQL("t.{}").format(name) for name in [*self.names, *self.former]),
            "every": sql.Literal(history == "every"),
            # Of the rows that end, those of earlier batches are kept in any case.
            "kept": sql.SQL("({} OR _batch <> {})").format(sql.Literal(history == "every"), sql.Literal(batch)),
            "begins": sql.SQL("s._seq" if history == "every" else "s._first"),
        }

    @failpoint("landing.merge")
    def apply(self, step: Step, *, skip_unchanged: bool) -> int:
        """Merge one step; returns the number of changes applied, or with the history `last` of rows changed."""
        if step.kind == "truncation":
            return self._truncate(self.offset + step.sequence)
        if step.count == 0:
            return 0
        self.run(
            "SET LOCAL work_mem = {memory};"
            "SET LOCAL enable_hashjoin = {scans}; SET LOCAL enable_mergejoin = {scans}",
            memory=sql.Literal(SORT_MEMORY),
            scans=sql.Literal("off" if self.key else "on"),
        )
        self.load.copy(step)
        try:
            skipped, rows = self._merge(step, skip_unchanged)
        except (psycopg2.DataError, psycopg2.ProgrammingError) as error:
            raise FatalError(
                f"A value of table {self.table.name!r} does not fit its column's type: {first_line(error)}.",
                fix="correct the declared type of the column, or the value at its source.",
            ) from error
        self.run(
            "DROP TABLE {raw}; DROP TABLE IF EXISTS {step};"
            "SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT"
        )
        return step.count - skipped if self.history == "every" else rows

    def _merge(self, step: Step, skip_unchanged: bool) -> tuple[int, int]:
        """Merge what has been copied; returns how many upserts changed nothing, and how many rows changed."""
        skipped = 0
        if not self.key:
            self.load.cast(step)
            rows = self._merge_by_row()
        elif step.kind == "moves" or step.has_unchanged or skip_unchanged:
            self.load.cast(step)
            skipped = self.load.drop_unchanged() if skip_unchanged else 0
            if step.kind == "moves":
                self._close_moved()
            rows = self._merge_by_key(STEP)
        else:
            rows = self._merge_by_key(self.load.rows(step))
        return skipped, rows

    def _truncate(self, sequence: int) -> int:
        return self._close("DELETE FROM {now} AS t", ended=sql.Literal(sequence))

    def _close(self, delete: str, *, ended: sql.Composable, **parts: sql.Composable) -> int:
        """Move the rows that the DELETE removes to the past; returns how many.

        `ended` is where their intervals end. Those that leave no trace do not count.
        """
        self.run(
            "WITH closed AS ({delete} RETURNING {old}, t._seq_from, {ended}, t._batch),"
            " moved AS (INSERT INTO {past} ({all}, _seq_from, _seq_to, _batch)"
            "           SELECT * FROM closed WHERE {kept})"
            " SELECT count(*) FROM closed WHERE {kept}",
            delete=sql.SQL(delete).format(**self.parts, **parts),
            ended=ended,
        )
        (count,) = self.cursor.fetchone() or (0,)
        return int(count)

    def _close_moved(self) -> None:
        self._close(
            "DELETE FROM {now} AS t USING {step} AS s WHERE {same}",
            ended=sql.SQL("s._seq"),
            same=self.same_key(self._own, lambda place: self.typed("o", place)),
        )

    def _merge_by_key(self, rows: sql.Composable) -> int:
        """Rows that came and went within the step go to the past at once; of each key the last change counts.

        One sort of the step says of each change where the next of its key begins and where the first did. Returns
        the number of rows changed, a version of the same batch not among them.
        """
        self.run(
            "WITH s AS (SELECT *, lead(_seq) OVER w AS _end, first_value(_seq) OVER w AS _first FROM {rows} AS r"
            "           WINDOW w AS (PARTITION BY {key} ORDER BY _seq)),"
            " merged AS (MERGE INTO {now} AS t USING (SELECT * FROM s WHERE _end IS NULL) AS s ON {same}"
            " WHEN MATCHED AND s._op = 'u' THEN UPDATE SET {assignments}, _seq_from = {goes_on}, _batch = {batch}"
            " WHEN MATCHED THEN DELETE"
            " WHEN NOT MATCHED AND s._op = 'u' THEN INSERT ({columns}, _seq_from, _batch)"
            "  VALUES ({new}, {begins}, {batch})"
            " RETURNING {before}, old._seq_from, s._first, old._batch), moved AS ("
            " INSERT INTO {past} ({all}, _seq_from, _seq_to, _batch)"
            " SELECT * FROM merged WHERE _seq_from IS NOT NULL AND {kept}"
            " UNION ALL SELECT {fields}{nothing}, _seq, _end, {batch} FROM s"
            "  WHERE _op = 'u' AND _end IS NOT NULL AND {every})"
            " SELECT count(*) FROM merged WHERE _batch IS DISTINCT FROM {batch}",
            rows=rows,
            same=self.same_key(self._own, lambda place: sql.SQL("s.{}").format(field("c", place))),
            nothing=sql.SQL(", NULL" * len(self.former)),
            assignments=listed(
                [
                    *(sql.SQL("{} = s.{}").format(name, field("c", n)) for n, name in enumerate(self.names)),
                    *(sql.SQL("{} = NULL").format(name) for name in self.former),
                ]
            ),
            new=listed(sql.SQL("s.{}").format(field("c", place)) for place in self.places),
            goes_on=sql.SQL(
                "CASE WHEN t._batch = {batch} AND NOT {every} THEN t._seq_from ELSE {begins} END"
            ).format(**self.parts),
            before=listed(sql.SQL("old.{}").format(name) for name in [*self.names, *self.former]),
        )
        (count,) = self.cursor.fetchone() or (0,)
        return int(count)

    def _merge_by_row(self) -> int:
        """Without a key the row is its own identity: the n-th that ends is the n-th that began.

        A row's identity is its text, as the source compares nothing either: it sends the row as stored. Returns
        the number of rows that ended, those of the same batch not among them, and of rows that came.
        """
        self.run(
            "CREATE TEMPORARY TABLE sluice_ends AS SELECT o._place, o._seq AS _began, e._seq AS _end FROM ("
            " SELECT _row, _seq, row_number() OVER (PARTITION BY _row ORDER BY _seq) AS _nth"
            " FROM (SELECT *, ROW({fields})::text AS _row FROM {step}) AS r WHERE _op = 'd') AS e"
            " LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY _row ORDER BY _seq, _place) AS _nth FROM ("
            "  SELECT _place, ROW({open_fields})::text AS _row, _began AS _seq FROM {open}"
            "  WHERE ROW({open_fields})::text IN (SELECT ROW({fields})::text FROM {step} WHERE _op = 'd')"
            "  UNION ALL SELECT NULL, ROW({fields})::text, _seq FROM {step} WHERE _op = 'u') AS a) AS o"
            " USING (_row, _nth)"
        )
        self.run("SELECT count(*) FROM pg_temp.sluice_ends WHERE _began IS NULL")
        if (unknown := self.cursor.fetchone()) != (0,):
            raise FatalError(
                f"{(unknown or ('?',))[0]} rows of table {self.table.name!r} ended that are not landed.",
                fix=GAP,
            )
        ended = self._close(
            "DELETE FROM {now} AS t USING pg_temp.sluice_ends AS e WHERE t.ctid = e._place",
            ended=sql.SQL("e._end"),
        )
        came = self.run(
            "INSERT INTO {parent} ({columns}, _seq_from, _seq_to, _batch)"
            " SELECT {fields}, _seq, e._end, {batch} FROM {step} AS s LEFT JOIN pg_temp.sluice_ends AS e"
            " ON e._place IS NULL AND e._began = s._seq"
            " WHERE _op = 'u' AND ({every} OR e._end IS NULL) ORDER BY _seq",
            parent=self.landed.parent,
        )
        self.run("DROP TABLE pg_temp.sluice_ends")
        return ended + came

    def _own(self, place: int) -> sql.Composable:
        return sql.SQL("t.{}").format(self.names[place])
