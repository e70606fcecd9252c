"""Merge a step of changes into a landing table with set SQL: closed rows move to the past, new ones are open."""

from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Step
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.warehouse.tables import Landed

Parts = dict[str, sql.Composable]

GAP = "the history has a gap: the next run takes the table anew by a snapshot."

# The step as text, then the step in the landing table's types: both live in the session's temporary schema.
RAW = sql.Identifier("pg_temp", "sluice_raw")
STEP = sql.Identifier("pg_temp", "sluice_step")


class Merge:
    """Applies the steps of one table, in the caller's transaction. Needs PostgreSQL 18 (MERGE … RETURNING old).

    `offset` is added to the sequence numbers of the batch. Each step is copied into a temporary table as
    text, cast to the column types in a second one, and merged from there.
    """

    def __init__(self, cursor: Cursor, landed: Landed, *, offset: int, batch: int) -> None:
        self.cursor, self.landed, self.table, self.offset = cursor, landed, landed.table, offset
        self.types = [sql.SQL(column.type) for column in landed.table.columns]
        self.key = landed.key
        self.names = [sql.Identifier(name) for name in landed.columns]
        self.all = [*self.names, *map(sql.Identifier, landed.former)]
        fields = [_field("c", place) for place in range(len(self.types))]
        self.parts: Parts = {
            "raw": RAW,
            "step": STEP,
            "now": landed.now,
            "past": landed.past,
            "columns": _list(self.names),
            "fields": _list(fields),
            "key": _list(fields[place] for place in self.key),
            "all": _list(self.all),
            "old": _list(sql.SQL("t.{}").format(name) for name in self.all),
            "open": self._open(),
            "open_fields": _list(_field("t", place) for place in range(len(self.types))),
            "batch": sql.Literal(batch),
        }

    @failpoint("landing.merge")
    def apply(self, step: Step, *, skip_unchanged: bool) -> int:
        """Merge one step; returns the number of changes written."""
        if step.kind == "truncation":
            return self._truncate(self.offset + step.sequence)
        if step.count == 0:
            return 0
        self._copy(step)
        try:
            count = self._cast(step)
        except (psycopg2.DataError, psycopg2.ProgrammingError) as error:
            raise FatalError(
                f"A value of table {self.table.name!r} does not fit its column's type: {_first_line(error)}.",
                fix="correct the declared type of the column, or the value at its source.",
            ) from error
        if not self.table.key:
            self._merge_by_row()
        else:
            count -= self._drop_unchanged() if skip_unchanged else 0
            if step.kind == "moves":
                self._close_moved()
            self._merge_by_key()
        self._run("DROP TABLE {raw}, {step}")
        return count

    def _truncate(self, sequence: int) -> int:
        return self._close("DELETE FROM {now} AS t", ended=sql.Literal(sequence))

    def _close(self, delete: str, *, ended: sql.Composable, **parts: sql.Composable) -> int:
        """Move the rows that the DELETE removes to the past; `ended` is where their intervals end."""
        return self._run(
            "WITH closed AS ({delete} RETURNING {old}, t._seq_from, {ended}, t._batch)"
            " INSERT INTO {past} ({all}, _seq_from, _seq_to, _batch) SELECT * FROM closed",
            delete=sql.SQL(delete).format(**self.parts, **parts),
            ended=ended,
        )

    @failpoint("landing.copy")
    def _copy(self, step: Step) -> None:
        names = [_field("c", place) for place in range(len(self.table.columns))]
        if step.kind == "moves":
            names += [_field("o", place) for place in self.key]
        columns = _list(sql.SQL("{} text").format(name) for name in names)
        self._run(
            'CREATE TEMPORARY TABLE sluice_raw (_seq bigint, _op "char", _unchanged text, {texts})', texts=columns
        )
        command = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(RAW)
        try:
            self.cursor.copy_expert(command, step.open(), 1024 * 1024)
        except psycopg2.DataError as error:
            raise FatalError(
                f"A value of table {self.table.name!r} is not text that Postgres can hold: {_first_line(error)}.",
                fix="remove NUL characters and broken UTF-8 before the value is landed.",
            ) from error

    def _cast(self, step: Step) -> int:
        if step.has_unchanged:
            return self._cast_with_unchanged(step)
        fields = _list(
            sql.SQL("{c}::{type} AS {c}").format(c=_field("c", place), type=kind)
            for place, kind in enumerate(self.types)
        )
        moved = [_field("o", place) for place in self.key] if step.kind == "moves" else []
        return self._run(
            "CREATE TEMPORARY TABLE sluice_step AS SELECT _seq + {offset} AS _seq, _op, {casts} FROM {raw}",
            offset=sql.Literal(self.offset),
            casts=_list([fields, *moved]),
        )

    def _cast_with_unchanged(self, step: Step) -> int:
        """Fill in what a change left out: the last value in the step, or else that of the open row.

        A group of a column begins at each change that sent it; group 0 lies before the first of them.
        """
        moves = step.kind == "moves"
        self._run("SELECT DISTINCT _unchanged FROM {raw} WHERE _unchanged IS NOT NULL")
        masks = [mask for (mask,) in self.cursor.fetchall()]
        left_out = [place for place in range(len(self.types)) if any(mask[place] == "1" for mask in masks)]
        self._refuse_unchanged_key(left_out)
        # A move is a row of its own: what it leaves out can only come from the row under the old key.
        row: list[sql.Composable] = [sql.SQL("_seq")] if moves else [self._typed("c", place) for place in self.key]
        moved = [_field("o", place) for place in self.key] if moves else []
        where: Parts = {
            "offset": sql.Literal(self.offset),
            "row": _list(row),
            "groups": _list(
                sql.SQL(
                    "count(*) FILTER (WHERE _unchanged IS NULL OR substr(_unchanged, {}, 1) = '0')"
                    " OVER (PARTITION BY {} ORDER BY _seq) AS {}"
                ).format(sql.Literal(place + 1), _list(row), _field("g", place))
                for place in left_out
            ),
            "values": _list(
                [*(self._value(place, place in left_out, row) for place in range(len(self.types))), *moved]
            ),
            "same_row": sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(_field("t", place), self._typed("o" if moves else "c", place))
                for place in self.key
            ),
            "lost": sql.SQL(" OR ").join(sql.SQL("{} = 0").format(_field("g", place)) for place in left_out),
        }
        count = self._run(
            "CREATE TEMPORARY TABLE sluice_step AS"
            " SELECT _seq + {offset} AS _seq, _op, _began IS NULL AND ({lost}) AS _lost, {values}"
            " FROM (SELECT *, {groups} FROM {raw}) AS c LEFT JOIN {open} ON {same_row}",
            **where,
        )
        self._run("SELECT count(*) FROM {step} WHERE _lost")
        if (lost := self.cursor.fetchone()) != (0,):
            raise FatalError(
                f"{(lost or ('?',))[0]} changes of table {self.table.name!r} left a value out as unchanged, but"
                " the row before is not landed.",
                fix=GAP,
            )
        return count

    def _value(self, place: int, left_out: bool, row: list[sql.Composable]) -> sql.Composable:
        field = _field("c", place)
        if not left_out:
            return sql.SQL("{} AS {}").format(self._typed("c", place), field)
        return sql.SQL(
            "CASE WHEN {group} = 0 THEN {open}"
            " ELSE (first_value({field}) OVER (PARTITION BY {row}, {group} ORDER BY _seq))::{type} END AS {field}"
        ).format(
            group=_field("g", place), open=_field("t", place), field=field, row=_list(row), type=self.types[place]
        )

    def _refuse_unchanged_key(self, left_out: list[int]) -> None:
        for place in set(left_out) & set(self.key):
            raise FatalError(
                f"Column {self.table.columns[place].name!r} of table {self.table.name!r} is part of the key, and a"
                " change left it out because the value is stored out of line (TOAST).",
                fix="give the table a REPLICA IDENTITY of short columns.",
            )

    def _drop_unchanged(self) -> int:
        """Remove upserts that equal the row before them, in the step or in the landing table."""
        return self._run(
            "DELETE FROM {step} AS d USING ("
            " SELECT _seq, CASE WHEN _before IS NULL"
            "   THEN _began IS NOT NULL AND ROW({open_fields})::text = _row"
            "   ELSE _before = 'u' AND _row_before = _row END AS same"
            " FROM (SELECT *, lag(_op) OVER w AS _before, lag(_row) OVER w AS _row_before"
            "       FROM (SELECT *, ROW({fields})::text AS _row FROM {step}) AS r"
            "       WINDOW w AS (PARTITION BY {key} ORDER BY _seq)) AS s"
            " LEFT JOIN {open} ON {same} WHERE _op = 'u') AS x WHERE x.same AND d._seq = x._seq",
            same=sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(_field("t", place), _field("c", place)) for place in self.key
            ),
        )

    def _close_moved(self) -> None:
        self._close(
            "DELETE FROM {now} AS t USING {step} AS s WHERE {same}",
            ended=sql.SQL("s._seq"),
            same=self._same_key(lambda place: self._typed("o", place)),
        )

    def _merge_by_key(self) -> None:
        """Rows that came and went within the step go to the past at once; of each key the last change counts."""
        self._run(
            "INSERT INTO {past} ({columns}, _seq_from, _seq_to, _batch)"
            " SELECT {fields}, _seq, _end, {batch} FROM"
            " (SELECT *, lead(_seq) OVER (PARTITION BY {key} ORDER BY _seq) AS _end FROM {step}) AS s"
            " WHERE _op = 'u' AND _end IS NOT NULL ORDER BY _seq"
        )
        self._run(
            "WITH merged AS (MERGE INTO {now} AS t"
            " USING (SELECT DISTINCT ON ({key}) *, min(_seq) OVER (PARTITION BY {key}) AS _first"
            "        FROM {step} ORDER BY {key}, _seq DESC) AS s ON {same_key}"
            " WHEN MATCHED AND s._op = 'u' THEN UPDATE SET {assignments}, _seq_from = s._seq, _batch = {batch}"
            " WHEN MATCHED THEN DELETE"
            " WHEN NOT MATCHED AND s._op = 'u' THEN INSERT ({columns}, _seq_from, _batch)"
            "  VALUES ({new}, s._seq, {batch})"
            " RETURNING {before}, old._seq_from, s._first, old._batch)"
            " INSERT INTO {past} ({all}, _seq_from, _seq_to, _batch)"
            " SELECT * FROM merged WHERE _seq_from IS NOT NULL",
            same_key=self._same_key(lambda place: sql.SQL("s.{}").format(_field("c", place))),
            assignments=_list(
                [
                    *(sql.SQL("{} = s.{}").format(name, _field("c", n)) for n, name in enumerate(self.names)),
                    *(sql.SQL("{} = NULL").format(sql.Identifier(name)) for name in self.landed.former),
                ]
            ),
            new=_list(sql.SQL("s.{}").format(_field("c", place)) for place in range(len(self.names))),
            before=_list(sql.SQL("old.{}").format(name) for name in self.all),
        )

    def _merge_by_row(self) -> None:
        """Without a key the row is its own identity: the n-th that ends is the n-th that began.

        A row's identity is its text, as the source compares nothing either: it sends the row as stored.
        """
        self._run(
            "CREATE TEMPORARY TABLE sluice_ends AS SELECT o._place, o._seq AS _began, e._seq AS _end FROM ("
            " SELECT _row, _seq, row_number() OVER (PARTITION BY _row ORDER BY _seq) AS _nth"
            " FROM (SELECT *, ROW({fields})::text AS _row FROM {step}) AS r WHERE _op = 'd') AS e"
            " LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY _row ORDER BY _seq, _place) AS _nth FROM ("
            "  SELECT _place, ROW({open_fields})::text AS _row, _began AS _seq FROM {open}"
            "  WHERE ROW({open_fields})::text IN (SELECT ROW({fields})::text FROM {step} WHERE _op = 'd')"
            "  UNION ALL SELECT NULL, ROW({fields})::text, _seq FROM {step} WHERE _op = 'u') AS a) AS o"
            " USING (_row, _nth)"
        )
        self._run("SELECT count(*) FROM pg_temp.sluice_ends WHERE _began IS NULL")
        if (unknown := self.cursor.fetchone()) != (0,):
            raise FatalError(
                f"{(unknown or ('?',))[0]} rows of table {self.table.name!r} ended that are not landed.",
                fix=GAP,
            )
        self._close(
            "DELETE FROM {now} AS t USING pg_temp.sluice_ends AS e WHERE t.ctid = e._place",
            ended=sql.SQL("e._end"),
        )
        self._run(
            "INSERT INTO {parent} ({columns}, _seq_from, _seq_to, _batch)"
            " SELECT {fields}, _seq, e._end, {batch} FROM {step} AS s LEFT JOIN pg_temp.sluice_ends AS e"
            " ON e._place IS NULL AND e._began = s._seq WHERE _op = 'u' ORDER BY _seq",
            parent=self.landed.parent,
        )
        self._run("DROP TABLE pg_temp.sluice_ends")

    def _open(self) -> sql.Composable:
        """The open rows, under names that no column of the source can have in common with the step's."""
        columns = _list(
            sql.SQL("{} AS {}").format(name, _field("t", place)) for place, name in enumerate(self.names)
        )
        return sql.SQL("(SELECT ctid AS _place, _seq_from AS _began, {} FROM {}) AS t").format(
            columns, self.landed.now
        )

    def _same_key(self, value: Callable[[int], sql.Composable]) -> sql.Composable:
        return sql.SQL(" AND ").join(
            sql.SQL("t.{} = {}").format(self.names[place], value(place)) for place in self.key
        )

    def _typed(self, letter: str, place: int) -> sql.Composable:
        return sql.SQL("{}::{}").format(_field(letter, place), self.types[place])

    def _run(self, command: str, **parts: sql.Composable) -> int:
        self.cursor.execute(sql.SQL(command).format(**{**self.parts, **parts}))
        return int(self.cursor.rowcount)


def _field(letter: str, place: int) -> sql.Identifier:
    # Columns of the temporary tables are numbered, so that no name of the source can meet one of ours.
    return sql.Identifier(f"{letter}{place}")


def _list(parts: Any) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
