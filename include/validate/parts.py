"""The pieces that predicates are made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that an expectation speaks of: those of `table` for which `where` is true."""

    table: sql.Composable
    where: sql.Composable


def any_of(parts: Iterable[sql.Composable]) -> sql.Composable:
    return _joined("OR", parts)


def all_of(parts: Iterable[sql.Composable]) -> sql.Composable:
    return _joined("AND", parts)


def _joined(word: str, parts: Iterable[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(f" {word} ").join(parts))
