"""Reads the images that rows name by path, and none that lies elsewhere or is not what its name says."""

import hashlib
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from include.core.errors import FatalError

CONTENT_ADDRESS = re.compile(r"[0-9a-f]{64}")


def fetch_from(storage: Any) -> Callable[[str], bytes]:
    """Reads a path below the root of the object storage (a pathlib.Path or like one).

    Raises FatalError for a path that leads out of it, a file that is not there, and one that is named by its
    content's hash and has another content.
    """

    def fetch(path: str) -> bytes:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or not parts.parts or "\0" in path or ":" in path:
            raise FatalError(
                f"The image path {path!r} leaves the object storage.", fix="store paths relative to its root."
            )
        place = storage / path
        if not place.exists():
            raise FatalError(
                f"The image {path} is not in the object storage.",
                fix="restore it from a backup: the version names it.",
            )
        with place.open("rb") as file:
            data: bytes = file.read()
        if CONTENT_ADDRESS.fullmatch(parts.stem) and hashlib.sha256(data).hexdigest() != parts.stem:
            raise FatalError(
                f"The image {path} has another content than its name says.",
                fix="restore it from a backup: the version names it.",
            )
        return data

    return fetch
