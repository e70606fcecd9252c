"""PNG files hold the pixels, and their bytes depend on nothing else."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from include.augment.png import encode

SHAPES = [(40, 60), (40, 60, 3), (40, 60, 4), (1, 1), (1, 7, 3), (300, 1, 3), (256, 256, 3)]


def flat(shape):
    image = np.full(shape, 240, dtype=np.uint8)
    image[len(image) // 3 : len(image) // 2] = 7
    return image


def smooth(shape):
    noise = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 4).reshape(shape)


def grained(shape):
    return cv2.add(smooth(shape), np.random.default_rng(4).integers(0, 12, shape, dtype=np.uint8))


def coarse(shape):
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


def read(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def chunks(data):
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from("!I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        assert struct.unpack_from("!I", data, place + 8 + length) == (zlib.crc32(kind + content),)
        yield kind, content
        place += 12 + length


@pytest.mark.parametrize("kind", [flat, smooth, grained, coarse])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_pixels_come_back(kind, shape):
    image = kind(shape)
    np.testing.assert_array_equal(read(encode(image)), image)


def test_an_image_of_one_channel_is_grey():
    assert read(encode(smooth((9, 8, 1)))).shape == (9, 8)


@pytest.mark.parametrize(
    ("kind", "strategy"), [(flat, zlib.Z_RLE), (grained, zlib.Z_HUFFMAN_ONLY)], ids=["runs", "codes"]
)
def test_the_bytes_are_those_of_every_other_zlib(kind, strategy):
    """zlib-ng and the standard library's zlib share no search for matches, and here none is made."""
    (_, _), (name, data), (_, end) = chunks(encode(kind((256, 256, 3))))
    packer = zlib.compressobj(1, strategy=strategy)
    assert (name, end) == (b"IDAT", b"")
    assert data == packer.compress(zlib.decompress(data)) + packer.flush()


def test_what_would_hardly_shrink_is_stored_as_it_is():
    image = coarse((256, 256, 3))
    blocks = -(-(image.nbytes + 256) // 65_535)
    _, (_, data), _ = chunks(encode(image))
    assert len(data) == 2 + 5 * blocks + image.nbytes + 256 + 4


@pytest.mark.parametrize("kind", [flat, grained, coarse])
@pytest.mark.parametrize("shape", SHAPES)
def test_without_packing_the_rows_stand_in_the_file_as_they_are(kind, shape):
    image = kind(shape)
    data = encode(image, pack=False)
    np.testing.assert_array_equal(read(data), image)
    lines = zlib.decompress(next(content for name, content in chunks(data) if name == b"IDAT"))
    assert set(lines[:: 1 + image[0].size]) == {0}
    assert 0 < len(data) - len(lines) < 100


@pytest.mark.parametrize("shape", [(64, 64), (256, 256, 3)])
@pytest.mark.parametrize("deviation", [0, 2, 5, 9, 12, 20])
def test_a_file_is_little_larger_than_opencv_makes_it(shape, deviation):
    noise = np.random.default_rng(3).normal(0, deviation, shape)
    for still in (flat(shape), smooth(shape)):
        image = np.clip(np.rint(still + noise), 0, 255).astype(np.uint8)
        assert len(encode(image)) < 1.3 * len(cv2.imencode(".png", image)[1])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros(4, np.uint8),
    ],
    ids=["two channels", "five channels", "empty", "real", "flat"],
)
def test_what_png_does_not_hold_is_refused(image):
    with pytest.raises(ValueError, match=r"channels, \d+ values of type"):
        encode(image)
