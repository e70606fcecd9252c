"""Refuse dataset SQL whose rows depend on when it runs or on chance: a version must be buildable again."""

import re
from collections.abc import Iterator
from itertools import pairwise

from include.core.errors import FatalError

TIME = "take the time from a column of the source: a version has no other."
CHANCE = (
    "draw by a hash of the row's key, such as sha256(convert_to(id::text, 'UTF8')): it is the same every time."
)

# What is an expression by itself, and what is one only when it is called.
KEYWORDS = {
    **dict.fromkeys(("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"), TIME),
    "tablesample": CHANCE,
}
CALLS = {
    **dict.fromkeys(("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"), TIME),
    **dict.fromkeys(("random", "random_normal", "gen_random_uuid", "uuidv4", "uuidv7"), CHANCE),
    **dict.fromkeys(("txid_current", "pg_current_xact_id"), "count with row_number() over the row's key."),
}

# https://www.postgresql.org/docs/18/sql-syntax-lexical.html; a word is taken whole, so `$` in it opens no text.
TOKEN = re.compile(
    r"""
    (?P<text> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?P<line> --[^\n]* )
    | (?P<block> /\* )
    | "(?P<quoted> (?:[^"]|"")* )"
    | (?P<word> [^\W\d][\w$]* )
    | (?P<other> \S )
    """,
    re.VERBOSE | re.DOTALL,
)


def refuse_unrepeatable(name: str, text: str) -> None:
    """FatalError if the SQL `text` of the file `name` asks for the time, for chance or for the transaction.

    Comments and string literals may say what they like, and so may names: a column `p.now`, an alias `AS random`.
    """
    words = ["", "", *tokens(text), ""]
    for (before, token), following in zip(pairwise(words), words[2:], strict=False):
        if before == "as":
            continue
        called = token.strip('"')
        if token in KEYWORDS and before != ".":
            raise _refused(name, token.upper(), KEYWORDS[token])
        if called in CALLS and following == "(":
            raise _refused(name, f"{called}()", CALLS[called])


def _refused(name: str, word: str, fix: str) -> FatalError:
    return FatalError(f"{name} uses {word}, so that the same batches give other rows each time.", fix=fix)


def tokens(text: str) -> Iterator[str]:
    """Words in lower case, quoted names in their quotes, and single other characters; no comments, no literals."""
    position = 0
    while found := TOKEN.search(text, position):
        position = found.end()
        if found["block"]:
            position = _end_of_comment(text, position)
        elif found["quoted"] is not None:
            yield f'"{found["quoted"]}"'
        elif token := found["word"] or found["other"]:
            yield token.lower()


def _end_of_comment(text: str, position: int) -> int:
    """Where a block comment ends that was opened before `position`: they nest."""
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
