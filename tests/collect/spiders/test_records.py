"""Pictures and texts are refused where they are broken, and kept as they are where they are whole."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from include.collect.spiders.records import Picture, Record, Text

PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)


class Shown(Record):
    table = "shown"
    key = "name"

    name: Text
    rank: int | None
    image: Picture


def encoded(kind: str) -> bytes:
    return cv2.imencode(kind, PIXELS)[1].tobytes()


def reasons(**values: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Shown.model_validate({"name": "a", "rank": 1, "image": encoded(".png")} | values)
    return [(".".join(map(str, e["loc"])), e["type"]) for e in caught.value.errors()]


def test_a_record_becomes_a_row_and_its_picture_three_columns():
    png = encoded(".png")
    record = Shown(name=" a ", rank=None, image=png)
    assert Shown.columns() == [
        ("name", "text"), ("rank", "bigint"), ("image", "text"), ("width", "bigint"), ("height", "bigint"),
    ]  # fmt: skip
    (picture,) = record.pictures()
    assert record.row() == ["a", None, picture.path, "8", "6"]
    assert picture.png == png


def test_a_jpeg_is_kept_as_png_with_the_same_pixels():
    jpeg = encoded(".jpg")
    (picture,) = Shown(name="a", rank=1, image=jpeg).pictures()
    stored = cv2.imdecode(np.frombuffer(picture.png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.png.startswith(b"\x89PNG")
    assert np.array_equal(stored, cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_a_picture_cut_anywhere_is_refused(kind: str):
    data = encoded(kind)
    for end in range(20, len(data) - 1, 7):
        assert reasons(image=data[:end]) in ([("image", "truncated")], [("image", "not_an_image")])
    assert reasons(image=data[:-3]) == [("image", "truncated")]


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm():
    assert Shown(name="a", rank=1, image=encoded(".jpg") + b"made by a phone").pictures()


def test_a_flipped_bit_is_refused():
    data = bytearray(encoded(".png"))
    data[-20] ^= 1
    assert reasons(image=bytes(data)) == [("image", "damaged")]


def test_a_small_file_that_unfolds_into_a_huge_picture_is_refused_before_it_is_decoded():
    header = struct.pack("!IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunk = struct.pack("!I", len(header)) + b"IHDR" + header + struct.pack("!I", zlib.crc32(b"IHDR" + header))
    assert reasons(image=b"\x89PNG\r\n\x1a\n" + chunk) == [("image", "too_large")]


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty"), (b"<html>", "not_an_image"), (None, "empty")])
def test_what_is_no_picture_is_refused(data: bytes | None, reason: str):
    assert reasons(image=data) == [("image", reason)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("J\ufffdrg", "badly_encoded"),
        ("a\x00b", "badly_encoded"),
        ("  ", "string_too_short"),
        (None, "string_type"),
    ],
)
def test_text_that_was_lost_in_decoding_is_refused(name: str | None, reason: str):
    assert reasons(name=name) == [("name", reason)]


def test_every_fault_of_a_record_is_named():
    assert reasons(name="", rank="many", image=b"", colour="red") == [
        ("name", "string_too_short"), ("rank", "int_parsing"), ("image", "empty"), ("colour", "extra_forbidden"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"rank": 2**63}, ("rank", "out_of_range")),
        ({"rank": -(2**63) - 1}, ("rank", "out_of_range")),
        ({"name": "a" * 2_001}, ("name", "too_long")),
        ({"name": "ä" * 1_001}, ("name", "too_long")),
    ],
)
def test_what_no_table_could_hold_is_refused_whatever_the_field_allows(values: dict, reason: tuple[str, str]):
    assert reasons(**values) == [reason]
    assert reasons(**values, image=b"") == [reason, ("image", "empty")]


def test_the_largest_and_the_smallest_number_and_the_longest_key_that_a_table_holds_are_rows():
    for rank in (2**63 - 1, -(2**63)):
        assert Shown(name="a" * 2_000, rank=rank, image=encoded(".png")).rank == rank
