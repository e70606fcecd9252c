"""Rows that lie too far from the rest of their column, by the figures that Great Expectations takes.

It reads them as floats, leaves out what is NULL or not finite, and writes them into its next query with all
their digits; so does a subselect here, once a query. A figure that there is not makes no row bad. The mean
and the spread of a float column are sums in the order in which rows are read: between two parallel scans the
last digit may differ, and a row exactly at the limit be counted by one alone, which is refused as two counts.
"""

from psycopg2 import sql

from include.validate.parts import Arguments, Rows

# The shortest decimal that reads back as the same float, as Python writes it.
_WRITTEN = sql.SQL("({})::float8::text::numeric")
_FIGURES = sql.SQL("(SELECT {} FROM {} WHERE ({}) AND {} IS NOT NULL)")


def far_from_mean(kwargs: Arguments, rows: Rows) -> sql.Composable:
    """NOT z < threshold, where z = (x - mean) / sample standard deviation, or its size if double_sided."""
    column = sql.Identifier(kwargs["column"])
    mean = _figure(rows, column, "avg(1.0 * {})")
    spread = _figure(rows, column, "nullif(stddev_samp({}), 0)")
    score = sql.SQL("(({} - {}) / {})").format(column, mean, _known(spread))
    threshold = kwargs["threshold"]
    if kwargs.get("double_sided"):
        score, threshold = sql.SQL("abs({})").format(score), abs(threshold)
    return sql.SQL("NOT ({} < {})").format(score, sql.Literal(threshold))


def far_from_the_rest(kwargs: Arguments, rows: Rows) -> sql.Composable:
    """Beyond the quartiles by more than `multiplier` times their distance, or so many deviations off the mean."""
    column, factor = sql.Identifier(kwargs["column"]), sql.Literal(float(kwargs.get("multiplier", 1.5)))
    if kwargs.get("method", "iqr") == "iqr":
        low, high = (
            _figure(rows, column, f"percentile_cont({share}) WITHIN GROUP (ORDER BY {{}})")
            for share in (0.25, 0.75)
        )
        reach = sql.SQL("{}::float8 * ({}::float8 - {}::float8)").format(factor, high, low)
        limits = (
            _WRITTEN.format(sql.SQL("{}::float8 {} ({})").format(quartile, sign, reach))
            for quartile, sign in ((low, sql.SQL("-")), (high, sql.SQL("+")))
        )
        return sql.SQL("NOT ({0} >= {1} AND {0} <= {2})").format(column, *limits)
    mean = _figure(rows, column, "avg({}::float8)")
    spread = _figure(rows, column, "stddev_samp({}::float8)")
    reach = _WRITTEN.format(sql.SQL("{}::float8 * {}::float8").format(factor, spread))
    # A value at the limit is an outlier, but for a column whose values are all the same.
    return sql.SQL("NOT CASE WHEN {2} <= 0 THEN {0} = {1} ELSE abs({0} - {1}) < {2} END").format(
        column, mean, reach
    )


def _figure(rows: Rows, column: sql.Identifier, aggregate: str) -> sql.Composable:
    """The figure, written; NULL if it is not finite."""
    taken = _FIGURES.format(sql.SQL(aggregate).format(column), rows.table, rows.where, column)
    return _WRITTEN.format(_known(taken))


def _known(figure: sql.Composable) -> sql.Composable:
    return sql.SQL("nullif(nullif(nullif({}::float8, 'NaN'), 'Infinity'), '-Infinity')").format(figure)
