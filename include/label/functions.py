"""Labeling functions: rules over whole columns, each of which votes for a class or abstains, row by row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
import pandas as pd  # noqa: TID253

from include.core.errors import FatalError
from include.label.answers import failing_row, unknown, votes_of, votes_where
from include.label.vote_matrix import ABSTAIN, VoteMatrix
from include.specs.rules import Coded, Keyword, Regex, Sql


@runtime_checkable
class RowWise(Protocol):
    """A labeling function as Snorkel has it: called with one row (a Series), answers a class' place or -1."""

    name: str

    def __call__(self, row: Any, /) -> int: ...


@dataclass(frozen=True, slots=True)
class LabelingFunction:
    """`vote` is called with the columns that it reads (Series), or with the whole frame if it names none.

    It returns one answer a row: with `label` a truth value (true votes `label`), else names of classes with None
    for abstaining, or int places of classes with -1 for abstaining.
    """

    name: str
    vote: Callable[..., Any] = field(repr=False)
    columns: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted classifier as a labeling function: votes for its likeliest class, if that is at least so likely.

    `classifier` has scikit-learn's `predict_proba` and `classes_`. It is given the frame of `columns`, or the one
    column alone if there is one, as scikit-learn's text vectorisers want it.
    """

    name: str
    classifier: Any
    columns: tuple[str, ...]
    threshold: float = 0.5


OverColumns = LabelingFunction | Model | Keyword | Regex | Sql
Rule = OverColumns | Coded | RowWise


def labeling_function(
    *columns: str, name: str | None = None, label: str | None = None
) -> Callable[[Callable[..., Any]], LabelingFunction]:
    """Make a vectorised function a labeling function: `@labeling_function("text", label="pos")`."""
    return lambda vote: LabelingFunction(name or str(vote.__name__), vote, columns, label)


def apply(
    rules: Sequence[Rule],
    frame: Any,
    classes: Sequence[str],
    *,
    key: str,
    matches: dict[str, np.ndarray] | None = None,
) -> VoteMatrix:
    """Votes of m rules on the n rows of a pandas frame or pyarrow table, (n, m).

    `key` is the column that errors name rows by. `matches` has for each Sql rule where it is true, (n,) bool:
    see `sql_rules.matches`. Raises FatalError if a rule fails: a rule that is out of order is never taken for one
    that abstains.
    """
    table = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    known = [_resolved(rule) for rule in rules]
    names = tuple(rule.name for rule in known)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FatalError(f"Two labeling functions are called {twice[0]!r}.", fix="give each a name of its own.")
    _need("the key", table, (key,))
    votes = np.full((len(table), len(known)), ABSTAIN, dtype=np.int8)
    by_row = {place: rule for place, rule in enumerate(known) if not isinstance(rule, OverColumns)}
    for place, rule in enumerate(known):
        if isinstance(rule, OverColumns):
            votes[:, place] = _votes(rule, table, tuple(classes), key, matches or {})
    if by_row:
        votes[:, list(by_row)] = _votes_by_row(list(by_row.values()), table, tuple(classes), key)
    return VoteMatrix(names, tuple(classes), votes)


def _resolved(rule: Rule) -> OverColumns | RowWise:
    if isinstance(rule, Coded):
        module, name = rule.implementation.split(":")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise FatalError(
                f"There is no labeling function {rule.implementation!r}: {error}.", fix="correct `implementation`."
            ) from error
    else:
        found = rule
    if isinstance(found, OverColumns) or (callable(found) and isinstance(found, RowWise)):
        return found
    raise FatalError(f"{found!r} is no labeling function.", fix='decorate it: @labeling_function("column").')


def _votes(
    rule: OverColumns, table: pd.DataFrame, classes: tuple[str, ...], key: str, matches: dict[str, np.ndarray]
) -> np.ndarray:
    if isinstance(rule, Keyword | Regex):
        _need(rule.name, table, (rule.column,))
        return votes_where(_found(rule, table[rule.column]), rule.name, rule.label, classes)
    if isinstance(rule, Sql):
        if rule.name not in matches:
            raise FatalError(
                f"The rule {rule.name!r} is in SQL and was not asked of the warehouse.",
                fix="give `matches`, from include.label.sql_rules.matches.",
            )
        return votes_where(matches[rule.name], rule.name, rule.label, classes)
    _need(rule.name, table, rule.columns)
    answer = _answered(rule, table, key)
    if len(answer) != len(table):
        raise FatalError(
            f"The labeling function {rule.name!r} gave {len(answer)} answers for {len(table)} rows.",
            fix="return one answer a row.",
        )
    if isinstance(rule, LabelingFunction) and rule.label is not None:
        if not pd.api.types.is_bool_dtype(answer):
            raise FatalError(
                f"The labeling function {rule.name!r} votes {rule.label!r}, but answers {answer.dtype}.",
                fix="return true or false for each row.",
            )
        true = pd.Series(answer).fillna(False).to_numpy(dtype=bool)
        return votes_where(true, rule.name, rule.label, classes)
    return votes_of(answer, rule.name, table[key], classes)


def _found(rule: Keyword | Regex, column: pd.Series) -> np.ndarray:
    """Where the text matches; no text is no match. RE2 is used, whose time is linear in the text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern = _pattern(rule) if isinstance(rule, Keyword) else rule.pattern
    try:
        texts = pa.array(column, from_pandas=True)
        found = pc.match_substring_regex(texts, pattern, ignore_case=rule.ignore_case)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise FatalError(
            f"The rule {rule.name!r} cannot be matched with the column {rule.column!r} ({column.dtype}): {error}.",
            fix="correct the pattern (RE2: no look-around, no back-references), or name a column of text.",
        ) from error
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=bool)


def _pattern(rule: Keyword) -> str:
    import re

    words = "|".join(re.escape(word) for word in rule.words)
    # RE2's \b knows ASCII letters alone.
    return f"(?:{words})" if rule.inside else rf"(?:^|[^\pL\pN_])(?:{words})(?:$|[^\pL\pN_])"


def _answered(rule: LabelingFunction | Model, table: pd.DataFrame, key: str) -> Any:
    """What the function says of the table; if it raises, FatalError names the row that it cannot take."""
    try:
        return _ask(rule, table)
    except Exception as error:
        place = failing_row(partial(_ask, rule), table)
        where = "" if place is None else f" at row {table[key].iloc[place]!r}"
        raise _failed(rule.name, where, error) from error


def _ask(rule: LabelingFunction | Model, table: pd.DataFrame) -> Any:
    if isinstance(rule, LabelingFunction):
        answer = rule.vote(*(table[column] for column in rule.columns)) if rule.columns else rule.vote(table)
        return answer if isinstance(answer, pd.Series | np.ndarray) else np.asarray(answer)
    given = table[rule.columns[0]] if len(rule.columns) == 1 else table[list(rule.columns)]
    probabilities = np.asarray(rule.classifier.predict_proba(given))
    likeliest = np.asarray(rule.classifier.classes_, dtype=object)[probabilities.argmax(axis=1)]
    return np.where(probabilities.max(axis=1) >= rule.threshold, likeliest, None)


def _votes_by_row(rules: Sequence[RowWise], table: pd.DataFrame, classes: tuple[str, ...], key: str) -> np.ndarray:
    """(n, rules). Row-wise functions see Series, as under Snorkel: what they may do with a row is not known."""

    def asked(row: pd.Series) -> list[int]:
        found = []
        for rule in rules:
            try:
                vote = rule(row)
            except Exception as error:
                raise _failed(rule.name, f" at row {row[key]!r}", error) from error
            if not isinstance(vote, int | np.integer) or not ABSTAIN <= vote < len(classes):
                raise unknown(rule.name, vote, row[key], classes)
            found.append(int(vote))
        return found

    votes = table.apply(asked, axis=1).tolist() if len(table) else []
    return np.array(votes, dtype=np.int8).reshape(len(table), len(rules))


def _need(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in table.columns:
            raise FatalError(
                f"{name!r} reads the column {column!r}, which is none of {', '.join(map(str, table.columns))}.",
                fix="name a column of the frame, or select it.",
            )


def _failed(name: str, where: str, error: Exception) -> FatalError:
    return FatalError(
        f"The labeling function {name!r} failed{where}: {type(error).__name__}: {error}.",
        fix="mend it, or let it abstain from such rows.",
    )
