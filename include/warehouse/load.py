"""Bring a step of changes into the session: as it came, then typed, with nothing left out."""

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.batch import Step
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.warehouse.statements import GAP, RAW, Statements, field, listed
from include.warehouse.tables import Landed


class Load(Statements):
    """Loads the steps of one table, one after the other. `offset` is added to the numbers of the batch."""

    def __init__(self, cursor: Cursor, landed: Landed, offset: int) -> None:
        super().__init__(cursor, landed)
        self.offset = sql.Literal(offset)

    @failpoint("landing.copy")
    def copy(self, step: Step) -> None:
        """The step in {raw}, as it came: in the columns' own types, or as text."""
        kinds = {place: self.types[place] if step.binary else sql.SQL("text") for place in self.places}
        columns = [sql.SQL("{} {}").format(field("c", place), kinds[place]) for place in self.places]
        if step.kind == "moves":
            columns += [sql.SQL("{} {}").format(field("o", place), kinds[place]) for place in self.key]
        self.run(
            'CREATE TEMPORARY TABLE sluice_raw (_seq bigint, _op "char", _unchanged text, {columns})',
            columns=listed(columns),
        )
        command = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(RAW)
        try:
            self.cursor.copy_expert(command, step.open(), 1024 * 1024)
        except psycopg2.DataError as error:
            raise FatalError(
                f"A value of table {self.table.name!r} is nothing that Postgres can hold: {first_line(error)}.",
                fix="remove NUL characters and broken UTF-8 before the value is landed.",
            ) from error

    def rows(self, step: Step) -> sql.Composed:
        """The step in the columns' types, as a subselect; for a step that left nothing out."""
        return sql.SQL("(SELECT _seq + {} AS _seq, _op, {} FROM {})").format(self.offset, self._casts(step), RAW)

    def cast(self, step: Step) -> None:
        """The step in {step}, in the columns' types, what changes left out filled in."""
        if step.has_unchanged:
            self._fill(step)
            return
        self.run("CREATE TEMPORARY TABLE sluice_step AS SELECT * FROM {rows} AS r", rows=self.rows(step))

    def _casts(self, step: Step) -> sql.Composed:
        columns = [sql.SQL("{} AS {}").format(self.typed("c", place), field("c", place)) for place in self.places]
        moved = [field("o", place) for place in self.key] if step.kind == "moves" else []
        return listed([*columns, *moved])

    def _fill(self, step: Step) -> None:
        """Fill in what a change left out: the last value in the step, or else that of the open row.

        A group of a column begins at each change that sent it; group 0 lies before the first of them.
        """
        moves = step.kind == "moves"
        self.run("SELECT DISTINCT _unchanged FROM {raw} WHERE _unchanged IS NOT NULL")
        masks = [mask for (mask,) in self.cursor.fetchall()]
        left_out = [place for place in self.places if any(mask[place] == "1" for mask in masks)]
        self._refuse_unchanged_key(left_out)
        # A move is a row of its own: what it leaves out can only come from the row under the old key.
        row: list[sql.Composable] = [sql.SQL("_seq")] if moves else [self.typed("c", place) for place in self.key]
        moved = [field("o", place) for place in self.key] if moves else []
        groups = listed(
            sql.SQL(
                "count(*) FILTER (WHERE _unchanged IS NULL OR substr(_unchanged, {}, 1) = '0')"
                " OVER (PARTITION BY {} ORDER BY _seq) AS {}"
            ).format(sql.Literal(place + 1), listed(row), field("g", place))
            for place in left_out
        )
        self.run(
            "CREATE TEMPORARY TABLE sluice_step AS"
            " SELECT _seq + {offset} AS _seq, _op, _began IS NULL AND ({lost}) AS _lost, {values}"
            " FROM (SELECT *, {groups} FROM {raw}) AS c LEFT JOIN {open} ON {same_row}",
            offset=self.offset,
            groups=groups,
            values=listed([*(self._value(place, place in left_out, row) for place in self.places), *moved]),
            same_row=self.same_key(
                lambda place: field("t", place), lambda place: self.typed("o" if moves else "c", place)
            ),
            lost=sql.SQL(" OR ").join(sql.SQL("{} = 0").format(field("g", place)) for place in left_out),
        )
        self.run("SELECT count(*) FROM {step} WHERE _lost")
        if (lost := self.cursor.fetchone()) != (0,):
            raise FatalError(
                f"{(lost or ('?',))[0]} changes of table {self.table.name!r} left a value out as unchanged, but"
                " the row before is not landed.",
                fix=GAP,
            )

    def _value(self, place: int, left_out: bool, row: list[sql.Composable]) -> sql.Composable:
        column = field("c", place)
        if not left_out:
            return sql.SQL("{} AS {}").format(self.typed("c", place), column)
        return sql.SQL(
            "CASE WHEN {group} = 0 THEN {open}"
            " ELSE (first_value({column}) OVER (PARTITION BY {row}, {group} ORDER BY _seq))::{type} END"
            " AS {column}"
        ).format(
            group=field("g", place), open=field("t", place), column=column, row=listed(row), type=self.types[place]
        )

    def _refuse_unchanged_key(self, left_out: list[int]) -> None:
        for place in set(left_out) & set(self.key):
            raise FatalError(
                f"Column {self.table.columns[place].name!r} of table {self.table.name!r} is part of the key, and a"
                " change left it out because the value is stored out of line (TOAST).",
                fix="give the table a REPLICA IDENTITY of short columns.",
            )

    def drop_unchanged(self) -> int:
        """Remove upserts from {step} that equal the row before them, in the step or in the landing table."""
        return self.run(
            "DELETE FROM {step} AS d USING ("
            " SELECT _seq, CASE WHEN _before IS NULL"
            "   THEN _began IS NOT NULL AND ROW({open_fields})::text = _row"
            "   ELSE _before = 'u' AND _row_before = _row END AS same"
            " FROM (SELECT *, lag(_op) OVER w AS _before, lag(_row) OVER w AS _row_before"
            "       FROM (SELECT *, ROW({fields})::text AS _row FROM {step}) AS r"
            "       WINDOW w AS (PARTITION BY {key} ORDER BY _seq)) AS s"
            " LEFT JOIN {open} ON {same} WHERE _op = 'u') AS x WHERE x.same AND d._seq = x._seq",
            same=self.same_key(lambda place: field("t", place), lambda place: field("c", place)),
        )


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
