"""Rows whose values are in another row too: the values that there are several times, and a join with them.

The values are sought once, in a sort of their own columns alone, and written down: they are few, so that the scan
of whole rows joins them in memory, in parallel. A window function in that scan would sort whole rows instead.
"""

import hashlib

from psycopg2 import sql

from include.validate.parts import Arguments, Rows, all_of

# Reserved: no dataset column begins with an underscore, so these can never mean a column.
CANDIDATE = sql.SQL("_candidate")


def repeated(kwargs: Arguments, rows: Rows) -> sql.Composable:
    """Every row of a repeated value is bad, not only the second one: nobody knows which is right."""
    return sql.SQL("{}._1 IS NOT NULL").format(sql.Identifier(repeats_table(kwargs, rows)))


def repeats_table(kwargs: Arguments, rows: Rows) -> str:
    """The name of the values' table in `staging`: rules on the same columns of the same rows share one."""
    about = repr((_names(kwargs), rows))
    return "_repeats_" + hashlib.sha256(about.encode()).hexdigest()[:16]


def write_repeats(kwargs: Arguments, rows: Rows) -> sql.Composable:
    """Writes the values that several of `rows` hold; one with a NULL in it is no value."""
    columns = [sql.Identifier(name) for name in _names(kwargs)]
    names = {"columns": sql.SQL(", ").join(columns), "table": rows.table, "where": rows.where}
    before = sql.SQL("{0} = lag({0}) OVER ordered")
    return sql.SQL(
        "CREATE UNLOGGED TABLE {name} AS SELECT DISTINCT {values} FROM (SELECT {columns}, {again} AS _again"
        " FROM {table} WHERE {where} AND {present} WINDOW ordered AS (ORDER BY {columns})) AS sorted WHERE _again"
    ).format(
        name=sql.Identifier("staging", repeats_table(kwargs, rows)),
        values=sql.SQL(", ").join(map(sql.SQL("{} AS {}").format, columns, _places(columns))),
        again=all_of(before.format(column) for column in columns),
        present=all_of(sql.SQL("{} IS NOT NULL").format(column) for column in columns),
        **names,
    )


def join_repeats(kwargs: Arguments, rows: Rows) -> sql.Composable:
    """The join of `_candidate` with the values' table."""
    columns = [sql.Identifier(name) for name in _names(kwargs)]
    name = repeats_table(kwargs, rows)
    same = (
        sql.SQL("{}.{} = {}.{}").format(sql.Identifier(name), place, CANDIDATE, column)
        for place, column in zip(_places(columns), columns, strict=True)
    )
    return sql.SQL("LEFT JOIN {} ON {}").format(sql.Identifier("staging", name), all_of(same))


def _names(kwargs: Arguments) -> list[str]:
    return [kwargs["column"]] if "column" in kwargs else list(kwargs["column_list"])


def _places(columns: list[sql.Identifier]) -> list[sql.Composable]:
    return [sql.SQL(f"_{number}") for number in range(1, len(columns) + 1)]
