"""A suite from data: rules that a batch keeps, in Great Expectations' own JSON, for a person to edit.

What the batch shows of all rows is critical: its types, keys, sets, what is never missing. What it only suggests
(how far numbers go, how words look, how much may be missing) is a warning, until somebody who knows says more.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from include.specs import Dataset
from include.validate.quiet import quiet
from include.warehouse.profile import Profile, pattern

Entry = dict[str, Any]

# A column of few words, each of which many rows hold, is a set.
MOST_IN_SET: Final = 30
ROWS_A_WORD: Final = 5
# Numbers may go beyond what was seen by a tenth of its range, missing values by half of their share and a point.
BEYOND: Final = 0.1
_WHOLE = ("smallint", "integer", "bigint")


@quiet()
def proposal(dataset: Dataset, profiles: Mapping[str, Profile]) -> dict[str, Any]:
    """The suite of a batch with these profiles: what Great Expectations would write of it."""
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    rows = max((profile.summary.rows for profile in profiles.values()), default=0)
    entries = [_enough(rows)]
    for column, profile in profiles.items():
        entries += _rules(dataset, column, profile)
    suite = gx.ExpectationSuite(
        name=dataset.name,
        expectations=[ExpectationConfiguration(**entry).to_domain_obj() for entry in entries],
    )
    written: dict[str, Any] = suite.to_json_dict()
    # It makes doubles of whole numbers.
    expectations = [
        dict(e) | {"kwargs": entry["kwargs"]} for e, entry in zip(written["expectations"], entries, strict=True)
    ]
    return written | {"expectations": expectations, "meta": {"great_expectations_version": gx.__version__}}


def _rules(dataset: Dataset, column: str, profile: Profile) -> Iterator[Entry]:
    summary = profile.summary
    present = summary.rows - summary.nulls
    if not present:
        return
    kind = "expect_column_values_to_be_of_type"
    yield _entry(kind, column, "type", "validity", "critical", type_=_spelt(profile.type))
    yield _missing(column, summary.nulls, summary.rows, needed=column in {dataset.key, dataset.label})
    unique = column == dataset.key or _is_key(dataset, column, profile, present)
    if unique:
        severity = "critical" if column == dataset.key else "warning"
        yield _entry("expect_column_values_to_be_unique", column, "unique", "uniqueness", severity)
    if summary.kind == "number":
        # Numbers that name something go on and on; how far they have come says nothing.
        if not unique and column != dataset.group:
            yield from _range(column, profile)
    elif column != dataset.key:
        yield from _form(dataset, column, profile, present)


def _spelt(kind: str) -> str:
    """A type of Postgres as SQLAlchemy, and so Great Expectations, spells it."""
    short = kind.replace("character varying", "varchar").replace("character(", "char(")
    return short.replace(",", ", ").upper()


def _enough(rows: int) -> Entry:
    return _entry(
        "expect_table_row_count_to_be_between", "", "enough_rows", "completeness", "critical",
        min_value=max(1, rows // 2),
    )  # fmt: skip


def _missing(column: str, nulls: int, rows: int, *, needed: bool) -> Entry:
    """Never, if none is missing (or none may be); else a share that leaves room for half as many more."""
    kind, rule = "expect_column_values_to_not_be_null", "present"
    if not nulls or needed:
        return _entry(kind, column, rule, "completeness", "critical")
    mostly = max(math.floor((1 - 1.5 * nulls / rows - 0.01) * 100) / 100, 0.0)
    return _entry(kind, column, rule, "completeness", "warning", mostly=mostly)


def _is_key(dataset: Dataset, column: str, profile: Profile, present: int) -> bool:
    """Whether no value is seen twice, in a column that is neither a measure nor a time."""
    plain = column not in dataset.numeric and (profile.summary.kind == "word" or profile.type in _WHOLE)
    return plain and profile.different == present >= 4 * ROWS_A_WORD


def _range(column: str, profile: Profile) -> Iterator[Entry]:
    moments, odd = profile.summary.moments, sum(profile.summary.odd.values())
    if moments.low is None or moments.high is None:
        return
    kind, rule = "expect_column_values_to_be_between", "in_range"
    if profile.type.startswith(("date", "timestamp")):
        yield _entry(kind, column, rule, "timeliness", "warning", min_value=_day(moments.low, profile.type))
        return
    margin = BEYOND * (moments.high - moments.low)
    low, high = moments.low - margin, moments.high + margin
    # What was never negative (or positive) is likely to stay so.
    low = 0.0 if moments.low >= 0 > low else low
    high = 0.0 if moments.high <= 0 < high else high
    bounds: dict[str, Any] = {"min_value": _outward(low, -1), "max_value": _outward(high, 1)}
    if profile.type in _WHOLE:
        bounds = {name: int(math.floor(low) if name == "min_value" else math.ceil(high)) for name in bounds}
    if odd:
        bounds["mostly"] = math.floor((1 - 1.5 * odd / (odd + moments.count)) * 100) / 100
    yield _entry(kind, column, rule, "validity", "warning", **bounds)


def _outward(number: float, sign: int) -> float:
    """Three digits of a number, rounded away from what lies between the bounds."""
    if not number:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(number))) - 2)
    return float(f"{sign * math.ceil(sign * number / step) * step:.6g}")


def _day(seconds: float, kind: str) -> str:
    """The day of a time, as the suite's JSON spells it."""
    day = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=math.floor(seconds / 86_400))
    if kind == "date":
        return day.date().isoformat()
    return day.isoformat() if kind == "timestamp with time zone" else day.replace(tzinfo=None).isoformat()


def _form(dataset: Dataset, column: str, profile: Profile, present: int) -> Iterator[Entry]:
    """A set of words, or how words look, or how long they are."""
    named, role = profile.summary.named, column == dataset.label or column in dataset.categorical
    few = profile.different <= MOST_IN_SET and present >= ROWS_A_WORD * profile.different
    if few and (role or profile.type.startswith(("text", "character", "boolean"))):
        values = [_value(word, profile.type) for word in named]
        kind = "expect_column_values_to_be_in_set"
        yield _entry(kind, column, "known", "validity", "critical", value_set=values)
    elif profile.type.startswith(("text", "character")):
        if profile.shapes and (regex := pattern(profile.shapes)):
            kind = "expect_column_values_to_match_regex"
            yield _entry(kind, column, "form", "validity", "warning", regex=regex)
        elif profile.lengths:
            low, high = profile.lengths
            bounds = {"min_value": low // 2 or min(low, 1), "max_value": 2 * high}
            kind = "expect_column_value_lengths_to_be_between"
            yield _entry(kind, column, "length", "validity", "warning", **bounds)


def _value(word: str, kind: str) -> Any:
    """A value of a set as JSON has it."""
    if kind == "boolean":
        return word == "true"
    if kind in _WHOLE:
        return int(word)
    return float(word) if kind.startswith(("numeric", "double", "real")) else word


def _entry(kind: str, column: str, rule: str, dimension: str, severity: str, **kwargs: Any) -> Entry:
    named = f"{column}_{rule}" if column else rule
    return {
        "type": kind, "kwargs": ({"column": column} if column else {}) | kwargs,
        "meta": {"rule": named, "dimension": dimension}, "severity": severity,
    }  # fmt: skip
