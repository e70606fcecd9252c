"""Reads what Postgres makes of a query: the tree that it keeps for a view, as text (`pg_node_tree`).

In that text a node is `{KIND :field value …}`, a list `(…)`, nothing `<>`; a backslash protects what would have
a meaning. It is written by `nodes/outfuncs.c` of PostgreSQL, and read there by `nodes/read.c`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WORD = re.compile(r"[(){}\[\]]|(?:\\.|[^\s(){}\[\]\\])+", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node: its fields are nodes, lists, texts or None."""

    kind: str
    fields: dict[str, Any]

    def number(self, field: str) -> int:
        return int(self.fields[field])

    def children(self, field: str) -> list[Any]:
        """The field's list, which may be absent."""
        return self.fields.get(field) or []


def parse(text: str) -> Any:
    """The value that the text holds: for a view, the list of its one query."""
    return _value(iter(WORD.findall(text)))


def name_of(text: str | None) -> str | None:
    """A name as it was before it was protected; those in lists are quoted."""
    if text is None:
        return None
    plain = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return re.sub(r"\\(.)", r"\1", plain, flags=re.DOTALL)


def _value(words: Iterator[str], first: str | None = None) -> Any:
    word = first or next(words)
    if word == "{":
        return _node(words)
    if word == "(":
        return list(_until(words, ")"))
    if word == "[":
        return list(_until(words, "]"))
    return None if word == "<>" else word


def _node(words: Iterator[str]) -> Node:
    kind, fields = next(words), {}
    field = ""
    for word in words:
        if word == "}":
            break
        if word.startswith(":") and (not field or field in fields):
            field = word[1:]
        elif field in fields:
            # A constant is its length and its bytes.
            _value(words, word)
        else:
            fields[field] = _value(words, word)
    return Node(kind, fields)


def _until(words: Iterator[str], end: str) -> Iterator[Any]:
    for word in words:
        if word == end:
            return
        yield _value(words, word)
