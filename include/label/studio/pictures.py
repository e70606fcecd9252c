"""Pictures inside of tasks, since Label Studio does not reach the object storage; large ones scaled down."""

from collections.abc import Iterable
from typing import Any

from include.core.annotations import Item
from include.core.errors import FatalError
from include.label.pictures import data_uri
from include.warehouse.files import fetch_image

# A picture as it is sent. Larger ones are scaled down.
MOST_BYTES = 1_000_000
# Label Studio exports a round as one JSON, its pictures included, and that is read into memory.
MOST_BYTES_IN_ALL = 200_000_000
# Pixels of the longer side that a scaled picture begins with, and its quality as JPEG.
LONGEST, QUALITY = 1600, 85


def with_pictures(items: Iterable[Item], column: str, storage: Any) -> list[Item]:
    """The items with the picture itself where their data `column` has a path below `storage`.

    Raises FatalError for a row without a picture, a path that leaves the storage, a file that is not there or is
    neither PNG nor JPEG, and for more than a round can carry; RetriableError where one cannot be read now.
    """
    shown: list[Item] = []
    total = 0
    for item in items:
        if not (path := item.data[column]):
            raise FatalError(
                f"Row {item.key!r} has no picture in its column {column!r}, which annotators are shown.",
                fix="reject such rows in the dataset's suite.",
            )
        uri = sent(fetch_image(storage, path, item.key), path, item.key)
        total += len(uri)
        if total > MOST_BYTES_IN_ALL:
            raise FatalError(
                f"The pictures of the round's first {len(shown) + 1} rows are more than"
                f" {MOST_BYTES_IN_ALL // 1_000_000} MB, which Label Studio is sent and gives back in one piece.",
                fix=f"declare a smaller batch than {len(shown) + 1}.",
            )
        shown.append(item.model_copy(update={"data": {**item.data, column: uri}}))
    return shown


def sent(data: bytes, path: str, row: str) -> str:
    """The picture as a data URI: as it is, or scaled down as a JPEG if it has more than MOST_BYTES.

    Raises FatalError for what is neither PNG nor JPEG, and for a large one that is broken.
    """
    if (uri := data_uri(data)) is None:
        raise FatalError(
            f"The picture {path} of row {row!r} is neither PNG nor JPEG.",
            fix="store it as one of them, or reject such rows in the dataset's suite.",
        )
    return uri if len(data) <= MOST_BYTES else str(data_uri(_scaled(data, path, row)))


def _scaled(data: bytes, path: str, row: str) -> bytes:
    """A JPEG of MOST_BYTES or less, as large as LONGEST or a half, a quarter, … of it allows."""
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise FatalError(
            f"The picture {path} of row {row!r} has {len(data):,} bytes and cannot be read to be scaled down.",
            fix="collect it again, or reject such rows in the dataset's suite.",
        )
    longest = LONGEST
    while True:
        height, width = picture.shape[:2]
        if (scale := longest / max(height, width)) < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        made = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        if len(made) <= MOST_BYTES:
            return made
        longest //= 2
