"""Expectation suites: read from JSON, checked against the dataset's columns, never written."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from include.core.dimensions import DIMENSIONS
from include.core.errors import FatalError
from include.validate.conditions import as_condition, condition_columns
from include.validate.quiet import quiet
from include.validate.scope import is_counted_in_sql, why_whole

SEVERITIES: Final = ("critical", "warning", "info")
ROW_COUNT: Final = "expect_table_row_count_to_be_between"
# What a value is compared with.
_VALUES: Final = ("min_value", "max_value", "value_set", "value_pairs_set", "sum_total")
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

    `whole` says in words why it is none on rows. A `row_condition` is an object here, however the suite has it.
    `dimension` is the one of data quality that it measures.
    """

    rule: str
    type: str
    kwargs: Mapping[str, Any]
    severity: str
    row_level: bool
    meta: Mapping[str, Any]
    whole: str | None = None
    read: Mapping[str, Any] = field(default_factory=dict)
    dimension: str = "validity"

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The kwargs as Great Expectations reads them: text that looks like a date or a time is one to it."""
        return {**self.kwargs, **self.read}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, in the order of its arguments."""
        return tuple(_columns(self.kwargs))


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of expectations; `hash` is the sha256 of their `content`, whatever the file's layout."""

    name: str
    expectations: tuple[Expectation, ...]
    hash: str
    content: str


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
    content = _content(entries)
    return Suite(name, expectations, _hash(content), content)


def stored(folder: Path, name: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The hash of a suite as it lies there now, and the arguments of its rules.

    For a suite that a table has been judged by: nothing is checked again, and Great Expectations not loaded.
    """
    entries = _entries(folder / f"{name}.json")
    rules = {(e["meta"] or {}).get("rule") or _default_rule(e["type"], e["kwargs"] or {}): e for e in entries}
    return _hash(_content(entries)), {rule: e["kwargs"] or {} for rule, e in rules.items()}


def _content(entries: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(entries, sort_keys=True, ensure_ascii=False)


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


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
    built = _built(entry, file)
    if kwargs.get("row_condition") is not None:
        # Great Expectations deprecates the text, and the name of the language it is in.
        condition = as_condition(kwargs["row_condition"], kwargs.get("condition_parser"))
        kwargs = {k: v for k, v in kwargs.items() if k != "condition_parser"} | {"row_condition": condition}
    named = [*_columns(kwargs), *condition_columns(kwargs.get("row_condition"))]
    unknown = [name for name in named if name not in columns]
    if unknown:
        raise FatalError(
            f"{kind} in suite {file} names the unknown column {', '.join(unknown)}.",
            fix=f"use one of {', '.join(columns)}.",
        )
    whole = why_whole(type(built))
    if whole is None and not is_counted_in_sql(type(built)):
        raise FatalError(
            f"{kind} in suite {file} has no SQL: Great Expectations judges it on data frames alone.",
            fix="use a regular expression or a set, or judge the value where the record enters.",
        )
    meta = entry["meta"] or {}
    rule = meta.get("rule") or _default_rule(kind, kwargs)
    dimension = meta.get("dimension") or default_dimension(kind)
    if dimension not in DIMENSIONS:
        raise FatalError(
            f"{kind} in suite {file} has the unknown dimension {dimension!r}.", fix=f"use {', '.join(DIMENSIONS)}."
        )
    read = {name: getattr(built, name) for name in _VALUES if name in kwargs}
    return Expectation(rule, kind, kwargs, severity, whole is None, meta, whole, read, dimension)


def _built(entry: dict[str, Any], file: str) -> Any:
    """What Great Expectations makes of an entry, once it has accepted the entry's arguments."""
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(type=entry["type"], kwargs=dict(entry["kwargs"] or {})).to_domain_obj()
    except ExpectationNotFoundError:
        raise FatalError(
            f"Suite {file} uses {entry['type']}, which Great Expectations does not know.",
            fix="correct the type; greatexpectations.io/expectations lists all.",
        ) from None
    except (ValueError, TypeError) as error:
        raise FatalError(
            f"{entry['type']} in suite {file} has arguments that do not fit: {error}", fix="correct its kwargs."
        ) from error


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
