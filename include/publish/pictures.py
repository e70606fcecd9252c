"""Whether an image is what its name says: images are stored under their content's hash."""

import hashlib
import re
from pathlib import PurePosixPath

from include.core.errors import FatalError

CONTENT_ADDRESS = re.compile(r"[0-9a-f]{64}")


def genuine(path: str, data: bytes) -> bytes:
    """The image's bytes. Raises FatalError if the path names a content's hash, and it is not that of `data`."""
    name = PurePosixPath(path).stem
    if CONTENT_ADDRESS.fullmatch(name) and hashlib.sha256(data).hexdigest() != name:
        raise FatalError(
            f"The image {path} has another content than its name says.",
            fix="restore it from a backup: the version names it.",
        )
    return data
