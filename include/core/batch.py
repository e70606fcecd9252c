"""A batch of changes as every source yields it, encoded once so that landing can COPY it unparsed."""

import io
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final, Literal

from include.core.pseudonyms import CanonicalForm

# What a step holds in memory before it goes to disk, so that no transaction is too large.
SPOOL_BYTES = 4 * 1024 * 1024
# A step of moves remembers its keys; this bounds how many.
MOVES_A_STEP = 10_000
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
COPY_TRAILER: Final = struct.pack("!h", -1)
NULL_FRAME: Final = struct.pack("!i", -1)
# Field count, then _seq (8 bytes) and _op (1 byte), each after its length.
_HEAD: Final = struct.Struct("!hiqic")
_LENGTH: Final = struct.Struct("!i")


class Unchanged:
    """The value of a column that a change did not send (an unchanged TOASTed value): keep the one before."""


UNCHANGED: Final = Unchanged()
Value = bytes | str | None | Unchanged


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is landed. `type` is Postgres' own spelling.

    What a Postgres source knows besides: `origin` is its attnum, `declared` its type's oid and modifier,
    `missing` what rows hold that were there before the column was added, as text (None: NULL). `pii` is the
    canonical form of a personal column, whose values are landed as pseudonyms. `spelling` are the entries of the
    source's catalog (an enum's labels, a composite's attributes) that decide how values are printed.
    """

    name: str
    type: str
    origin: int | None = None
    declared: tuple[int, int] | None = None
    missing: str | None = field(default=None, compare=False)
    pii: CanonicalForm | None = None
    spelling: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is landed. An empty `key` means that the whole row is its identity (duplicates count).

    `storage` names the files in which a Postgres source keeps the rows, and the state of its catalog: where it
    changes, rows may have been rewritten, removed or added without a word in the source's log.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    storage: str | None = None

    @property
    def pii(self) -> dict[str, CanonicalForm]:
        """The personal columns with their canonical forms."""
        return {column.name: column.pii for column in self.columns if column.pii}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source's table was landed last, and why it has been left out of the batches since, if it has."""

    table: Table
    left_out: str | None = None


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)


@dataclass(slots=True)
class Step:
    """Changes of one table that landing applies as one set.

    `changes` are upserts and deletes. `moves` are upserts that give a row another key and leave TOASTed
    values out, so they need the rows as they stand just before; no key occurs twice in such a step. A
    `truncation` has no rows: all that are open end at `sequence`. Columns are text unless `binary`.
    """

    kind: Literal["changes", "moves", "truncation"] = "changes"
    count: int = 0
    sequence: int = 0
    has_unchanged: bool = False
    binary: bool = False
    keys: set[tuple[bytes, ...]] = field(default_factory=set)
    spool: IO[bytes] = field(default_factory=_spool)

    def open(self) -> "CopyStream":
        """The step's tuples as a complete COPY BINARY stream, from the beginning."""
        self.spool.seek(0)
        return CopyStream(self.spool)


class CopyStream(io.RawIOBase):
    """A spool of COPY BINARY tuples between the format's header and trailer, for `copy_expert`."""

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        self._before, self._after = COPY_HEADER, COPY_TRAILER

    def read(self, size: int = -1) -> bytes:
        data, self._before = self._before, b""
        data = data or self._spool.read(size)
        if not data:
            data, self._after = self._after, b""
        return data


class TableChanges:
    """One table's changes of a batch, in order.

    Each change becomes one tuple of COPY BINARY with the fields `_seq` (bigint, counted from 1 within
    the batch), `_op` ("u" upsert, "d" delete), `_unchanged` (a string of 0 and 1, a digit a column, or
    NULL), then every column; a move adds the old key's columns. `sequence` is shared by all tables of a
    batch. A column is UTF-8 text as Postgres prints it, or with `binary` what the column's type sends.
    """

    def __init__(self, table: Table, sequence: Iterator[int], *, binary: bool = False) -> None:
        self.table = table
        self.binary = binary
        self.steps: list[Step] = [Step(binary=binary)]
        self.last = 0
        names = [column.name for column in table.columns]
        self._key = [names.index(name) for name in table.key]
        self._sequence = sequence

    @property
    def count(self) -> int:
        return sum(step.count for step in self.steps)

    def upsert(self, row: Sequence[Value]) -> None:
        """The row as it is from here on; values stand in the order of the table's columns."""
        self.put(b"u", [frame(value) for value in row], _mask(row))

    def delete(self, row: Sequence[Value]) -> None:
        """The row is gone. Only the key's values count, all of them if the table has no key."""
        self.put(b"d", [frame(value) for value in row])

    def move(self, old_key: Sequence[Value], row: Sequence[Value]) -> None:
        """The row changed its key from `old_key` (in the order of `table.key`); it may hold UNCHANGED."""
        self.put_move([frame(value) for value in old_key], [frame(value) for value in row], _mask(row))

    def truncate(self) -> None:
        """All rows are gone."""
        self.last = next(self._sequence)
        self.steps.append(Step("truncation", count=1, sequence=self.last))

    def number(self) -> int:
        """Take the next number of the batch, for a change that is put later."""
        return next(self._sequence)

    def put(
        self, op: bytes, frames: Sequence[bytes], unchanged: str | None = None, number: int | None = None
    ) -> None:
        """An upsert (`b"u"`) or delete (`b"d"`) whose values are framed already, one a column."""
        self._write(self._changes(), op, frames, unchanged, number)

    def put_tuples(self, tuples: bytes, count: int, last: int) -> None:
        """Upserts and deletes that are tuples already, of numbers up to `last`, none with a value left out."""
        step = self._changes()
        step.spool.write(tuples)
        step.count += count
        self.last = max(self.last, last)

    def put_move(self, old_key: Sequence[bytes], frames: Sequence[bytes], unchanged: str | None) -> None:
        """A change of key whose values are framed already."""
        step = self.steps[-1]
        keys = {tuple(old_key), tuple(frames[at] for at in self._key)}
        if step.kind != "moves" or not keys.isdisjoint(step.keys) or step.count >= MOVES_A_STEP:
            step = Step("moves", binary=self.binary)
            self.steps.append(step)
        step.keys |= keys
        self._write(step, b"u", [*frames, *old_key], unchanged)

    def _changes(self) -> Step:
        """The step that takes upserts and deletes; their order in it does not matter, they are numbered."""
        if self.steps[-1].kind != "changes":
            self.steps.append(Step(binary=self.binary))
        return self.steps[-1]

    def _write(
        self, step: Step, op: bytes, frames: Sequence[bytes], unchanged: str | None, number: int | None = None
    ) -> None:
        number = number or next(self._sequence)
        self.last = max(self.last, number)
        if unchanged is not None:
            step.has_unchanged = True
        step.spool.write(b"".join((head(len(frames), number, op, unchanged), *frames)))
        step.count += 1


def head(columns: int, number: int, op: bytes, unchanged: str | None = None) -> bytes:
    """What stands before a change's columns in its tuple."""
    mask = NULL_FRAME if unchanged is None else frame(unchanged)
    return _HEAD.pack(3 + columns, 8, number, 1, op) + mask


def frame(value: Value) -> bytes:
    """A value as a field of COPY BINARY: its length in four bytes, then its bytes; -1 for NULL."""
    if value is None or isinstance(value, Unchanged):
        return NULL_FRAME
    data = value.encode() if isinstance(value, str) else value
    return _LENGTH.pack(len(data)) + data


def _mask(row: Sequence[Value]) -> str | None:
    digits = "".join("1" if isinstance(value, Unchanged) else "0" for value in row)
    return digits if "1" in digits else None


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """A table's whole content at the batch's end. Where the table has a history, what differs continues it.

    `copy_to(target)` writes COPY BINARY of the table's columns in order into `target`: a stream, never rows as
    Python objects. It returns the number of rows. `parts`, if there are any, together hold the same rows, and can
    be copied at once, each by a thread of its own.
    """

    table: Table
    copy_to: Callable[[IO[bytes]], int]
    parts: tuple["TableSnapshot", ...] = ()


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

    `start` is the position stored by the batch before (None for the first). Of one table there may be several
    `changes` after each other, each in the shape that the table then had. `shapes` are tables whose shape is
    another at the batch's end, whether or not a change says so. `left_out` names tables of which nothing is
    read from this batch on, with the reason. `notes` are announcements that are kept with the batch.

    With `skip_unchanged`, an upsert that equals the current row writes nothing. With `apart`, a table whose
    changes cannot be landed is left out and does not keep the others from landing. With the history `last`,
    landing keeps of each row its last version in the batch alone; state as of any batch is the same.
    """

    source: str
    start: str | None
    end: str
    changes: tuple[TableChanges, ...] = ()
    shapes: tuple[Table, ...] = ()
    snapshots: tuple[TableSnapshot, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    skip_unchanged: bool = False
    apart: bool = False
    history: Literal["every", "last"] = "every"
