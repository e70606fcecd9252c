"""Files of other people, taken in with care: bounded in size, no entity resolved, no path in them opened."""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from include.core.errors import FatalError

# No export is larger; a smaller file that unpacks to more is an attack.
MOST_BYTES = 1 << 30
_AGAIN = "export the file again, and compare its size with what the tool shows."

Source = Path | str | bytes


def content(source: Source, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file, or those given. Raises FatalError for one that is not there, or too large."""
    if isinstance(source, bytes):
        size = len(source)
    else:
        try:
            size = Path(source).stat().st_size
        except OSError as error:
            raise FatalError(
                f"The file {str(source)!r} cannot be read: {error.strerror}.", fix="name a file that is there."
            ) from error
    if size > most:
        raise FatalError(f"The file has {size} bytes; {most} are the most.", fix="export it in parts.")
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def text(source: Source) -> str:
    """The text of a UTF-8 file, with or without a byte order mark."""
    try:
        return content(source).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FatalError(
            f"The file is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}.",
            fix="save it as UTF-8 (a spreadsheet calls it 'CSV UTF-8').",
        ) from error


def json_of(source: Source) -> Any:
    """A JSON document. Raises FatalError, with the place, for one that breaks off or is none."""
    return _parsed(text(source), "The file")


def json_lines(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of a file with one JSON object a line; blank lines are passed over."""
    for number, line in enumerate(text(source).split("\n"), 1):
        if line.strip():
            found = _parsed(line, f"Line {number}")
            if not isinstance(found, dict):
                raise FatalError(f"Line {number} is no JSON object but {line[:40]!r}.", fix=_AGAIN)
            yield number, found


def _parsed(document: str, what: str) -> Any:
    try:
        return json.loads(document, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        cut = isinstance(error, json.JSONDecodeError) and error.pos >= len(document.rstrip()) - 6
        said = "breaks off: it is half written" if cut or "Unterminated" in str(error) else f"is no JSON: {error}"
        raise FatalError(f"{what} {said}{where if cut else ''}.", fix=_AGAIN) from error


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def lines_of(records: Sequence[Any]) -> bytes:
    """One JSON document a line."""
    return "".join(dumped(record) + "\n" for record in records).encode()


def dumped(value: Any) -> str:
    """As JSON; what JSON has no form for (a date, a decimal) as its text."""
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except ValueError as error:
        raise FatalError(
            f"JSON cannot hold a value: {error}.", fix="replace NaN and infinities by null."
        ) from error


def xml_of(source: Source) -> ElementTree.Element:
    """The root of an XML document. A document type or an entity is refused, whatever it says."""
    from defusedxml import ElementTree as Defused
    from defusedxml.common import DefusedXmlException

    try:
        root: ElementTree.Element = Defused.fromstring(content(source), forbid_dtd=True)
    except DefusedXmlException as error:
        raise FatalError(
            f"The XML file declares a document type or an entity ({type(error).__name__}).",
            fix="take the declaration out; no tool's export has one.",
        ) from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the last two: of its encoding
        cut = "no element found" in str(error) or "unclosed token" in str(error)
        said = "breaks off: it is half written" if cut else "is no XML"
        raise FatalError(f"The file {said}: {error}.", fix=_AGAIN) from error
    return root


def xml_bytes(root: ElementTree.Element) -> bytes:
    """The document. Raises FatalError for a character that XML cannot hold."""
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    try:
        xml_of(data)
    except FatalError as error:
        raise FatalError(
            "A label, key or attribute has a control character, which XML cannot hold.",
            fix="take the character out, or choose a format that is JSON.",
        ) from error
    return data


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive of these files, the same bytes for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unzipped(source: Source, most: int = MOST_BYTES) -> dict[str, bytes]:
    """The files of an archive by name, in memory; nothing is unpacked to where a name points."""
    try:
        with zipfile.ZipFile(io.BytesIO(content(source))) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if (size := sum(member.file_size for member in members)) > most:
                raise FatalError(
                    f"The archive unpacks to {size} bytes; {most} are the most.", fix="export in parts."
                )
            return {member.filename: archive.read(member) for member in members}
    except FatalError:
        raise
    except Exception as error:  # `zipfile` checks less than it relies on: damage makes errors of all sorts
        raise FatalError(f"The archive cannot be read, it may be half written: {error}.", fix=_AGAIN) from error


def file_name(key: str) -> str:
    """A key as the name of a file, from which `key_of` has it back."""
    return quote(key, safe=" @+=,()")


def key_of(name: str) -> str:
    """The key of a file's name without its ending."""
    return unquote(name)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Makes FatalErrors of what goes wrong while a record is taken apart; `what` names the record."""
    try:
        yield
    except FatalError as error:
        raise FatalError(f"{what}: {error.problem}", fix=error.fix) from error
    except KeyError as error:
        raise FatalError(
            f"{what} lacks {error}.", fix="name the right format, or export the file again."
        ) from error
    except (ValueError, TypeError, AttributeError, IndexError, ArithmeticError) as error:
        raise FatalError(f"{what} is not as the format says: {error}", fix="name the right format.") from error
