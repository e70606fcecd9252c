"""An expectation's `row_condition` (the rows it speaks of) as SQL."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg2 import sql

from include.core.errors import FatalError

# The text form, which Great Expectations calls by these two names.
TEXT: Final = ("great_expectations", "great_expectations__experimental__")
SIGNS: Final = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def as_condition(condition: Any, parser: str | None) -> Any:
    """The condition as an object: one that is given as such, or as text (`col("n") > 1`) that `parser` names.

    Great Expectations reads the text, so both mean the same to it. Raises FatalError for text that it would not
    read, or of which it would read the beginning alone.
    """
    if not isinstance(condition, str):
        return condition
    from great_expectations.expectations.expectation import _convert_string_to_condition
    from great_expectations.expectations.legacy_row_conditions import condition as grammar
    from pyparsing import ParseException

    try:
        if parser not in TEXT:
            raise ValueError(f"condition_parser is {parser!r}, not one of {', '.join(TEXT)}")
        # Great Expectations forgets whatever follows the first comparison.
        grammar.parse_string(condition, parse_all=True)
    except (ParseException, ValueError) as error:
        raise FatalError(
            f"The row_condition {condition!r} cannot be read: {error}.",
            fix='write one comparison, as col("…") >= 1, or the form {"type": "and", "conditions": […]}.',
        ) from error
    return _convert_string_to_condition(condition).dict()


def row_condition_sql(condition: Any) -> sql.Composable:
    """True for the rows that the condition keeps, in the form Great Expectations stores it.

    That is `{"type": "comparison", "column": {"name": …}, "operator": "==", "parameter": …}`, `nullity`
    (`is_null`), and `and`, `or` over a list of `conditions`. Raises FatalError for any other.
    """
    if not isinstance(condition, Mapping) or condition.get("type") not in _KINDS:
        raise FatalError(
            f"The row_condition {condition!r} is not a condition of type {', '.join(_KINDS)}.",
            fix='write {"type": "comparison", "column": {"name": "…"}, "operator": "==", "parameter": …}.',
        )
    return _KINDS[condition["type"]](condition)


def condition_columns(condition: Any) -> list[str]:
    """The columns that a condition reads."""
    if not isinstance(condition, Mapping):
        return []
    if "conditions" in condition:
        return [name for part in condition["conditions"] for name in condition_columns(part)]
    return [_name(condition)]


def _name(condition: Mapping[str, Any]) -> str:
    column = condition["column"]
    return column["name"] if isinstance(column, Mapping) else str(column)


def _comparison(condition: Mapping[str, Any]) -> sql.Composable:
    column, operator, value = sql.Identifier(_name(condition)), condition["operator"], condition["parameter"]
    if operator in {"IN", "NOT_IN"}:
        # An empty list holds no value, so IN keeps no row and NOT IN every one.
        inside: sql.Composable = sql.SQL("FALSE")
        if value:
            inside = sql.SQL("{} IN ({})").format(column, sql.SQL(", ").join(map(sql.Literal, value)))
        return inside if operator == "IN" else sql.SQL("NOT ({})").format(inside)
    return sql.SQL("{} " + SIGNS[operator] + " {}").format(column, sql.Literal(value))


def _nullity(condition: Mapping[str, Any]) -> sql.Composable:
    sign = "IS NULL" if condition["is_null"] else "IS NOT NULL"
    return sql.SQL("{} " + sign).format(sql.Identifier(_name(condition)))


def _joined(condition: Mapping[str, Any]) -> sql.Composable:
    word = f" {condition['type'].upper()} "
    return sql.SQL("({})").format(sql.SQL(word).join(row_condition_sql(part) for part in condition["conditions"]))


_KINDS: Final = {"comparison": _comparison, "nullity": _nullity, "and": _joined, "or": _joined}
