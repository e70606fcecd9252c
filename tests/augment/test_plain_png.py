"""Plain PNG files give the pixels that OpenCV reads; all others are left to it."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from include.augment import images, png
from include.augment.plain_png import LONGEST, NotPlainError, decode

SHAPES = [(1, 2), (1, 7, 3), (40, 60), (31, 5, 3), (33, 64), (256, 256, 3), (300, 2, 3), (100, 1000, 3)]


def picture(*shape):
    noise = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2).reshape(shape)


def written(image, *options):
    return cv2.imencode(".png", image, options)[1].tobytes()


def read(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)


def chunk(kind, data):
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def file(lines, *, width=4, height=3, depth=8, colour=2, interlaced=0, before=b"", after=b"", end=b""):
    """A PNG of the given filters and values of all rows."""
    header = struct.pack("!IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = chunk(b"IDAT", zlib.compress(lines) + after)
    return png.SIGNATURE + chunk(b"IHDR", header) + before + data + chunk(b"IEND", b"") + end


LINES = b"".join(b"\x01" + bytes(range(10 * n, 10 * n + 12)) for n in range(3))
PALETTE = chunk(b"PLTE", bytes(range(30)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("values", [picture, lambda *shape: np.full(shape, 255, np.uint8)], ids=["any", "white"])
def test_what_opencv_wrote_is_read_as_opencv_reads_it(shape, values):
    data = written(values(*shape))
    image = decode(data)
    np.testing.assert_array_equal(image, read(data))
    assert (image.dtype, image.flags.c_contiguous) == (np.uint8, True)


def test_sums_of_the_widest_rows_do_not_overflow():
    data = written(np.full((40, LONGEST), 255, np.uint8))
    np.testing.assert_array_equal(decode(data), read(data))


def test_the_rows_of_the_cases_below_are_plain():
    np.testing.assert_array_equal(decode(file(LINES)), read(file(LINES)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        cv2.imencode(".jpg", picture(40, 60, 3))[1].tobytes(),
        written(picture(40, 60, 4)),
        written(picture(40, 60, 3).astype(np.uint16) * 257),
        written(picture(40, 60), cv2.IMWRITE_PNG_BILEVEL, 1),
        written(picture(40, 60, 3), cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS),
        png.encode(picture(40, 60, 3)),
        file(LINES, interlaced=1),
        file(LINES, width=12, colour=3, before=PALETTE),
        file(LINES, width=6, colour=4),
        file(LINES, before=PALETTE),
        file(LINES, before=chunk(b"tRNS", bytes(6))),
        file(LINES[:26] + b"\x02" + LINES[27:]),
        file(b"\x01" * 13 * 99 + b"\x02" * 13, height=100),
        file(LINES[:-1]),
        file(LINES + b"\x01"),
        file(LINES, after=b"more"),
        file(LINES, end=b"more"),
        file(LINES)[:-20],
        file(LINES).replace(b"IDAT", b"IDAS"),
        file(LINES, width=0),
        file(b"\x01" * (LONGEST + 2), width=LONGEST + 1, height=1, colour=0),
        png.SIGNATURE,
    ],
    ids=[
        "nothing", "JPEG", "alpha", "16 bits", "1 bit", "filters by row", "from above", "interlaced", "palette",
        "grey with alpha", "a spare palette", "a transparent colour", "another filter", "another filter at last",
        "a value short", "a value long", "more data", "more behind", "cut off", "a wrong sum", "no width",
        "too wide", "no chunks",
    ],
)  # fmt: skip
def test_any_other_file_is_left_to_opencv(data):
    with pytest.raises(NotPlainError):
        decode(data)
    expected = read(data) if data else None
    if expected is not None:
        np.testing.assert_array_equal(images.decode(data, "r", "p"), expected)


def test_a_file_that_unpacks_to_far_more_than_its_picture_is_not_followed(monkeypatch):
    import tracemalloc

    data = file(b"\x01" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(NotPlainError):
        decode(data)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
