"""Make a variant of an image: bytes in, bytes out, decided by the seed alone."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.augment)

from include.augment import plain_png, png
from include.augment.registry import recipe
from include.core.errors import FatalError


class Variants:
    """An Albumentations recipe, ready to be drawn from."""

    def __init__(self, key: str, params: Mapping[str, Any], pack: bool = True) -> None:
        transforms = recipe(key)
        import albumentations as A
        import cv2

        try:
            # A single image has no other whose shape it could have.
            self._compose = A.Compose(transforms(**params), strict=True, is_check_shapes=False)
        except (TypeError, ValueError) as error:
            raise FatalError(
                f"Image recipe {key!r} does not take the parameters {dict(params)}: {error}.",
                fix="correct Augment(params=…) in catalog/datasets.py; include/augment/recipes.py lists them.",
            ) from error
        # Some transforms give other bytes under another OpenCV, so both versions belong to the record.
        self.params = {
            "recipe": key,
            "params": dict(params),
            "albumentations": A.__version__,
            "opencv": cv2.__version__,
        }
        self._pack = pack
        if not pack:
            self.params["pack"] = False

    def png(self, image: np.ndarray, seed: int) -> bytes:
        """The variant of that seed as a PNG."""
        # One stream for all transforms: if each had its own of the same seed, all would draw the same numbers.
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        try:
            return png.encode(self._compose(image=image)["image"], self._pack)
        except ValueError as error:
            raise FatalError(
                f"No PNG variant can be made of an image of shape {image.shape}: {error}.",
                fix="keep images of 1, 3 or 4 channels, at least a pixel large; reject others in the suite.",
            ) from error


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV's other threads kept away: a shard has a core, and threads that wait for each other cost it more."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def decode(data: bytes, row: str, path: str) -> np.ndarray:
    """The image as 8-bit grey (h, w) or colour (h, w, 3); FatalError names row and path of a broken one."""
    import cv2

    try:
        return plain_png.decode(data)
    except plain_png.NotPlainError:
        image = None
    if data:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_ANYCOLOR)
    if image is None:
        raise FatalError(
            f"The image {path} of row {row!r} cannot be read: {len(data)} bytes, truncated or not an image.",
            fix="collect it again, or reject such rows in the dataset's suite.",
        )
    return image
