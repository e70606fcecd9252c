"""Replace personal values by pseudonyms, in a snapshot's COPY stream and in changes, before anything is kept."""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import IO, cast

from include.collect.postgres.describe import SourceTable
from include.core.batch import NULL_FRAME, TableChanges
from include.core.errors import FatalError
from include.core.pseudonyms import CANONICAL, PseudonymKey
from include.specs import PostgresSource

Copy = Callable[[IO[bytes], Sequence[int | None]], int]

_INT16 = struct.Struct("!h").unpack_from
_INT32 = struct.Struct("!i").unpack_from
_LENGTH = struct.Struct("!i")
# Signature, flags, and the length of what may follow: the beginning of every COPY BINARY stream.
_HEADER = struct.Struct("!11sii")


def require_key(source: PostgresSource, key: PseudonymKey | None) -> None:
    """Raises FatalError if the source declares personal columns and `key` is not the one of its domain."""
    if source.key_domain and (key is None or key.domain != source.key_domain):
        raise FatalError(
            f"Source {source.name!r} has personal columns of key domain {source.key_domain!r}, and got"
            f" {'no key' if key is None else f'the key of {key.domain!r}'}.",
            fix="pass the domain's key to whatever reads the source.",
        )


def pii_faults(table: SourceTable) -> Iterator[tuple[str, str]]:
    """What keeps the table's personal columns from being found, each with its fix."""
    for name in sorted(table.pii.keys() - {column.name for column in table.table.columns}):
        yield (
            f"table {table.table.name!r} has no stored column {name!r}, which is declared pii",
            "correct pii in catalog/sources.py: until it is right nothing of the table is read",
        )


class Fields:
    """The personal columns of one table: which places they have, and what is landed for a value there."""

    def __init__(self, table: SourceTable, key: PseudonymKey | None) -> None:
        names = [column.name for column in table.table.columns]
        if key is None or not table.pii.keys() <= set(names):
            raise FatalError(
                f"The personal columns of table {table.table.name!r} ({', '.join(table.pii)}) cannot be replaced:"
                f" {'no key was given' if key is None else 'not all of them are there'}.",
                fix="correct pii in catalog/sources.py.",
            )
        self.table, self.key = table.table, key
        self._canonical = {names.index(name): CANONICAL[form] for name, form in table.pii.items()}
        self._head = _LENGTH.pack(len(key.pseudonym(b"")))

    @property
    def places(self) -> frozenset[int]:
        return frozenset(self._canonical)

    def pseudonym(self, place: int, value: bytes) -> bytes:
        """The framed pseudonym of a value, which is UTF-8 text without its frame. No error shows the value."""
        try:
            canonical = self._canonical[place](value)
        except UnicodeDecodeError:
            canonical = None
        # Raised out here: an exception that is being handled would hold the value, and go with ours into a log.
        name = self.table.columns[place].name
        if canonical is None:
            raise FatalError(
                f"A value of column {name!r} of table {self.table.name!r}, which is declared pii, is not UTF-8.",
                fix="correct it at the source.",
            )
        if canonical != value and name in self.table.key:
            raise FatalError(
                f"A value of column {name!r} of table {self.table.name!r}, which is declared pii and part of the"
                " key, is not in its canonical form: two rows could become one.",
                fix="correct it at the source, declare the column as exact, or give the table another key.",
            )
        return self._head + self.key.pseudonym(canonical)

    def replace(self, frames: Sequence[bytes], places: Sequence[int]) -> list[bytes]:
        """The frames, which stand for these places, with pseudonyms where they are personal. NULL stays NULL."""
        return [
            self.pseudonym(place, frame[4:]) if place in self._canonical and frame != NULL_FRAME else frame
            for frame, place in zip(frames, places, strict=True)
        ]


class PseudonymisedChanges(TableChanges):
    """Changes of a table with personal columns: their values are replaced before they are spooled."""

    def __init__(self, fields: Fields, sequence: Iterator[int]) -> None:
        super().__init__(fields.table, sequence)
        self._fields, self._all = fields, range(len(fields.table.columns))

    def put(self, op: bytes, frames: Sequence[bytes], unchanged: str | None = None) -> None:
        super().put(op, self._fields.replace(frames, self._all), unchanged)

    def put_move(self, old_key: Sequence[bytes], frames: Sequence[bytes], unchanged: str | None) -> None:
        replaced = self._fields.replace(frames, self._all)
        super().put_move(self._fields.replace(old_key, self._key), replaced, unchanged)


def changes_of(table: SourceTable, sequence: Iterator[int], key: PseudonymKey | None) -> TableChanges:
    """Where the changes of a table are collected."""
    return PseudonymisedChanges(Fields(table, key), sequence) if table.pii else TableChanges(table.table, sequence)


def copy_of(table: SourceTable, copy: Copy, key: PseudonymKey | None) -> Copy:
    """What copies the table's rows as they are landed, where `copy` copies them as they are."""
    if not table.pii:
        return copy
    fields = Fields(table, key)
    return lambda target, constants: copy(cast("IO[bytes]", PseudonymisedCopy(target, fields)), constants)


class PseudonymisedCopy:
    """A file for COPY BINARY, in pieces of any size: passes it on with the personal fields replaced.

    It holds back at most one tuple, until that is whole.
    """

    def __init__(self, target: IO[bytes], fields: Fields) -> None:
        self._target, self._fields, self._places = target, fields, fields.places
        self._rest = bytearray()
        self._begun = False

    def write(self, data: bytes) -> int:
        """Raises FatalError for a value that no pseudonym can be made of."""
        buffer: bytes | bytearray = data
        if self._rest:
            self._rest += data
            buffer = self._rest
        out: list[bytes] = []
        at = 0
        while (end := self._next(buffer, at, out)) is not None:
            at = end
        if buffer is self._rest:
            del self._rest[:at]
        else:
            self._rest += data[at:]
        if out:
            self._target.write(b"".join(out))
        return len(data)

    def _next(self, buffer: bytes | bytearray, at: int, out: list[bytes]) -> int | None:
        """Add what stands at `at` (the header, a tuple or the trailer) to `out`; None if it is not whole yet."""
        try:
            if not self._begun:
                end = at + _HEADER.size + _HEADER.unpack_from(buffer, at)[2]
                if end > len(buffer):
                    return None
                self._begun = True
                out.append(bytes(buffer[at:end]))
                return end
            return self._tuple(buffer, at, out)
        except struct.error:
            return None

    def _tuple(self, buffer: bytes | bytearray, at: int, out: list[bytes]) -> int | None:
        """The trailer is a tuple of -1 fields: it has none to look at."""
        (count,) = _INT16(buffer, at)
        kept, parts, size, places = at, [], len(buffer), self._places
        at += 2
        for place in range(count):
            length = _INT32(buffer, at)[0]
            start = at + 4
            # NULL has the length -1.
            end = start + length if length > 0 else start
            if end > size:
                return None
            if place in places and length >= 0:
                parts += [bytes(buffer[kept:at]), self._fields.pseudonym(place, bytes(buffer[start:end]))]
                kept = end
            at = end
        out += parts
        out.append(bytes(buffer[kept:at]))
        return at
