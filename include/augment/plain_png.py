"""Plain PNG files, read in three quarters of OpenCV's time (W3C PNG specification)."""

import struct
from collections.abc import Iterator

import numpy as np  # noqa: TID253  (imported lazily, by images)
from zlib_ng import zlib_ng

from include.augment.png import COLOURS, SIGNATURE

LEFT = b"\x01"
"""The filter of a row that is given as its differences from the pixel before (section 9.2)."""

CHANNELS = {COLOURS[1]: 1, COLOURS[3]: 3}
LONGEST = 2**13
"""Pixels of the longest side that is read here: sums over ROWS such rows fit 31 bits."""

ROWS = 32
"""As many rows are summed at once: their sums stay in a core's cache."""


class NotPlainError(Exception):
    """The file is broken, no PNG, or one that is left to OpenCV."""


def decode(data: bytes) -> np.ndarray:
    """The 8-bit image, grey (h, w) or blue-green-red (h, w, 3), pixel for pixel as OpenCV reads it.

    All rows are given as differences from the left, as OpenCV writes them, and nothing else is there: no palette,
    alpha, interlacing, turn or second picture. Raises NotPlainError for any other file.
    """
    import cv2

    try:
        height, width, channels, packed = _opened(data)
        lines = _unpacked(packed, height, 1 + width * channels)
    except (ValueError, struct.error, zlib_ng.error) as error:  # type: ignore[misc]
        raise NotPlainError(str(error)) from error
    differences = lines[:, 1:].reshape(height, width, channels)
    image = np.empty((height, width, channels), dtype=np.uint8)
    for top in range(0, height, ROWS):
        # A pixel is the sum of its row's differences up to it, modulo 256: the sum over all above and left of it
        # (Crow 1984), which OpenCV is fast at, less the one a row higher.
        sums = cv2.integral(differences[top : top + ROWS], sdepth=cv2.CV_32S).astype(np.uint8)
        sums = sums.reshape(-1, width + 1, channels)
        np.subtract(sums[1:, 1:], sums[:-1, 1:], out=image[top : top + ROWS])
    return image[..., 0] if channels == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def _opened(data: bytes) -> tuple[int, int, int, bytes]:
    """Height, width, channels and the packed rows."""
    (first, header), *parts, (last, _) = _chunks(data)
    if (first, last) != (b"IHDR", b"IEND") or {kind for kind, _ in parts} != {b"IDAT"}:
        raise ValueError("other chunks")
    width, height, depth, colour, *methods = struct.unpack("!IIBBBBB", header)
    if (
        depth != 8
        or colour not in CHANNELS
        or any(methods)
        or not 0 < min(height, width) <= max(height, width) <= LONGEST
    ):
        raise ValueError("another form")
    return height, width, CHANNELS[colour], b"".join(part for _, part in parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk."""
    if not data.startswith(SIGNATURE):
        raise ValueError("no PNG")
    place = len(SIGNATURE)
    while place < len(data):
        length, kind = struct.unpack_from("!I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        if struct.unpack_from("!I", data, place + 8 + length) != (zlib_ng.crc32(content, zlib_ng.crc32(kind)),):
            raise ValueError("a broken chunk")
        yield kind, content
        place += 12 + length


def _unpacked(packed: bytes, height: int, line: int) -> np.ndarray:
    """Every row's filter and differences, (height, line)."""
    unpacker, size = zlib_ng.decompressobj(), height * line
    view, part = memoryview(packed), len(packed) // 8
    lines = unpacker.decompress(view[:part], size)
    # Most files whose rows' filters differ are told by the first ones, before time is spent on the others.
    if lines[::line].strip(LEFT):
        raise ValueError("other filters")
    # One byte more than there may be: a file that unpacks to more is not followed to its end.
    lines += unpacker.decompress(view[part:], size + 1 - len(lines))
    if len(lines) != size or not unpacker.eof or unpacker.unused_data or lines[::line].strip(LEFT):
        raise ValueError("other filters, or not as many rows")
    return np.frombuffer(lines, dtype=np.uint8).reshape(height, line)
