"""Variants of an image: decided by the seed alone, in the image's own shape."""

import cv2
import numpy as np
import pytest

from include.augment.images import Variants, decode, one_thread
from include.augment.registry import RECIPES
from include.core.errors import FatalError


def picture(shape=(32, 32)):
    image = np.full(shape, 240, dtype=np.uint8)
    cv2.putText(image, "6", (8, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0,) * image.ndim, 2)
    return image


def encoded(image, kind=".png"):
    return cv2.imencode(kind, image)[1].tobytes()


@pytest.mark.parametrize("key", RECIPES)
def test_a_seed_gives_the_same_bytes_whatever_was_drawn_before(key):
    fresh, used = Variants(key, {}), Variants(key, {})
    for seed in range(20):
        used.png(picture(), seed)
    assert used.png(picture(), 7) == fresh.png(picture(), 7)


@pytest.mark.parametrize("key", RECIPES)
def test_other_seeds_give_other_images(key):
    variants = Variants(key, {})
    assert len({variants.png(picture(), seed) for seed in range(20)}) == 20


def test_a_variant_that_is_not_packed_has_the_same_pixels_and_says_so():
    packed, plain = Variants("digits", {}), Variants("digits", {}, pack=False)
    data = plain.png(picture((32, 32, 3)), 7)
    assert len(data) > 32 * 32 * 3
    np.testing.assert_array_equal(decode(data, "r", "p"), decode(packed.png(picture((32, 32, 3)), 7), "r", "p"))
    assert plain.params == packed.params | {"pack": False}


def test_transforms_draw_from_one_stream_and_not_the_same_numbers(monkeypatch):
    """Two coins that always fell alike would never leave a mirrored image."""
    import albumentations as A

    from include.augment import recipes

    monkeypatch.setitem(RECIPES, "coins", "include.augment.recipes:coins")
    monkeypatch.setattr(
        recipes, "coins", lambda: [A.HorizontalFlip(p=0.5), A.HorizontalFlip(p=0.5)], raising=False
    )
    variants = Variants("coins", {})
    assert len({variants.png(picture(), seed) for seed in range(30)}) == 2


def test_opencv_gets_its_threads_back():
    before = cv2.getNumThreads()
    with pytest.raises(KeyError), one_thread():
        assert cv2.getNumThreads() == 1
        raise KeyError
    assert cv2.getNumThreads() == before


def test_an_image_that_png_cannot_hold_is_told_with_a_fix():
    with pytest.raises(
        FatalError, match=r"No PNG variant .* shape \(32, 32, 5\): .* Fix: keep images of 1, 3 or 4"
    ):
        Variants("digits", {}).png(np.full((32, 32, 5), 240, dtype=np.uint8), 1)


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 3), (24, 40)])
def test_a_variant_has_its_parents_shape(shape):
    data = Variants("digits", {}).png(picture(shape), 1)
    assert decode(data, "r", "p").shape == shape


def test_digits_are_moved_a_little_and_never_mirrored():
    """Ink in one corner stays in that corner."""
    variants, corner = Variants("digits", {}), np.full((32, 32), 240, dtype=np.uint8)
    corner[4:14, 4:14] = 0
    for seed in range(100):
        made = decode(variants.png(corner, seed), "r", "p").astype(float)
        quarters = [made[:16, :16], made[:16, 16:], made[16:, :16], made[16:, 16:]]
        assert int(np.argmin([quarter.mean() for quarter in quarters])) == 0


def test_parameters_of_the_declaration_reach_the_recipe():
    still = Variants("digits", {"rotate": 0, "shift": 0, "scale": 0, "light": 0})
    assert still.params["params"] == {"rotate": 0, "shift": 0, "scale": 0, "light": 0}
    made = [decode(still.png(picture(), seed), "r", "p") for seed in range(10)]
    assert any((image == picture()).all() for image in made)


def test_an_argument_that_albumentations_does_not_know_is_refused(monkeypatch):
    import albumentations as A

    from include.augment import recipes

    monkeypatch.setitem(RECIPES, "odd", "include.augment.recipes:odd")
    monkeypatch.setattr(recipes, "odd", lambda: [A.Affine(rotat=3)], raising=False)
    with pytest.warns(UserWarning, match="rotat"), pytest.raises(FatalError, match="'odd' does not take"):
        Variants("odd", {})


def test_png_and_jpeg_are_decoded_and_transparency_dropped():
    assert decode(encoded(picture((8, 9, 3)), ".jpg"), "r", "p").shape == (8, 9, 3)
    assert decode(encoded(np.zeros((8, 9, 4), np.uint8)), "r", "p").shape == (8, 9, 3)


@pytest.mark.parametrize("kind", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_image_is_refused_by_row_and_path(kind, share):
    data = encoded(picture(), kind)
    data = data[: int(len(data) * share)]
    with pytest.raises(FatalError, match=rf"image a/b\.png of row 'r1' cannot be read: {len(data)} bytes"):
        decode(data, "r1", "a/b.png")


def test_an_unknown_recipe_is_refused():
    with pytest.raises(FatalError, match=r"no image recipe 'flips'.*Fix: declare one of digits"):
        Variants("flips", {})
