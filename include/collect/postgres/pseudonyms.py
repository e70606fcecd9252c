"""Replace personal values by pseudonyms in a snapshot's COPY stream, and find those columns at the source."""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import IO, cast

from include.collect.pseudonyms import Fields
from include.core.batch import Table
from include.core.pseudonyms import CanonicalForm, PseudonymKey

Copy = Callable[[IO[bytes]], int]

_INT16 = struct.Struct("!h").unpack_from
_INT32 = struct.Struct("!i").unpack_from
# Signature, flags, and the length of what may follow: the beginning of every COPY BINARY stream.
_HEADER = struct.Struct("!11sii")


def pii_faults(table: Table, declared: Mapping[str, CanonicalForm]) -> Iterator[tuple[str, str]]:
    """What keeps the table's personal columns from being found, each with its fix."""
    for name in sorted(declared.keys() - table.pii.keys()):
        yield (
            f"table {table.name!r} has no stored column {name!r}, which is declared pii",
            "correct pii in catalog/sources.py: until it is right nothing of the table is read",
        )


def copy_of(table: Table, copy: Copy, key: PseudonymKey | None) -> Copy:
    """What copies the table's rows as they are landed, where `copy` copies them as they are."""
    if not table.pii:
        return copy
    fields = Fields(table, table.pii, key)
    return lambda target: copy(cast("IO[bytes]", PseudonymisedCopy(target, fields)))


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
