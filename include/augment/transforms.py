"""Albumentations transforms done faster: the same pictures, or the same in distribution where random numbers
are drawn in another way."""

import math
from bisect import bisect_right
from functools import cache
from statistics import NormalDist
from typing import Any

import albumentations as A  # noqa: TID253  (imported lazily, by recipes)
import cv2  # noqa: TID253
import numpy as np  # noqa: TID253


class Affine(A.Affine):
    """Affine of images, byte for byte; boxes would need a second matrix, which nothing here asks for."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        if self.fit_output:
            return super().get_params_dependent_on_data(params, data)
        # The same draws in the same order.
        height, width = shape = params["shape"][:2]
        shift, shear = self._get_translate_params(shape), self._get_shear_params()
        scale = self._get_scale(self.scale, self.keep_ratio, self.balanced_scale, self.py_random)
        turn = math.radians(self.py_random.uniform(*self.rotate) % 360)
        sine, cosine = math.sin(turn), math.cos(turn)
        along, down = (math.tan(math.radians(shear[axis])) for axis in ("x", "y"))
        (a, b), (c, d) = (
            (scale["x"] * (cosine - along * sine), scale["y"] * (sine + along * cosine)),
            (scale["x"] * (down * cosine - sine), scale["y"] * (down * sine + cosine)),
        )
        # The centre stays where it is, but for the shift.
        x, y = width / 2 - 0.5, height / 2 - 0.5
        rows = [[a, b, x + shift["x"] - a * x - b * y], [c, d, y + shift["y"] - c * x - d * y], [0, 0, 1]]
        return {"matrix": np.array(rows), "output_shape": shape}

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


class OneOf(A.OneOf):
    """OneOf, the same draws, but not by `Generator.choice`, which checks the weights for longer than it draws."""

    def __init__(self, transforms: list[A.BasicTransform], p: float = 0.5) -> None:
        super().__init__(transforms, p)
        bounds = np.cumsum(self.transforms_ps)
        self._bounds = (bounds / bounds[-1]).tolist()

    def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        if not (force_apply or self.py_random.random() < self.p):
            return data
        chosen = self.transforms[bisect_right(self._bounds, self.random_generator.random())]
        made: dict[str, Any] = chosen(force_apply=True, **data)
        return made


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
        drawn = _random_bytes(self.random_generator, 2 * height * width)
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
        drawn = _random_bytes(self.random_generator, 2 * size).view(np.uint16)
        return {"noise_map": cv2.LUT(drawn, table).reshape(shape)}

    def apply(self, img: np.ndarray, noise_map: np.ndarray, **params: Any) -> np.ndarray:
        added: np.ndarray = cv2.add(img, noise_map, dtype=cv2.CV_8U)
        return added


def _random_bytes(generator: np.random.Generator, count: int) -> np.ndarray:
    """What `generator.bytes` draws, without its copies."""
    drawn: np.ndarray = generator.bit_generator.random_raw(-(-count // 8)).view(np.uint8)[:count]
    return drawn


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
