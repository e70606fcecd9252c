"""Which Arrow type holds a column's values exactly: one chosen by the type, and by the values where it must be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.publish.contents import Column

if TYPE_CHECKING:
    import pyarrow as pa

# Postgres' names of the types whose every value Arrow's has too.
SAME = {
    "boolean": "bool",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float",
    "double precision": "double",
    "text": "string",
    "bytea": "binary",
}
# Those that also know infinity, which Arrow's do not.
MOMENTS = {
    "date": "date32",
    "timestamp without time zone": "timestamp[us]",
    "timestamp with time zone": "timestamp[us, tz=UTC]",
}
# Digits that a decimal of Arrow may have: 38 everywhere, 76 where a reader knows the wide one.
DECIMAL, WIDE_DECIMAL = 38, 76


@dataclass(frozen=True, slots=True)
class Reading:
    """A column of the files, and the expression that reads it."""

    column: Column
    select: sql.Composable


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column's values ask for: digits before and after the point, and whether some have no such form."""

    whole: int = 0
    scale: int = 0
    odd: bool = False


def readings(cursor: Cursor, table: str, types: Mapping[str, str], *, floats: bool = False) -> tuple[Reading, ...]:
    """How each column of `datasets.<table>` is read; `types` are Postgres' own, by column.

    A numeric column becomes a decimal that holds all its digits, or with `floats` the nearest doubles. Where no
    Arrow type holds every value of a column (NaN among decimals, infinity among times, lists of lists), it becomes
    text: exact, never rounded.
    """
    asked = {name: kind for name, kind in types.items() if not (floats and _is_numeric(kind))}
    measured = dict(_measured(cursor, table, asked))
    return tuple(
        _reading(name, kind, measured.get(name, Measure()))
        if name in asked
        else Reading(Column(name, kind, "double"), _read_as(name, "float8"))
        for name, kind in types.items()
    )


def arrow_type(name: str) -> "pa.DataType":
    """The type of that name, as `str()` of it spells it."""
    import pyarrow as pa

    if name.startswith("list<"):
        return pa.list_(arrow_type(name.removeprefix("list<").removesuffix(">")))
    if name.startswith("decimal"):
        bits, digits, scale = name.replace("(", ",").rstrip(")").split(",")
        return (pa.decimal128 if bits == "decimal128" else pa.decimal256)(int(digits), int(scale))
    if name.startswith("timestamp"):
        return pa.timestamp("us", "UTC" if "UTC" in name else None)
    return pa.type_for_alias(name)


def _reading(name: str, kind: str, measured: Measure) -> Reading:
    arrow, cast = _chosen(kind, measured)
    return Reading(Column(name, kind, arrow), _read_as(name, cast) if cast else sql.Identifier(name))


def _read_as(name: str, cast: str) -> sql.Composable:
    return sql.SQL("{0}::{1} AS {0}").format(sql.Identifier(name), sql.SQL(cast))


def _chosen(kind: str, measured: Measure) -> tuple[str, str]:
    """Arrow's type, and the type to read as where that is another; `cast` is one of our own words."""
    if kind in SAME:
        return SAME[kind], ""
    if measured.odd:
        return "string", "text"
    if kind in MOMENTS:
        return MOMENTS[kind], ""
    if _is_numeric(kind):
        scale = max(measured.scale, _declared_scale(kind))
        bits, room = (128, DECIMAL) if measured.whole + scale <= DECIMAL else (256, WIDE_DECIMAL)
        return (f"decimal{bits}({room}, {scale})" if measured.whole + scale <= room else "string"), "text"
    if kind.endswith("[]"):
        element = SAME.get(kind.removesuffix("[]"))
        return (f"list<{element}>", "") if element else ("list<string>", "text[]")
    return "string", "text"


def _measured(cursor: Cursor, table: str, types: Mapping[str, str]) -> Iterator[tuple[str, Measure]]:
    """The columns whose type does not tell, measured in one scan."""
    asked = {name: expressions for name, kind in types.items() if (expressions := _expressions(kind))}
    if not asked:
        return
    parts = [
        sql.SQL(expression).format(c=sql.Identifier(name))
        for name, expressions in asked.items()
        for expression in expressions
    ]
    cursor.execute(sql.SQL("SELECT {} FROM datasets.{}").format(sql.SQL(", ").join(parts), sql.Identifier(table)))
    found: tuple[Any, ...] = cursor.fetchone() or ()
    for place, name in enumerate(asked):
        whole, scale, odd = found[place * 3 : place * 3 + 3]
        yield name, Measure(int(whole or 0), int(scale or 0), bool(odd))


def _expressions(kind: str) -> tuple[str, str, str] | None:
    if _is_numeric(kind):
        strange = "{c}::text IN ('NaN', 'Infinity', '-Infinity')"
        return (
            f"max(length(trunc(abs({{c}}))::text)) FILTER (WHERE NOT {strange})",
            "max(scale({c}))",
            f"bool_or({strange})",
        )
    if kind in MOMENTS:
        return "0", "0", "bool_or(NOT isfinite({c}))"
    if kind.endswith("[]"):
        return "0", "0", "bool_or(array_ndims({c}) > 1)"
    return None


def _declared_scale(kind: str) -> int:
    """2 for numeric(8,2): a column that holds no digits after the point yet has the type of one that does."""
    return int(kind.rstrip(")").rpartition(",")[2]) if "," in kind else 0


def _is_numeric(kind: str) -> bool:
    return kind == "numeric" or kind.startswith("numeric(")
