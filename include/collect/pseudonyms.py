"""Replace personal values by pseudonyms in what was read, before any of it is spooled, landed or logged."""

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from include.core.batch import NULL_FRAME, Rejected, Table, TableChanges
from include.core.errors import FatalError
from include.core.pseudonyms import CANONICAL, CanonicalForm, PseudonymKey
from include.specs import SiteSource, Source

_LENGTH = struct.Struct("!i")
# What a line of a log or a traceback says first, if it tells of an exception; a value may only stand behind it.
EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)\b")


def require_key(source: Source, key: PseudonymKey | None) -> None:
    """Raises FatalError if the source declares personal columns and `key` is not the one of its domain."""
    if source.key_domain and (key is None or key.domain != source.key_domain):
        raise FatalError(
            f"Source {source.name!r} has personal columns of key domain {source.key_domain!r}, and got"
            f" {'no key' if key is None else f'the key of {key.domain!r}'}.",
            fix="pass the domain's key to whatever reads the source.",
        )


class Fields:
    """The personal columns of one table: which places they have, and what is landed for a value there."""

    def __init__(self, table: Table, pii: Mapping[str, CanonicalForm], key: PseudonymKey | None) -> None:
        names = [column.name for column in table.columns]
        if key is None or not pii.keys() <= set(names):
            raise FatalError(
                f"The personal columns of table {table.name!r} ({', '.join(pii)}) cannot be replaced:"
                f" {'no key was given' if key is None else 'not all of them are there'}.",
                fix="correct pii in catalog/sources.py.",
            )
        self.table, self.key = table, key
        self._canonical = {names.index(name): CANONICAL[form] for name, form in pii.items()}
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

    def __init__(self, fields: Fields, sequence: Iterator[int], *, binary: bool = False) -> None:
        super().__init__(fields.table, sequence, binary=binary)
        self._fields, self._all = fields, range(len(fields.table.columns))

    def put(
        self, op: bytes, frames: Sequence[bytes], unchanged: str | None = None, number: int | None = None
    ) -> None:
        super().put(op, self._fields.replace(frames, self._all), unchanged, number)

    def put_tuples(self, tuples: bytes, count: int, last: int) -> None:
        """Refused: in tuples that are made already nothing would be replaced."""
        raise FatalError(
            f"Table {self.table.name!r} has personal columns: its changes are put one by one.",
            fix="report this: the reader must not put tuples of such a table.",
        )

    def put_move(self, old_key: Sequence[bytes], frames: Sequence[bytes], unchanged: str | None) -> None:
        replaced = self._fields.replace(frames, self._all)
        super().put_move(self._fields.replace(old_key, self._key), replaced, unchanged)


def changes_of(
    table: Table,
    pii: Mapping[str, CanonicalForm],
    sequence: Iterator[int],
    key: PseudonymKey | None,
    *,
    binary: bool = False,
) -> TableChanges:
    """Where the changes of a table are collected. A personal column is sent as text, in binary as well."""
    if not pii:
        return TableChanges(table, sequence, binary=binary)
    return PseudonymisedChanges(Fields(table, pii, key), sequence, binary=binary)


def hide_rejected(
    source: SiteSource, tables: Sequence[Table], rejected: Sequence[Rejected], key: PseudonymKey | None
) -> list[Rejected]:
    """The rejected records of a crawl with pseudonyms in their personal fields, whatever stands there.

    Raises FatalError where the source declares a field that no record of `tables` has, or a record's key: rows
    come in the order of their keys, which would tell much of them.
    """
    shapes = {table.name: table for table in tables}
    for name in source.pii:
        fields = (
            {column.name for column in shapes[name].columns} - set(shapes[name].key) if name in shapes else set()
        )
        if missing := sorted(source.pii_of(name).keys() - fields):
            raise FatalError(
                f"Source {source.name!r} declares {name}.{missing[0]} as pii, which is no field of the spider's"
                " records, or their key.",
                fix="correct pii in catalog/sources.py.",
            )
    if key is None:
        return list(rejected)
    return [_hidden(record, source.pii_of(record.table), key) for record in rejected]


def _hidden(record: Rejected, pii: Mapping[str, CanonicalForm], key: PseudonymKey) -> Rejected:
    row: dict[str, Any] = dict(record.row)
    for name, form in pii.items():
        if (value := row.get(name)) is not None:
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
            # What was rejected may be no text that UTF-8 knows.
            row[name] = key.pseudonym(CANONICAL[form](text.encode("utf-8", "replace"))).decode()
    return replace(record, row=row)


def without_values(lines: Sequence[str]) -> list[str]:
    """Of a child's complaints the names of exceptions alone, each once: what else they say may hold a value."""
    return list(dict.fromkeys(found[0] for line in lines if (found := EXCEPTION.match(line.strip()))))
