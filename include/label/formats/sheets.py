"""A hand-over without a tool: a CSV or JSONL file that people fill in, a line an item, and take back.

Columns: `key`, the data, `label`, `annotator`, `at` (ISO 8601 with its zone), `seconds`. A cell of the CSV that a
spreadsheet would take for a formula has an apostrophe before it, which reading takes off ("CSV Injection", OWASP).
"""

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.core.annotations import Annotation, Choice, Item, Labelled
from include.core.errors import FatalError
from include.label.formats.files import MOST_BYTES, Source, dumped, json_lines, text
from include.label.formats.judge import Fault, answered_twice, unknown_class, unknown_key
from include.label.formats.report import Written, written

ANSWER = ("label", "annotator", "at", "seconds")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_AGAIN = "correct these lines and read the file again; lines without fault can be read with read_sheet."


@dataclass(frozen=True, slots=True)
class Sheet:
    """A filled sheet: what is good in it, and every bad line with every reason."""

    labelled: tuple[Labelled, ...]
    faults: tuple[Fault, ...]


Row = dict[str, Any]


def write_csv(labelled: Sequence[Labelled]) -> Written:
    """A sheet of these items, filled in where they are labelled; data becomes text."""
    return written(_csv(_rows(labelled)), labelled, read_csv)


def write_jsonl(labelled: Sequence[Labelled]) -> Written:
    """A line an item, or a label of it; data stays what it is."""
    lines = "".join(dumped(row) + "\n" for row in _rows(labelled))
    return written(lines.encode(), labelled, read_jsonl)


def sheet(items: Iterable[Item], kind: str = "csv") -> bytes:
    """An empty sheet of these items to be filled in, as `csv` or `jsonl`."""
    waiting = [Labelled(item=Item(key=item.key, data=item.data)) for item in items]
    return {"csv": write_csv, "jsonl": write_jsonl}[kind](waiting).data


def read_csv(source: Source) -> list[Labelled]:
    """All lines of a sheet. Raises FatalError with every fault of every line, if there is any."""
    return _whole(read_sheet(source, "csv"))


def read_jsonl(source: Source) -> list[Labelled]:
    """All lines of a sheet. Raises FatalError with every fault of every line, if there is any."""
    return _whole(read_sheet(source, "jsonl"))


def read_sheet(
    source: Source,
    kind: str,
    items: Iterable[Item] | None = None,
    classes: Collection[str] | None = None,
    annotator: str = "",
) -> Sheet:
    """What people filled in. Lines without a label wait; all other lines are judged, each for all its faults.

    With `items` only their keys are known, and the items are theirs; with `classes` only those. `annotator` is who
    fills in lines that name nobody. A label of an unknown class, of an unknown key, an annotator's second answer,
    a line that breaks off, and a time or a duration that is none, are faults, and the first answer stays.
    """
    known = None if items is None else {item.key: item for item in items}
    found: dict[str, Item] = dict(known or {})
    said: dict[str, list[Annotation]] = {}
    answered: dict[tuple[str, str], str] = {}
    faults: list[Fault] = []
    for number, row, broken in _LINES[kind](source):
        key, label, who = _words(row, known, annotator)
        reasons = [*([broken] if broken else []), *(_wrong(key, label, known, classes) if row else ())]
        at, seconds = _time(row.get("at"), reasons), _seconds(row.get("seconds"), reasons)
        if label and who and (key, who) in answered:
            reasons.append(answered_twice(repr(answered[key, who]), repr(label)))
        if reasons:
            faults.append(Fault(f"line {number}", key, tuple(reasons)))
            continue
        found.setdefault(key, Item(key=key, data=_data(row)))
        if label:
            answered[key, who] = label
            choice = Choice(labels=(label,))
            told = Annotation(item=key, annotator=who, regions=(choice,), at=at, seconds=seconds)
            said.setdefault(key, []).append(told)
    labelled = [Labelled(item=item, annotations=tuple(said.get(key, ()))) for key, item in found.items()]
    return Sheet(tuple(labelled), tuple(faults))


def without(data: bytes, kind: str, theirs: Callable[[str], bool]) -> tuple[bytes, int]:
    """The sheet without the lines of items whose key is `theirs`, empty if no line is left; and how many went.

    All others stay as they are. Raises FatalError for what is no sheet, and for a line that cannot be read.
    """
    kept, gone = {"csv": _csv_without, "jsonl": _json_without}[kind](text(data), theirs)
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return (mark + kept.encode() if kept else b""), gone


def _csv_without(whole: str, theirs: Callable[[str], bool]) -> tuple[str, int]:
    delimiter = _delimiter(whole)
    for _, _, broken in _csv_lines(whole.encode()):
        if broken:
            raise FatalError(f"A line of the sheet is bad: {broken}.", fix="correct it.")
    header, *rows = csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter, strict=True)
    place = [_plain(name) for name in header].index("key")
    kept = [row for row in rows if not (row and _is_theirs(_plain(row[place]), theirs))]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows([header, *kept])
    return (out.getvalue() if any(map(any, kept)) else ""), len(rows) - len(kept)


def _json_without(whole: str, theirs: Callable[[str], bool]) -> tuple[str, int]:
    lines = [line for line in whole.split("\n") if line.strip()]
    rows = [row for _, row in json_lines(whole.encode())]
    kept = [line for line, row in zip(lines, rows, strict=True) if not _is_theirs(str(row.get("key")), theirs)]
    return "".join(f"{line}\n" for line in kept), len(lines) - len(kept)


def _is_theirs(key: str, theirs: Callable[[str], bool]) -> bool:
    """As reading takes it: with and without space that people add."""
    return theirs(key) or theirs(key.strip())


def _words(row: Row, known: Mapping[str, Item] | None, annotator: str) -> tuple[str, str, str]:
    """Key, label and annotator of a line; space that people add is taken off, but not what a key has itself."""
    key = "" if row.get("key") is None else str(row["key"])
    key = key if known is None or key in known else key.strip()
    return key, _text(row.get("label")), _text(row.get("annotator")) or annotator


def _wrong(
    key: str, label: str, known: Mapping[str, Item] | None, classes: Collection[str] | None
) -> Iterator[str]:
    if not key:
        yield "it names no item: key is empty"
    elif known is not None and key not in known:
        yield unknown_key(key)
    if label and classes is not None and label not in classes:
        yield unknown_class(label, classes)


def _data(row: Row) -> dict[str, Any]:
    return {name: cell for name, cell in row.items() if name not in ("key", *ANSWER) and cell != ""}


def _whole(found: Sheet) -> list[Labelled]:
    if found.faults:
        told = "; ".join(f"{fault.where}: {', '.join(fault.reasons)}" for fault in found.faults[:20])
        raise FatalError(f"{len(found.faults)} lines of the sheet are bad: {told}.", fix=_AGAIN)
    return list(found.labelled)


def _rows(labelled: Sequence[Labelled]) -> list[Row]:
    """A row an answer, the first of each annotator; a row without one for an item that has none."""
    rows = []
    answered: set[tuple[str, str]] = set()
    for one in labelled:
        if taken := [name for name in one.item.data if name in ("key", *ANSWER)]:
            raise FatalError(
                f"Item {one.item.key!r} has a data column {taken[0]!r}, which a sheet needs for the answer.",
                fix="give the column another name.",
            )
        own = {"key": one.item.key, **one.item.data}
        answers = []
        for annotation in one.annotations:
            who = (one.item.key, annotation.annotator.strip())
            if who not in answered and (row := _answer(annotation)) is not None:
                answers.append(row)
                answered |= {who} if who[1] else set()
        rows += [own | answer for answer in answers or [dict.fromkeys(ANSWER, "")]]
    return rows


def _answer(annotation: Annotation) -> Row | None:
    label = annotation.choice()
    if label is None or annotation.skipped or label != label.strip() or not label:
        return None
    return {
        "label": label,
        "annotator": annotation.annotator,
        "at": annotation.at.astimezone(UTC).isoformat() if annotation.at else "",
        "seconds": "" if annotation.seconds is None else annotation.seconds,
    }


def _csv(rows: Sequence[Row]) -> bytes:
    data = dict.fromkeys(name for row in rows for name in row if name not in ("key", *ANSWER))
    columns = ["key", *data, *ANSWER]
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow([_guarded(name) for name in columns])
    lines.writerows([_guarded(_cell(row.get(name, ""))) for name in columns] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else dumped(value)


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def _csv_lines(source: Source) -> Iterator[tuple[int, Row, str]]:
    """(line, row, what is broken about it); a spreadsheet that parts by semicolons or tabs is read as well."""
    csv.field_size_limit(MOST_BYTES)
    whole = text(source)
    rows = csv.reader(io.StringIO(whole, newline=""), delimiter=_delimiter(whole), strict=True)
    try:
        header = [_plain(name) for name in next(rows, [])]
        if missing := [name for name in ("key", "label") if name not in header]:
            raise FatalError(
                f"The sheet's header is {', '.join(header) or 'empty'}; {' and '.join(missing)} is missing.",
                fix="fill in the sheet that was handed out, and keep its first line.",
            )
        if doubled := [name for name in header if header.count(name) > 1]:
            raise FatalError(f"The sheet has two columns {doubled[0]!r}.", fix="keep the header as handed out.")
        for row in rows:
            cells = [_plain(cell) for cell in row]
            if row and any(cells):
                short = f"it has {len(row)} cells, the header {len(header)}: is the file half written?"
                broken = short if len(row) != len(header) else ""
                yield rows.line_num, dict(zip(header, cells, strict=False)), broken
    except csv.Error as error:
        yield rows.line_num, {}, f"it is no CSV ({error}): is the file half written?"


def _delimiter(whole: str) -> str:
    head = whole.partition("\n")[0]
    return max((",", ";", "\t"), key=head.count)


def _json_lines(source: Source) -> Iterator[tuple[int, Row, str]]:
    for number, line in enumerate(text(source).split("\n"), 1):
        if line.strip():
            try:
                ((_, row),) = json_lines(line.encode())
            except FatalError as error:
                yield number, {}, error.problem.replace("Line 1 ", "it ").rstrip(".")
                continue
            yield number, row, ""


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _time(cell: Any, reasons: list[str]) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(cell)) if _text(cell) else None
    except ValueError:
        reasons.append(f"at is {cell!r}, which is no time of ISO 8601")
        return None
    if found is not None and found.tzinfo is None:
        reasons.append(f"at is {cell!r}, which names no zone")
        return None
    return found


def _seconds(cell: Any, reasons: list[str]) -> float | None:
    try:
        found = float(_text(cell)) if _text(cell) else None
    except ValueError:
        found = math.nan
    if found is not None and not 0 <= found < math.inf:
        reasons.append(f"seconds is {cell!r}, which is no duration")
        return None
    return found


_LINES: Mapping[str, Callable[[Source], Iterator[tuple[int, Row, str]]]] = {
    "csv": _csv_lines,
    "jsonl": _json_lines,
}
