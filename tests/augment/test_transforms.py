"""The faster transforms make what Albumentations makes."""

import albumentations as A
import cv2
import numpy as np
import pytest

from include.augment.transforms import Affine, Elastic, Noise, OneOf, _random_bytes


def picture(*shape):
    noise = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def drawn(transform, image, name, seeds):
    """What a transform draws for an image, by seed."""
    made = []
    for seed in range(seeds):
        transform.set_random_seed(seed)
        made.append(transform.get_params_dependent_on_data({"shape": image.shape}, {"image": image})[name])
    return np.stack(made).astype(float)


@pytest.mark.parametrize("shape", [(40, 56, 3), (40, 56), (31, 7, 3), (40, 56, 5)])
@pytest.mark.parametrize(
    "options",
    [{"border_mode": cv2.BORDER_REPLICATE}, {"fill": 90}, {"fill": 12.5}, {"interpolation": cv2.INTER_CUBIC}],
    ids=["edge", "fill", "real fill", "cubic"],
)
def test_affine_is_the_same_byte_for_byte(shape, options):
    ours, theirs = (
        A.Compose([kind(rotate=(-12, 12), translate_percent=0.06, scale=(0.9, 1.1), p=1, **options)], seed=3)
        for kind in (Affine, A.Affine)
    )
    image = picture(*shape)
    for _ in range(20):
        np.testing.assert_array_equal(ours(image=image)["image"], theirs(image=image)["image"])


@pytest.mark.parametrize(
    "options",
    [
        {"rotate": (-200, 200), "shear": {"x": (-20, 20), "y": (-9, 9)}, "scale": {"x": (0.5, 2), "y": (0.7, 1)}},
        {"translate_px": (-9, 9), "scale": (0.5, 2), "keep_ratio": True, "balanced_scale": True},
        {"rotate": 30, "fit_output": True},
    ],
    ids=["all", "in pixels", "fitted"],
)
def test_affine_draws_the_same_matrix(options):
    image = picture(31, 57)
    ours, theirs = (drawn(kind(**options), image, "matrix", 40) for kind in (Affine, A.Affine))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_one_of_several_is_the_one_that_albumentations_draws():
    flips = [A.HorizontalFlip(p=0.2), A.VerticalFlip(p=0.5), A.Transpose(p=0.3)]
    image = picture(8, 8)
    ours, theirs = (A.Compose([kind(flips, p=0.7)], seed=5) for kind in (OneOf, A.OneOf))
    made = [(ours(image=image)["image"], theirs(image=image)["image"]) for _ in range(100)]
    for one, other in made:
        np.testing.assert_array_equal(one, other)
    assert len({one.tobytes() for one, _ in made}) == 4


@pytest.mark.parametrize("count", [1, 8, 13, 4096])
def test_random_bytes_are_those_that_numpy_draws(count):
    ours, theirs = (np.random.default_rng(4) for _ in range(2))
    assert _random_bytes(ours, count).tobytes() == theirs.bytes(count)


@pytest.mark.parametrize("shape", [(40, 56, 3), (40, 56)])
def test_elastic_moves_pixels_as_albumentations_does(shape):
    image, maps = picture(*shape), {}
    maps["map_x"], maps["map_y"] = (
        (grid + np.random.default_rng(2).normal(0, 1, shape[:2])).astype(np.float32)
        for grid in np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    )
    ours, theirs = (
        kind(border_mode=cv2.BORDER_REPLICATE).apply(image, **maps) for kind in (Elastic, A.ElasticTransform)
    )
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("side", [32, 128])
@pytest.mark.parametrize("axis", ["map_x", "map_y"])
def test_elastic_displacements_are_spread_as_those_of_albumentations(side, axis):
    from scipy.stats import ks_2samp

    image = np.zeros((side, side), np.uint8)
    ours, theirs = (drawn(kind(alpha=8, sigma=4), image, axis, 1000) for kind in (Elastic, A.ElasticTransform))
    inner = (slice(None), slice(8, -8, 16), slice(8, -8, 16))
    grid = np.arange(side, dtype=float)
    grid = np.broadcast_to(grid if axis == "map_x" else grid[:, None], (side, side))
    ours, theirs = ours - grid, theirs - grid
    assert abs(ours[inner].mean()) < 0.01
    assert ks_2samp(ours[inner].ravel(), theirs[inner].ravel()).pvalue > 0.001
    for step in (1, 4, 8):
        likeness = [np.mean(made[:, :, step:] * made[:, :, :-step]) for made in (ours, theirs)]
        assert likeness[0] == pytest.approx(likeness[1], rel=0.1)


def test_noise_is_normal_of_the_declared_width():
    from scipy.stats import kstest

    made = drawn(Noise(std_range=(0.04, 0.04), mean_range=(0.01, 0.01)), picture(64, 64, 3), "noise_map", 40)
    assert made.shape == (40, 64, 64, 3)
    # Spread over the unit that each number was rounded to.
    spread = made + np.random.default_rng(3).uniform(-0.5, 0.5, made.shape)
    assert kstest(spread.ravel()[::8], "norm", (2.55, np.hypot(10.2, 12**-0.5))).pvalue > 0.001
    assert len(np.unique(made[:, 0, 0, 0])) > 10


def test_noise_stays_within_8_bits_and_changes_every_channel_by_itself():
    noise = A.Compose([Noise(std_range=(0.1, 0.1), p=1)], seed=1)
    white = noise(image=np.full((64, 64, 3), 255, np.uint8))["image"]
    grey = noise(image=np.full((64, 64, 3), 128, np.uint8))["image"].astype(int)
    assert white.dtype == np.uint8
    assert np.mean(white == 255) == pytest.approx(0.5, abs=0.05)
    assert (grey[..., 0] != grey[..., 1]).mean() > 0.9
