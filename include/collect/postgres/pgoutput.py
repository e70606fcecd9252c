"""Decode pgoutput messages (protocol version 1) into framed changes, without looking into values.

The layouts are those of PostgreSQL's documentation, "Logical Replication Message Formats".
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from include.collect.postgres.describe import landed_as_sent
from include.collect.pseudonyms import changes_of
from include.core.batch import NULL_FRAME, Table, TableChanges
from include.core.errors import FatalError, RetriableError
from include.core.failpoints import failpoint
from include.core.pseudonyms import PseudonymKey

_INT16 = struct.Struct("!h").unpack_from
_INT32 = struct.Struct("!i").unpack_from
_OID = struct.Struct("!I").unpack_from
_LSN = struct.Struct("!Q").unpack_from
_TRUNCATE = struct.Struct("!iB").unpack_from
_COLUMN = struct.Struct("!Ii").unpack_from
NULL, UNCHANGED, TEXT, BINARY = b"nutb"
NEW, OLD, OLD_KEY = b"NOK"
DELETE = ord("D")
# Messages are decoded together up to so many and so large in all; fewer, or one that is larger, one by one.
TOGETHER, TOGETHER_BYTES = 4096, 512 * 1024
FEW = 32


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


def fields(payload: bytes, at: int, sent: int = TEXT) -> tuple[list[bytes], str | None, int]:
    """A tuple's fields, framed as COPY BINARY has them, from offset `at`.

    `sent` is the kind of a field that has a value: it is framed alike in both protocols, so it is one slice.
    Returns the frames, a digit a column (1 for an unchanged TOASTed value) or None if all were sent, and the
    offset after the tuple.
    """
    (columns,) = _INT16(payload, at)
    at += 2
    frames = []
    unchanged = None
    for place in range(columns):
        kind = payload[at]
        at += 1
        if kind == sent:
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
                f"pgoutput sent a field of kind {chr(kind)!r}; {'binary' if sent == BINARY else 'text'} was asked"
                " for.",
                fix="report this server version.",
            )
    return frames, "".join(unchanged) if unchanged else None, at


class Rows:
    """The messages of one table that hold one row each, put by until there are many to decode together."""

    def __init__(self, changes: TableChanges, key: list[int]) -> None:
        self.changes, self.key = changes, key
        self.sent = BINARY if changes.binary else TEXT
        # Whoever has to see every field (to replace some of them, say) gets them one by one.
        self._together = type(changes) is TableChanges
        self._columns = len(changes.table.columns)
        self._payloads: list[bytes] = []
        self._numbers: list[int] = []
        self._size = 0

    def put(self, payload: bytes) -> None:
        """An Insert, a Delete, or an Update without an old row."""
        if not self._together or len(payload) >= TOGETHER_BYTES // 8:
            self._one(payload, self.changes.number())
            return
        self._payloads.append(payload)
        self._numbers.append(self.changes.number())
        self._size += len(payload)
        if len(self._payloads) >= TOGETHER or self._size >= TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Decode what was put by: before a step of another kind, and at the batch's end."""
        payloads, numbers = self._payloads, self._numbers
        if not payloads:
            return
        self._payloads, self._numbers, self._size = [], [], 0
        places: Iterable[int] = range(len(payloads))
        if len(payloads) >= FEW:
            from include.collect.postgres.tuples import tuples

            done, places = tuples(payloads, numbers, self._columns, self.sent)
            self.changes.put_tuples(done, len(payloads) - len(places), numbers[-1])
        for place in places:
            self._one(payloads[place], numbers[place])

    def _one(self, payload: bytes, number: int) -> None:
        frames, unchanged, _ = fields(payload, 6, self.sent)
        if payload[0] == DELETE:
            self.changes.put(b"d", frames, number=number)
        else:
            self.changes.put(b"u", frames, unchanged, number)


class Assembler:
    """Collects the changes of one batch after the other.

    `resolve` turns a Relation message into the table to land, or None if nothing is to be read of it. Where a
    table changes its shape, its further changes are collected apart, after the ones before. `key` is needed for
    tables with personal columns. With `binary` the stream sends values in their types' binary forms.
    """

    def __init__(
        self,
        resolve: Callable[[Relation], Table | None],
        key: PseudonymKey | None = None,
        *,
        binary: bool = False,
    ) -> None:
        self._resolve, self._key = resolve, key
        self.binary = binary
        self._tables: dict[bytes, Table | None] = {}
        self.handlers = {
            ord("R"): self._relation,
            ord("I"): self._row,
            ord("U"): self._update,
            ord("D"): self._row,
            ord("T"): self._truncate,
        }
        self.count = 0
        self._begin_batch()

    @failpoint("stream.batch")
    def take(self) -> tuple[TableChanges, ...]:
        """The batch's changes, in the order in which tables first changed; the next batch begins."""
        for rows in self._collected:
            rows.flush()
        changes = tuple(rows.changes for rows in self._collected)
        self._begin_batch()
        return changes

    def _begin_batch(self) -> None:
        self.count = 0
        self._sequence = count(1)
        self._collected: list[Rows] = []
        # What each table's next change goes to, by the oid as messages spell it.
        self._rows: dict[bytes, Rows] = {}

    @failpoint("stream.relation")
    def _relation(self, payload: bytes) -> None:
        message = relation(payload)
        table = self._resolve(message)
        if self.binary and table is not None and not landed_as_sent(table):
            raise RetriableError(
                f"Table {table.name!r} has got a column whose type has no portable binary form, while the source"
                " was being read in binary.",
                fix="run again: the source is then read as text.",
            )
        oid = payload[1:5]
        if table != self._tables.get(oid):
            self._rows.pop(oid, None)
        self._tables[oid] = table

    def _of(self, oid: bytes) -> Rows | None:
        """Where the table's next change goes; None if nothing is to be read of it."""
        if (rows := self._rows.get(oid)) is None:
            if (table := self._tables[oid]) is None:
                return None
            names = [column.name for column in table.columns]
            changes = changes_of(table, table.pii, self._sequence, self._key, binary=self.binary)
            rows = self._rows[oid] = Rows(changes, [names.index(name) for name in table.key])
            self._collected.append(rows)
        self.count += 1
        return rows

    def _row(self, payload: bytes) -> None:
        if (rows := self._of(payload[1:5])) is not None:
            rows.put(payload)

    @failpoint("stream.update")
    def _update(self, payload: bytes) -> None:
        if (rows := self._of(payload[1:5])) is None:
            return
        kind = payload[5]
        if kind == NEW:
            rows.put(payload)
            return
        old, _, at = fields(payload, 6, rows.sent)
        new, unchanged, _ = fields(payload, at + 1, rows.sent)
        changes, key = rows.changes, rows.key
        if kind == OLD and unchanged:
            new = [was if left_out == "1" else now for was, now, left_out in zip(old, new, unchanged, strict=True)]
            unchanged = None
        if unchanged:
            rows.flush()
            changes.put_move([old[place] for place in key], new, unchanged)
            return
        if not key or any(old[place] != new[place] for place in key):
            changes.put(b"d", old)
        changes.put(b"u", new)

    @failpoint("stream.truncate")
    def _truncate(self, payload: bytes) -> None:
        relations, _options = _TRUNCATE(payload, 1)
        for place in range(relations):
            if (rows := self._of(payload[6 + 4 * place : 10 + 4 * place])) is not None:
                rows.flush()
                rows.changes.truncate()
