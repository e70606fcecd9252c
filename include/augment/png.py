"""PNG files that are written fast, their bytes decided by the pixels alone (W3C PNG specification)."""

import struct
import zlib

import numpy as np  # noqa: TID253  (imported lazily, by images)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: 0, 3: 2, 4: 6}
"""Colour types by channels (section 11.2.1): grey, red-green-blue, and with alpha."""

NONE, UP = 0, 2
"""The filters of a row that is given as it is, and as its differences from the row above (section 9.2)."""

LARGEST_BLOCK = 65_535


def encode(image: np.ndarray, pack: bool = True) -> bytes:
    """An 8-bit image, grey (h, w), blue-green-red (h, w, 3) or with alpha (h, w, 4), as a PNG.

    Each row is given as its differences from the one above, and packed as runs, by Huffman codes or not at all: no
    match is searched for. Faster searches differ by CPU and by implementation of zlib, and so would the bytes, and
    with them the file's name. Without `pack`, rows are written as they are: larger files, read in less time.

    Raises ValueError for an image that PNG does not hold.
    """
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or not image.size or channels not in COLOURS:
        raise ValueError(f"{channels} channels, {image.size} values of type {image.dtype}")
    height, width = image.shape[:2]
    header = struct.pack("!IIBBBBB", width, height, 8, COLOURS[channels], 0, 0, 0)
    lines = _lines(image, channels, UP if pack else NONE)
    data = _packed(lines) if pack else _stored(lines)
    return b"".join((SIGNATURE, *_chunk(b"IHDR", header), *_chunk(b"IDAT", data), *_chunk(b"IEND", b"")))


def _lines(image: np.ndarray, channels: int, kind: int) -> np.ndarray:
    """Every row's filter, then its values or differences, one row after the other."""
    import cv2

    if channels == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    elif channels == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    rows = image.reshape(len(image), -1)
    lines = np.empty((len(rows), 1 + rows.shape[1]), dtype=np.uint8)
    lines[:, 0] = kind
    lines[0, 1:] = rows[0]
    if kind == UP:
        np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    else:
        lines[1:, 1:] = rows[1:]
    return lines.reshape(-1)


def _packed(lines: np.ndarray) -> bytes:
    """The bytes as a zlib stream.

    How often a byte equals the one before tells what is worth its time. More often than in 1 of 4: there are runs.
    Less often than in 1 of 64, as of normal numbers with a deviation of 18: Huffman codes of 6.2 bits would save
    less than a quarter, and take as long as making the image.
    """
    from zlib_ng import zlib_ng

    equal = np.count_nonzero(lines[1:] == lines[:-1])
    if 64 * equal < lines.size:
        return _stored(lines)
    strategy = zlib.Z_RLE if 4 * equal > lines.size else zlib.Z_HUFFMAN_ONLY
    packer = zlib_ng.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    return packer.compress(lines) + packer.flush()


def _stored(lines: np.ndarray) -> bytes:
    """A zlib stream of blocks that are not packed (RFC 1950, section 2.2; RFC 1951, section 3.2.4)."""
    from zlib_ng import zlib_ng

    data = lines.data
    parts: list[bytes | memoryview] = [b"\x78\x01"]
    for place in range(0, len(data), LARGEST_BLOCK):
        block = data[place : place + LARGEST_BLOCK]
        last = place + LARGEST_BLOCK >= len(data)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    return b"".join([*parts, struct.pack("!I", zlib_ng.adler32(data))])


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    from zlib_ng import zlib_ng

    return struct.pack("!I", len(data)), kind, data, struct.pack("!I", zlib_ng.crc32(data, zlib_ng.crc32(kind)))
