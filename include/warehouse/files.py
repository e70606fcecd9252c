"""Files that rows name by a path inside the object storage."""

from pathlib import PurePosixPath
from typing import Any

from include.core.errors import FatalError, RetriableError


def place_of(storage: Any, path: str, row: str) -> Any:
    """Where a row's file lies, under `storage`, the root of the object storage (a pathlib.Path or like one).

    Raises FatalError for a path that leaves the storage.
    """
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or "\0" in path or ":" in path:
        raise FatalError(
            f"The image path {path!r} of row {row!r} leaves the object storage.",
            fix="store paths relative to the storage's root, such as images/ab/abcd.png.",
        )
    return storage / path


def fetch_image(storage: Any, path: str, row: str) -> bytes:
    """The bytes of a row's image.

    Raises FatalError for a path that leaves the storage and for an image that is not there, RetriableError for one
    that cannot be read now.
    """
    place = place_of(storage, path, row)
    try:
        with place.open("rb") as file:
            data: bytes = file.read()
    except FileNotFoundError as error:
        raise FatalError(
            f"The image {path} of row {row!r} is not in the object storage.",
            fix="collect it again, or reject such rows in the dataset's suite.",
        ) from error
    except OSError as error:
        raise RetriableError(
            f"The image {path} of row {row!r} could not be read: {error}.",
            fix="check the object storage's connection.",
        ) from error
    return data
