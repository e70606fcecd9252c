"""A batch of changes as every source yields it, encoded once so that landing can COPY it unparsed."""

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

SPOOL_BYTES = 32 * 1024 * 1024
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
COPY_TRAILER: Final = struct.pack("!h", -1)
_NULL: Final = struct.pack("!i", -1)


class Unchanged:
    """The value of a column that a change did not send (an unchanged TOASTed value): keep the one before."""


UNCHANGED: Final = Unchanged()
Value = bytes | str | None | Unchanged


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is landed. `type` is Postgres' own spelling; `origin` the source's attnum, if any."""

    name: str
    type: str
    origin: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is landed. An empty `key` means that the whole row is its identity (duplicates count)."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


@dataclass(slots=True)
class Step:
    """Changes of one table that landing may apply as one set.

    A truncation, and a key change that leaves TOASTed values out, each begin a step: they need the rows
    as they stand just before. `moved_from` is the old key of such a key change.
    """

    spool: IO[bytes] = field(default_factory=lambda: tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))
    count: int = 0
    truncates: bool = False
    has_unchanged: bool = False
    moved_from: tuple[Value, ...] | None = None


class TableChanges:
    """One table's changes of a batch, in order.

    Each change becomes one tuple of COPY BINARY with the fields `_seq` (bigint, counted from 1 within
    the batch), `_op` ("u" upsert, "d" delete), `_unchanged` (a string of 0 and 1, a digit a column, or
    NULL), then every column as text. Bytes are UTF-8 text as Postgres prints it.
    """

    def __init__(self, table: Table, sequence: Iterator[int]) -> None:
        self.table = table
        self.steps: list[Step] = [Step()]
        self._sequence = sequence
        self._head = struct.Struct("!hiq")
        self._fields = 3 + len(table.columns)

    @property
    def count(self) -> int:
        return sum(step.count for step in self.steps)

    def upsert(self, row: Sequence[Value]) -> None:
        """The row as it is from here on; values stand in the order of the table's columns."""
        self._write(b"u", row)

    def delete(self, row: Sequence[Value]) -> None:
        """The row is gone. Only the key's values count, all of them if the table has no key."""
        self._write(b"d", row)

    def truncate(self) -> None:
        """All rows are gone."""
        self.steps.append(Step(truncates=True, count=0))
        self.steps[-1].moved_from = None
        next(self._sequence)
        self.steps.append(Step())

    def move(self, old_key: Sequence[Value], row: Sequence[Value]) -> None:
        """The row changed its key from `old_key` (in the order of `table.key`); it may hold UNCHANGED."""
        self.steps.append(Step(moved_from=tuple(old_key)))
        self._write(b"u", row)
        self.steps.append(Step())

    def _write(self, op: bytes, row: Sequence[Value]) -> None:
        step = self.steps[-1]
        parts = [self._head.pack(self._fields, 8, next(self._sequence)), b"\x00\x00\x00\x01", op]
        mask = ""
        if any(isinstance(value, Unchanged) for value in row):
            mask = "".join("1" if isinstance(value, Unchanged) else "0" for value in row)
            step.has_unchanged = True
        parts.append(_field(mask or None))
        parts += [_field(value) for value in row]
        step.spool.write(b"".join(parts))
        step.count += 1


def _field(value: Value) -> bytes:
    if value is None or isinstance(value, Unchanged):
        return _NULL
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!i", len(data)) + data


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """A table's whole content at the batch's position.

    `copy_to(target, constants)` writes COPY BINARY of the table's columns in order, followed by the
    bigint constants, into `target`: a stream, never rows as Python objects.
    """

    table: Table
    copy_to: Callable[[IO[bytes], Sequence[int | None]], int]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that never became a row: it goes to quarantine with every reason."""

    table: str
    key: str | None
    row: dict[str, Any]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read from `source` between two positions; it lands whole or not at all.

    `start` is the position stored by the batch before (None for the first). With `skip_unchanged`,
    an upsert that equals the current row writes nothing.
    """

    source: str
    start: str | None
    end: str
    changes: tuple[TableChanges, ...] = ()
    snapshots: tuple[TableSnapshot, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    skip_unchanged: bool = False
