"""Decode pgoutput messages (protocol version 1, text) into framed changes, without looking into values.

The layouts are those of PostgreSQL's documentation, "Logical Replication Message Formats".
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from include.core.batch import NULL_FRAME, Table, TableChanges
from include.core.errors import FatalError
from include.core.failpoints import failpoint

_INT16 = struct.Struct("!h").unpack_from
_INT32 = struct.Struct("!i").unpack_from
_OID = struct.Struct("!I").unpack_from
_LSN = struct.Struct("!Q").unpack_from
_TRUNCATE = struct.Struct("!iB").unpack_from
_COLUMN = struct.Struct("!Ii").unpack_from
NULL, UNCHANGED, TEXT = b"nut"
NEW, OLD, OLD_KEY = b"NOK"


@dataclass(frozen=True, slots=True)
class Relation:
    """What a Relation message says: column names with type oid and modifier, and which columns identify a row."""

    oid: int
    schema: str
    name: str
    identity: str
    signature: tuple[tuple[str, int, int], ...]
    key: frozenset[str]


def relation(payload: bytes) -> Relation:
    """Decode a Relation message."""
    (oid,) = _OID(payload, 1)
    schema, name, rest = payload[5:].split(b"\0", 2)
    (columns,) = _INT16(rest, 1)
    at, signature, key = 3, [], set()
    for _ in range(columns):
        end = rest.index(b"\0", at + 1)
        column = rest[at + 1 : end].decode()
        if rest[at] & 1:
            key.add(column)
        signature.append((column, *_COLUMN(rest, end + 1)))
        at = end + 9
    return Relation(
        oid, schema.decode() or "pg_catalog", name.decode(), chr(rest[0]), tuple(signature), frozenset(key)
    )


def begin(payload: bytes) -> int:
    """The LSN of the transaction's commit record, from a Begin message."""
    return int(_LSN(payload, 1)[0])


def commit(payload: bytes) -> int:
    """The LSN just after the commit record, from a Commit message."""
    return int(_LSN(payload, 10)[0])


def fields(payload: bytes, at: int) -> tuple[list[bytes], str | None, int]:
    """A tuple's fields, framed as COPY BINARY has them, from offset `at`.

    A text field is framed alike in both protocols, so it is one slice. Returns the frames, a digit a
    column (1 for an unchanged TOASTed value) or None if all were sent, and the offset after the tuple.
    """
    (columns,) = _INT16(payload, at)
    at += 2
    frames = []
    unchanged = None
    for place in range(columns):
        kind = payload[at]
        at += 1
        if kind == TEXT:
            end = at + 4 + _INT32(payload, at)[0]
            frames.append(payload[at:end])
            at = end
        elif kind == NULL:
            frames.append(NULL_FRAME)
        elif kind == UNCHANGED:
            frames.append(NULL_FRAME)
            unchanged = unchanged or ["0"] * columns
            unchanged[place] = "1"
        else:
            raise FatalError(
                f"pgoutput sent a field of kind {chr(kind)!r}; text was asked for.",
                fix="report this server version.",
            )
    return frames, "".join(unchanged) if unchanged else None, at


class Assembler:
    """Collects the changes of one batch after the other.

    `resolve` turns a Relation message into the table to land, or None if nothing is to be read of it. Where a
    table changes its shape, its further changes are collected apart, after the ones before.
    """

    def __init__(self, resolve: Callable[[Relation], Table | None]) -> None:
        self._resolve = resolve
        self._tables: dict[int, Table | None] = {}
        self._keys: dict[int, list[int]] = {}
        self.handlers = {
            ord("R"): self._relation,
            ord("I"): self._insert,
            ord("U"): self._update,
            ord("D"): self._delete,
            ord("T"): self._truncate,
        }
        self.count = 0
        self._begin_batch()

    @failpoint("stream.batch")
    def take(self) -> tuple[TableChanges, ...]:
        """The batch's changes, in the order in which tables first changed; the next batch begins."""
        changes = tuple(self._collected)
        self._begin_batch()
        return changes

    def _begin_batch(self) -> None:
        self.count = 0
        self._sequence = count(1)
        self._collected: list[TableChanges] = []
        # What each table's next change goes to.
        self._changes: dict[int, TableChanges] = {}

    @failpoint("stream.relation")
    def _relation(self, payload: bytes) -> None:
        message = relation(payload)
        table = self._resolve(message)
        if table != self._tables.get(message.oid):
            self._changes.pop(message.oid, None)
        self._tables[message.oid] = table
        if table is not None:
            names = [column.name for column in table.columns]
            self._keys[message.oid] = [names.index(name) for name in table.key]

    def _of(self, oid: int) -> TableChanges | None:
        if (changes := self._changes.get(oid)) is None:
            if (table := self._tables[oid]) is None:
                return None
            changes = self._changes[oid] = TableChanges(table, self._sequence)
            self._collected.append(changes)
        self.count += 1
        return changes

    def _insert(self, payload: bytes) -> None:
        if (changes := self._of(_OID(payload, 1)[0])) is not None:
            changes.put(b"u", fields(payload, 6)[0])

    @failpoint("stream.update")
    def _update(self, payload: bytes) -> None:
        (oid,) = _OID(payload, 1)
        if (changes := self._of(oid)) is None:
            return
        kind = payload[5]
        if kind == NEW:
            new, unchanged, _ = fields(payload, 6)
            changes.put(b"u", new, unchanged)
            return
        old, _, at = fields(payload, 6)
        new, unchanged, _ = fields(payload, at + 1)
        key = self._keys[oid]
        if kind == OLD and unchanged:
            new = [was if left_out == "1" else now for was, now, left_out in zip(old, new, unchanged, strict=True)]
            unchanged = None
        if unchanged:
            changes.put_move([old[place] for place in key], new, unchanged)
            return
        if not key or any(old[place] != new[place] for place in key):
            changes.put(b"d", old)
        changes.put(b"u", new)

    def _delete(self, payload: bytes) -> None:
        if (changes := self._of(_OID(payload, 1)[0])) is not None:
            changes.put(b"d", fields(payload, 6)[0])

    @failpoint("stream.truncate")
    def _truncate(self, payload: bytes) -> None:
        relations, _options = _TRUNCATE(payload, 1)
        for (oid,) in struct.iter_unpack("!I", payload[6 : 6 + 4 * relations]):
            if (changes := self._of(oid)) is not None:
                changes.truncate()
