"""What makes a row bad: for each row-level expectation one SQL predicate, exact in every NULL.

Each predicate follows the SQL that Great Expectations counts with, so that the rows found are the rows
counted. Column expectations skip NULLs (but for the two on NULL itself); pairs and lists of columns skip
the rows that `ignore_row_if` names, and otherwise let SQL's three-valued logic decide. `Rows` is the part
of the table that is judged: the whole, or what `row_condition` and `ignore_row_if` leave. What compares a
value with the column's own spread is in outliers.py, what looks for its like in other rows in repeats.py.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from psycopg2 import sql

from include.core.errors import FatalError
from include.validate.conditions import row_condition_sql
from include.validate.outliers import far_from_mean, far_from_the_rest
from include.validate.parts import Arguments, Rows, all_of, any_of
from include.validate.repeats import repeated, repeats_table
from include.validate.scope import UNTOLD
from include.validate.suite import Expectation, Suite

# A predicate gets the expectation's arguments and the rows that are judged at all.
Predicate = Callable[[Arguments, Rows], sql.Composable]

NEVER: Final = sql.SQL("FALSE")
ALWAYS: Final = sql.SQL("TRUE")


def judged_whole(expectation: Expectation) -> str | None:
    """Why the bad rows of the expectation are not named; None if they are."""
    return expectation.whole or (None if expectation.type in PREDICATES else UNTOLD)


def bad_row_sql(expectation: Expectation, table: sql.Composable) -> sql.Composable:
    """The predicate that is true for exactly the rows of `table` that break the expectation; else false or NULL.

    It stands where `table AS _candidate` is joined with its `repeats`. Raises FatalError for a type that has none.
    """
    predicate = PREDICATES.get(expectation.type)
    if predicate is None:
        raise FatalError(
            f"{expectation.rule} ({expectation.type}) is critical, but its bad rows cannot be told apart in SQL.",
            fix="lower its severity to warning, or use one of " + ", ".join(sorted(PREDICATES)) + ".",
        )
    rows = Rows(table, _domain(expectation))
    return sql.SQL("(({}) AND ({}))").format(rows.where, predicate(expectation.arguments, rows))


def repeats(expectations: Sequence[Expectation], table: sql.Composable) -> dict[str, tuple[Arguments, Rows]]:
    """What the predicates of the expectations need to know of repeated values, each once, by its table's name."""
    sought = [(e.kwargs, Rows(table, _domain(e))) for e in expectations if PREDICATES.get(e.type) is repeated]
    return {repeats_table(*one): one for one in sought}


def refuse_untold(suite: Suite) -> None:
    """Raise FatalError if a critical row-level rule of the suite could not name its bad rows."""
    for expectation in suite.expectations:
        if expectation.row_level and expectation.severity == "critical":
            bad_row_sql(expectation, sql.Identifier(suite.name))


def _domain(expectation: Expectation) -> sql.Composable:
    """The rows that the expectation speaks of."""
    kwargs, columns = expectation.kwargs, [sql.Identifier(name) for name in expectation.columns]
    parts = [row_condition_sql(kwargs["row_condition"])] if kwargs.get("row_condition") else []
    if "column" not in kwargs:
        pair = "column_A" in kwargs
        ignored = kwargs.get("ignore_row_if") or ("both_values_are_missing" if pair else "all_values_are_missing")
        if ignored in {"either_value_is_missing", "any_value_is_missing"}:
            parts += [sql.SQL("{} IS NOT NULL").format(column) for column in columns]
        elif ignored in {"both_values_are_missing", "all_values_are_missing"}:
            parts.append(any_of(sql.SQL("{} IS NOT NULL").format(column) for column in columns))
    return all_of(parts) if parts else ALWAYS


def _column(kwargs: Arguments) -> sql.Composable:
    return sql.Identifier(kwargs["column"])


def _list(kwargs: Arguments) -> list[sql.Identifier]:
    return [sql.Identifier(name) for name in kwargs["column_list"]]


def _pair(kwargs: Arguments) -> tuple[sql.Identifier, sql.Identifier]:
    return sql.Identifier(kwargs["column_A"]), sql.Identifier(kwargs["column_B"])


def _is_null(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return sql.SQL("{} IS NULL").format(_column(kwargs))


def _is_not_null(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return sql.SQL("{} IS NOT NULL").format(_column(kwargs))


def _between(subject: sql.Composable, kwargs: Arguments) -> sql.Composable:
    """NOT (min <= subject <= max). NaN is above every number in Postgres, so an upper bound catches it."""
    parts = []
    for bound, strict, plain in (("min_value", ">", ">="), ("max_value", "<", "<=")):
        if kwargs.get(bound) is not None:
            sign = strict if kwargs.get(f"strict_{bound[:3]}") else plain
            parts.append(sql.SQL("{} " + sign + " {}").format(subject, sql.Literal(_plain(kwargs[bound]))))
    return sql.SQL("NOT {}").format(all_of(parts))


def _plain(bound: Any) -> Any:
    """A whole number as an integer: Great Expectations makes 1.0 of 1, for which Postgres would make a numeric of
    every integer that it compares."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _outside(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return _between(_column(kwargs), kwargs)


def _length(kwargs: Arguments) -> sql.Composable:
    return sql.SQL("length({})").format(_column(kwargs))


def _length_outside(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return _between(_length(kwargs), kwargs)


def _other_length(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return sql.SQL("{} <> {}").format(_length(kwargs), sql.Literal(kwargs["value"]))


def _in(column: sql.Composable, values: Sequence[Any]) -> sql.Composable:
    known = [sql.Literal(value) for value in values if value is not None]
    return sql.SQL("{} IN ({})").format(column, sql.SQL(", ").join(known)) if known else NEVER


def _not_in_set(kwargs: Arguments, rows: Rows) -> sql.Composable:
    if kwargs["value_set"] is None:
        return NEVER
    column = _column(kwargs)
    return sql.SQL("{} IS NOT NULL AND NOT ({})").format(column, _in(column, kwargs["value_set"]))


def _in_set(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return _in(_column(kwargs), kwargs["value_set"] or ())


def _matches(kwargs: Arguments, one: str, several: str) -> list[sql.Composable]:
    """One match a pattern: `~` for regular expressions, LIKE (with its escape) for the others."""
    patterns = [kwargs[one]] if one in kwargs else kwargs[several]
    sign = "~" if "regex" in one else "LIKE"
    escape: sql.Composable = sql.SQL("")
    if kwargs.get("escape") is not None:
        escape = sql.SQL(" ESCAPE {}").format(sql.Literal(kwargs["escape"]))
    return [
        sql.SQL("{} " + sign + " {}{}").format(_column(kwargs), sql.Literal(pattern), escape)
        for pattern in patterns
    ]


def _unmatched(one: str, several: str) -> Predicate:
    def predicate(kwargs: Arguments, _rows: Rows) -> sql.Composable:
        combine = all_of if kwargs.get("match_on") == "all" else any_of
        return sql.SQL("NOT {}").format(combine(_matches(kwargs, one, several)))

    return predicate


def _matched(one: str, several: str) -> Predicate:
    def predicate(kwargs: Arguments, _rows: Rows) -> sql.Composable:
        return any_of(_matches(kwargs, one, several))

    return predicate


def _pair_differs(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    """A missing value equals nothing, not even another missing one."""
    return sql.SQL("({} = {}) IS NOT TRUE").format(*_pair(kwargs))


def _not_greater(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    sign = "<" if kwargs.get("or_equal") else "<="
    return sql.SQL("{} " + sign + " {}").format(*_pair(kwargs))


def _pair_not_in_set(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    if not kwargs["value_pairs_set"]:
        return NEVER
    pairs = [
        all_of(_equals(column, value) for column, value in zip(_pair(kwargs), values, strict=True))
        for values in kwargs["value_pairs_set"]
    ]
    return sql.SQL("NOT {}").format(any_of(pairs))


def _equals(column: sql.Composable, value: Any) -> sql.Composable:
    if value is None:
        return sql.SQL("{} IS NULL").format(column)
    return sql.SQL("{} = {}").format(column, sql.Literal(value))


def _repeated_within(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    same = sql.SQL("({0} = {1} OR ({0} IS NULL AND {1} IS NULL))")
    return any_of(same.format(a, b) for a, b in combinations(_list(kwargs), 2))


def _other_sum(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    return sql.SQL("{} <> {}").format(sql.SQL(" + ").join(_list(kwargs)), sql.Literal(kwargs["sum_total"]))


def _differing(kwargs: Arguments, _rows: Rows) -> sql.Composable:
    first, *others = _list(kwargs)
    return any_of([sql.SQL("{} IS DISTINCT FROM {}").format(first, other) for other in others] or [NEVER])


REGEX: Final = ("regex", "regex_list")
LIKE: Final = ("like_pattern", "like_pattern_list")

PREDICATES: Final[Mapping[str, Predicate]] = {
    "expect_column_values_to_not_be_null": _is_null,
    "expect_column_values_to_be_null": _is_not_null,
    "expect_column_values_to_be_unique": repeated,
    "expect_column_values_to_be_between": _outside,
    "expect_column_values_to_be_in_set": _not_in_set,
    "expect_column_values_to_not_be_in_set": _in_set,
    "expect_column_values_to_match_regex": _unmatched(*REGEX),
    "expect_column_values_to_not_match_regex": _matched(*REGEX),
    "expect_column_values_to_match_regex_list": _unmatched(*REGEX),
    "expect_column_values_to_not_match_regex_list": _matched(*REGEX),
    "expect_column_values_to_match_like_pattern": _unmatched(*LIKE),
    "expect_column_values_to_not_match_like_pattern": _matched(*LIKE),
    "expect_column_values_to_match_like_pattern_list": _unmatched(*LIKE),
    "expect_column_values_to_not_match_like_pattern_list": _matched(*LIKE),
    "expect_column_values_to_not_be_outliers": far_from_the_rest,
    "expect_column_value_z_scores_to_be_less_than": far_from_mean,
    "expect_column_value_lengths_to_be_between": _length_outside,
    "expect_column_value_lengths_to_equal": _other_length,
    "expect_column_pair_values_to_be_equal": _pair_differs,
    "expect_column_pair_values_a_to_be_greater_than_b": _not_greater,
    "expect_column_pair_values_to_be_in_set": _pair_not_in_set,
    "expect_compound_columns_to_be_unique": repeated,
    "expect_select_column_values_to_be_unique_within_record": _repeated_within,
    "expect_multicolumn_sum_to_equal": _other_sum,
    "expect_multicolumn_values_to_be_equal": _differing,
}
