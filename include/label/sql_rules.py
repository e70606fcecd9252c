"""Rules in SQL, which Postgres evaluates where the rows lie: all of them in one scan."""

from collections.abc import Sequence
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.specs.rules import Sql
from include.warehouse.repeatable import refuse_unrepeatable, tokens

_SCAN = sql.SQL("SELECT {key}::text, {conditions} FROM {table} AS _rows")


def matches(
    connection: Connection, rules: Sequence[Sql], table: sql.Composable, *, key: str, keys: Sequence[str]
) -> dict[str, np.ndarray]:
    """Where each rule's condition is true, (n,) bool by the rule's name, in the order of the n `keys` (as text).

    `table` is a table or a subselect in brackets, whose columns the conditions name. Nothing can be written
    meanwhile. Raises FatalError for a condition that is no single expression, asks for the time or for chance, or
    that Postgres cannot evaluate; for a key that the table lacks or has twice.
    """
    for rule in rules:
        _refuse_no_expression(rule)
    if not rules:
        return {}
    try:
        found = _read(connection, _scan(rules, table, key))
    except psycopg2.Error as error:
        raise _blamed(connection, rules, table, key, error) from error
    by_key = {row[0]: row[1:] for row in found}
    if len(by_key) < len(found):
        raise FatalError(
            f"The column {key!r} is no key: {len(found)} rows have {len(by_key)} values.",
            fix="name the rows' key.",
        )
    if missing := [one for one in keys if one not in by_key]:
        raise FatalError(
            f"{len(missing)} rows are not in the table that the rules in SQL read, among them {missing[0]!r}.",
            fix="evaluate the rules over the table that the rows came from.",
        )
    true = np.array([by_key[one] for one in keys], dtype=bool).reshape(len(keys), len(rules))
    return {rule.name: true[:, place] for place, rule in enumerate(rules)}


def _read(connection: Connection, query: sql.Composable) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT rules")
        # Undone with the savepoint.
        cursor.execute("SET LOCAL transaction_read_only = on")
        try:
            cursor.execute(query)
            return cursor.fetchall()
        finally:
            cursor.execute("ROLLBACK TO SAVEPOINT rules")


def _scan(rules: Sequence[Sql], table: sql.Composable, key: str) -> sql.Composable:
    # A line comment in a condition ends with its line.
    conditions = [sql.Composed([sql.SQL("(("), sql.SQL(rule.where), sql.SQL("\n) IS TRUE)")]) for rule in rules]
    return _SCAN.format(key=sql.Identifier("_rows", key), conditions=sql.SQL(", ").join(conditions), table=table)


def _refuse_no_expression(rule: Sql) -> None:
    refuse_unrepeatable(f"The rule {rule.name!r}", rule.where)
    depth, least = 0, 0
    for word in tokens(rule.where):
        depth += (word == "(") - (word == ")")
        least = min(least, depth)
        if word in {";", "'", '"'}:
            raise _no_expression(rule, f"has a {word} outside a literal")
    if depth or least < 0:
        raise _no_expression(rule, "has brackets that do not match")


def _no_expression(rule: Sql, why: str) -> FatalError:
    return FatalError(
        f"The condition of the rule {rule.name!r} is no single expression: it {why}.",
        fix="write what could stand after WHERE, and nothing else.",
    )


def _blamed(
    connection: Connection, rules: Sequence[Sql], table: sql.Composable, key: str, error: psycopg2.Error
) -> FatalError:
    """The error of the first rule that fails by itself, else of the scan."""
    for rule in rules:
        try:
            _read(connection, _scan([rule], table, key))
        except psycopg2.Error as own:
            return _failed(f"the rule {rule.name!r}", own)
    return _failed("the rules", error)


def _failed(name: str, error: psycopg2.Error) -> FatalError:
    reason = str(error).strip().splitlines()[0]
    return FatalError(f"Postgres cannot evaluate {name}: {reason}.", fix="correct its condition.")
