"""Albumentations transforms done faster: the same pictures, or the same in distribution where random numbers
are drawn in another way."""

from functools import cache
from statistics import NormalDist
from typing import Any

import albumentations as A  # noqa: TID253  (imported lazily, by recipes)
import cv2  # noqa: TID253
import numpy as np  # noqa: TID253


class Affine(A.Affine):
    """Affine, byte for byte."""

    def apply(
        self, img: np.ndarray, matrix: np.ndarray, output_shape: tuple[int, int], **params: Any
    ) -> np.ndarray:
        if not _coloured(img):
            return super().apply(img, matrix, output_shape, **params)
        moved = cv2.warpAffine(
            cv2.cvtColor(img, cv2.COLOR_BGR2BGRA), matrix[:2], output_shape[::-1],
            flags=self.interpolation, borderMode=self.border_mode, borderValue=_four(self.fill),
        )  # fmt: skip
        return cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR)


class Elastic(A.ElasticTransform):
    """ElasticTransform, its displacements blurred from random bytes.

    Each displacement is a weighted sum over some 4πσ² pixels (200 at σ = 4), which is normal whatever its terms
    are (central limit theorem); normal terms cost ten times as much to draw. Albumentations divides its terms by
    the largest of them, of which the median stands here: for n normal numbers, Φ⁻¹((1 + 2^(-1/n)) / 2).
    """

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        largest = NormalDist().inv_cdf((1 + 2 ** (-0.5 / (height * width))) / 2)
        # The bytes 0 to 255 have this deviation.
        scale = self.alpha / largest / ((256**2 - 1) / 12) ** 0.5
        # As wide as OpenCV's own Gaussian blur of real numbers.
        kernel = cv2.getGaussianKernel(round(8 * self.sigma + 1) | 1, self.sigma, cv2.CV_32F)
        drawn = np.frombuffer(self.random_generator.bytes(2 * height * width), dtype=np.uint8)
        # Both maps are blurred as one picture, one below the other, as Albumentations does it.
        maps = cv2.sepFilter2D(
            drawn.reshape(2 * height, width), cv2.CV_32F, kernel, kernel * scale, delta=-127.5 * scale,
            borderType=cv2.BORDER_REPLICATE,
        ).reshape(2, height, width)  # fmt: skip
        maps[0] += np.arange(width, dtype=np.float32)
        maps[1] += np.arange(height, dtype=np.float32)[:, None]
        return {"map_x": maps[0], "map_y": maps[1]}

    def apply(self, img: np.ndarray, map_x: np.ndarray, map_y: np.ndarray, **params: Any) -> np.ndarray:
        if not _coloured(img):
            return super().apply(img, map_x, map_y, **params)
        moved = cv2.remap(
            cv2.cvtColor(img, cv2.COLOR_BGR2BGRA), map_x, map_y, self.interpolation,
            borderMode=self.border_mode, borderValue=_four(self.fill),
        )  # fmt: skip
        return cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR)


class Noise(A.GaussNoise):
    """GaussNoise for 8-bit images with noise of each channel's own: each number is one of 65,536 quantiles."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        shape = params["shape"]
        size = int(np.prod(shape))
        deviation, mean = (255 * self.py_random.uniform(*bounds) for bounds in (self.std_range, self.mean_range))
        table = np.rint(_quantiles() * deviation + mean).astype(np.int16)
        drawn = self.random_generator.bit_generator.random_raw(-(-size // 4)).view(np.uint16)
        # 16 bits cannot point beyond the table: "wrap" only saves the check.
        return {"noise_map": np.take(table, drawn[:size], mode="wrap").reshape(shape)}

    def apply(self, img: np.ndarray, noise_map: np.ndarray, **params: Any) -> np.ndarray:
        added: np.ndarray = cv2.add(img, noise_map, dtype=cv2.CV_8U)
        return added


def _coloured(image: np.ndarray) -> bool:
    """With a fourth channel, OpenCV moves the pixels of such an image in half the time."""
    return image.dtype == np.uint8 and image.shape[2:] == (3,)


def _four(fill: tuple[float, ...] | float) -> list[float]:
    return [*fill, 0] if isinstance(fill, tuple) else [fill] * 4


@cache
def _quantiles() -> np.ndarray:
    """The standard normal distribution's, in the middle of 65,536 equal parts."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((place + 0.5) / 65_536) for place in range(65_536)], dtype=np.float32)
