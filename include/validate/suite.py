"""Expectation suites: read from JSON, checked against the dataset's columns, never written."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from include.core.dimensions import DIMENSIONS
from include.core.errors import FatalError
from include.validate.conditions import condition_columns
from include.validate.quiet import quiet

SEVERITIES: Final = ("critical", "warning", "info")
ROW_COUNT: Final = "expect_table_row_count_to_be_between"
# Parts of a type's name that tell its dimension, the first that is there.
_TELLING: Final = (
    ("uniqueness", ("unique",)),
    ("consistency", ("pair_values", "multicolumn", "other_table", "comparison", "columns_to_match")),
    ("completeness", ("not_be_null", "non_null", "row_count", "column_count", "to_exist", "contain_set")),
    ("accuracy", ("mean", "median", "stdev", "sum", "quantile", "_max_", "_min_", "z_scores", "outliers",
                  "kl_divergence", "most_common")),
)  # fmt: skip
_COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a suite. `row_level` tells rules on rows from rules on the whole table.

    `dimension` is the one of data quality that it measures.
    """

    rule: str
    type: str
    kwargs: Mapping[str, Any]
    severity: str
    row_level: bool
    meta: Mapping[str, Any]
    dimension: str = "validity"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, in the order of its arguments."""
        return tuple(_columns(self.kwargs))


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of expectations; `hash` is the sha256 of their content, whatever the file's layout."""

    name: str
    expectations: tuple[Expectation, ...]
    hash: str


@quiet()
def load_suite(folder: Path, name: str, columns: Sequence[str]) -> Suite:
    """Read `<folder>/<name>.json`, in the form in which Great Expectations stores a suite.

    `columns` are those of the table that will be judged. Raises FatalError, naming rule, value and fix,
    for whatever would make the suite judge less than it says: a missing or broken file, unknown
    expectations, arguments, columns, severities and dimensions, two rules of one name, no critical row count.
    """
    path = folder / f"{name}.json"
    entries = _entries(path)
    expectations = tuple(_expectation(entry, path.name, columns) for entry in entries)
    _refuse_twins(expectations, path.name)
    if not any(e.type == ROW_COUNT and e.severity == "critical" and _bounded(e) for e in expectations):
        raise FatalError(
            f"Suite {path.name} has no critical {ROW_COUNT} with a min_value of at least 1:"
            " an empty table passes every other rule.",
            fix=f"add one, with the fewest rows that {name} may have.",
        )
    return Suite(name, expectations, _hash(entries))


def stored(folder: Path, name: str) -> tuple[str, dict[str, tuple[str, dict[str, Any]]]]:
    """The hash of a suite as it lies there now, and type and arguments of its rules.

    For a suite that a table has been judged by: nothing is checked again, and Great Expectations not loaded.
    """
    entries = _entries(folder / f"{name}.json")
    rules = {(e["meta"] or {}).get("rule") or _default_rule(e["type"], e["kwargs"] or {}): e for e in entries}
    return _hash(entries), {rule: (e["type"], e["kwargs"] or {}) for rule, e in rules.items()}


def _hash(entries: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _entries(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        raise FatalError(f"The suite {path.name} does not exist in {path.parent}.", fix=f"write {path}.")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["expectations"]
        return [{"type": e["type"], "kwargs": {}, "meta": {}, "severity": "critical"} | e for e in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise FatalError(
            f"The suite {path.name} is not a suite in JSON: {type(error).__name__}: {error}.",
            fix='give it a list "expectations" of objects with "type", "kwargs" and "severity".',
        ) from error


def _expectation(entry: dict[str, Any], file: str, columns: Sequence[str]) -> Expectation:
    kind, kwargs, severity = entry["type"], entry["kwargs"] or {}, entry["severity"]
    if severity not in SEVERITIES:
        raise FatalError(
            f"{kind} in suite {file} has the unknown severity {severity!r}.", fix=f"use {', '.join(SEVERITIES)}."
        )
    named = [*_columns(kwargs), *condition_columns(kwargs.get("row_condition"))]
    unknown = [name for name in named if name not in columns]
    if unknown:
        raise FatalError(
            f"{kind} in suite {file} names the unknown column {', '.join(unknown)}.",
            fix=f"use one of {', '.join(columns)}.",
        )
    implementation = _implementation(entry, file)
    meta = entry["meta"] or {}
    rule = meta.get("rule") or _default_rule(kind, kwargs)
    dimension = meta.get("dimension") or default_dimension(kind)
    if dimension not in DIMENSIONS:
        raise FatalError(
            f"{kind} in suite {file} has the unknown dimension {dimension!r}.", fix=f"use {', '.join(DIMENSIONS)}."
        )
    return Expectation(rule, kind, kwargs, severity, _is_row_level(implementation), meta, dimension)


def _implementation(entry: dict[str, Any], file: str) -> type:
    """The class of Great Expectations behind an entry, once it has accepted the entry's arguments."""
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        built = ExpectationConfiguration(type=entry["type"], kwargs=dict(entry["kwargs"] or {})).to_domain_obj()
    except ExpectationNotFoundError:
        raise FatalError(
            f"Suite {file} uses {entry['type']}, which Great Expectations does not know.",
            fix="correct the type; greatexpectations.io/expectations lists all.",
        ) from None
    except (ValueError, TypeError) as error:
        raise FatalError(
            f"{entry['type']} in suite {file} has arguments that do not fit: {error}", fix="correct its kwargs."
        ) from error
    return type(built)


def _is_row_level(implementation: type) -> bool:
    from great_expectations.expectations import core
    from great_expectations.expectations import expectation as gx

    # On a database these two look at the column's declared type, whatever their base class says.
    if issubclass(implementation, core.ExpectColumnValuesToBeOfType | core.ExpectColumnValuesToBeInTypeList):
        return False
    return issubclass(
        implementation, gx.ColumnMapExpectation | gx.ColumnPairMapExpectation | gx.MulticolumnMapExpectation
    )


def _columns(kwargs: Mapping[str, Any]) -> Iterator[str]:
    for argument in _COLUMN_ARGUMENTS:
        value = kwargs.get(argument)
        if value is not None:
            yield from [value] if isinstance(value, str) else value


def _default_rule(kind: str, kwargs: Mapping[str, Any]) -> str:
    for prefix in ("expect_column_values_to_", "expect_column_", "expect_"):
        if kind.startswith(prefix):
            return ": ".join(filter(None, (", ".join(_columns(kwargs)), kind.removeprefix(prefix))))
    return kind


def default_dimension(kind: str) -> str:
    """The dimension that a type of expectation most often measures, where its meta names none.

    That something is timely no type shows: such a rule says so itself.
    """
    named = (dimension for dimension, words in _TELLING if any(word in kind for word in words))
    return next(named, "validity")


def _refuse_twins(expectations: Sequence[Expectation], file: str) -> None:
    names = [e.rule for e in expectations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FatalError(
            f"Suite {file} has two rules named {', '.join(twice)}; a rejected row names its rule.",
            fix='give each its own name: "meta": {"rule": "…"}.',
        )


def _bounded(expectation: Expectation) -> bool:
    return (expectation.kwargs.get("min_value") or 0) >= 1
