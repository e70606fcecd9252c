"""What spiders find: pydantic models that say how a record must look and how it is landed."""

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from include.collect.spiders.frontier import Refused
from include.core.crawl import Link, Outcome

PNG = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 40_000_000
# NUL, and halves of surrogate pairs, which a page can write as entities: no text of Postgres holds them.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# A key is indexed, and Postgres indexes no more than some 2,700 bytes.
LONGEST_KEY = 2_000
POSTGRES_TYPES = {bool: "boolean", int: "bigint", Decimal: "numeric", float: "double precision"}


@dataclass(frozen=True, slots=True)
class Image:
    """A whole picture as PNG bytes, named by their SHA-256."""

    png: bytes
    width: int
    height: int

    @property
    def path(self) -> str:
        """Its place under the root of the object storage."""
        digest = sha256(self.png).hexdigest()
        return f"images/{digest[:2]}/{digest}.png"


def _image(data: object) -> Image:
    """PNG bytes are kept as they are, other formats become PNG. Broken pictures are refused."""
    import cv2
    import numpy as np

    if not isinstance(data, bytes) or not data:
        raise PydanticCustomError("empty", "there is no picture")
    if data.startswith(PNG):
        _check_png(data)
    # Scan data never holds an end marker (JPEG escapes it), so the last scan of a whole JPEG has one behind it.
    elif data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise PydanticCustomError("truncated", "the JPEG ends before its end marker")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        # OpenCV has bounds of its own, which the child process sets to MAX_PIXELS for every format.
        raise PydanticCustomError("too_large", "OpenCV refuses to unfold the picture") from error
    if pixels is None:
        raise PydanticCustomError("not_an_image", "the bytes are no picture that OpenCV can read")
    if not data.startswith(PNG):
        data = cv2.imencode(".png", pixels)[1].tobytes()
    return Image(data, int(pixels.shape[1]), int(pixels.shape[0]))


def _check_png(data: bytes) -> None:
    """Walk the chunks of a PNG (W3C PNG specification, section 5): each whole, each checksum right, IEND last.

    Decoders paint the missing part of a cut picture grey and say nothing, so this is checked first.
    """
    place, kind = len(PNG), b""
    while kind != b"IEND":
        head = data[place : place + 8]
        if len(head) < 8:
            raise PydanticCustomError("truncated", "the PNG ends before its last chunk")
        length, kind = struct.unpack("!I4s", head)
        end = place + 12 + length
        if end > len(data):
            raise PydanticCustomError("truncated", "the PNG ends within a chunk")
        if zlib.crc32(data[place + 4 : end - 4]) != struct.unpack("!I", data[end - 4 : end])[0]:
            raise PydanticCustomError("damaged", "a chunk of the PNG does not match its checksum")
        if kind == b"IHDR":
            width, height = struct.unpack("!II", data[place + 8 : place + 16])
            if width * height > MAX_PIXELS:
                raise PydanticCustomError("too_large", "the PNG has more than 40 million pixels")
        place = end


def _readable(text: str) -> str:
    if "\ufffd" in text or UNSTORABLE.search(text):
        raise PydanticCustomError("badly_encoded", "the text holds characters that were lost in decoding")
    return text


Text = Annotated[str, Field(min_length=1, max_length=100_000), AfterValidator(_readable)]
Picture = Annotated[Image, PlainValidator(_image)]


class Record(BaseModel):
    """One row of `table`, identified by `key`: the one declaration of what such a record must be.

    Fields become columns in their order. A Picture becomes three: its path under its own name, `width` and
    `height` in pixels. What no table could hold is refused whatever a field allows, beside all else that is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    table: ClassVar[str]
    key: ClassVar[str]

    @field_validator("*")
    @classmethod
    def _landable(cls, value: Any, info: ValidationInfo) -> Any:
        """Postgres holds no NUL and no half of a surrogate pair, integers of 64 bits, and no key of any length."""
        text = "" if value is None or isinstance(value, Image) else str(value)
        if UNSTORABLE.search(text):
            raise PydanticCustomError("badly_encoded", "the text holds characters that Postgres does not")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise PydanticCustomError("out_of_range", "the number has more than 64 bits")
        if info.field_name == cls.key and not isinstance(value, Image):
            if not text:
                raise PydanticCustomError("no_key", "the record names no key")
            if len(text.encode("utf-8", "replace")) > LONGEST_KEY:
                raise PydanticCustomError("too_long", "the key is too long to be indexed")
        return value

    @classmethod
    def columns(cls) -> list[tuple[str, str]]:
        """Column names with their Postgres types."""
        columns: list[tuple[str, str]] = []
        for name, field in cls.model_fields.items():
            known = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind in POSTGRES_TYPES]
            columns.append((name, POSTGRES_TYPES[known[0]] if known else "text"))
            if field.annotation is Image:
                columns += [("width", "bigint"), ("height", "bigint")]
        return columns

    def row(self) -> list[str | None]:
        """The values of the columns, as Postgres reads them from text."""
        values: list[str | None] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Image):
                values += [value.path, str(value.width), str(value.height)]
            else:
                values.append(None if value is None else str(value))
        return values

    def pictures(self) -> list[Image]:
        """The pictures that the row refers to."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value for value in values if isinstance(value, Image)]


class Page(Record):
    """A page that was visited."""

    table = "pages"
    key = "path"

    path: Text
    content_type: Text
    size: int
    sha256: Text
    last_modified: Text | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a spider read, not yet judged."""

    model: type[Record]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """A file shown on a page, and the spider's method that reads it."""

    address: str
    use: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A visit as the spider saw it, not yet judged. `reason` says why there is nothing to judge."""

    link: Link
    outcome: Outcome
    links: tuple[Link, ...] = ()
    refused: tuple[Refused, ...] = ()
    found: tuple[Found, ...] = ()
    etag: str | None = None
    last_modified: str | None = None
    reason: str | None = None
