"""Images alike in two splits: copies, re-encoded, brightened or resized, are found; alike looks are not."""

import cv2
import numpy as np
import pytest

from include.core.errors import FatalError
from include.publish.near_images import compare_images
from include.specs import Dataset

PHOTOS = Dataset(name="photos", sources=("s",), key="id", label="y", group="album", image="image")
ROWS = 40


def scene(rng):
    """A smooth colour picture of 48 × 48 pixels."""
    coarse = rng.normal(size=(9, 9, 3)).astype(np.float32)
    return np.clip(128 + 45 * cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def encoded(picture, kind=".png", *options):
    return cv2.imencode(kind, picture, options)[1].tobytes()


@pytest.fixture
def compared(drawn, tmp_path):
    """Stores the files and compares them; rows are `r000000` and so on, two to an album."""

    def compare(files, split):
        paths = [f"{n}.img" for n in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            (tmp_path / path).write_bytes(data)
        albums = [f"album {n // 2}" for n in range(len(files))]
        drawn.fill({"image": np.array(paths), "album": np.array(albums)}, split)
        return compare_images(drawn.connection, PHOTOS, "version", tmp_path)

    return compare


@pytest.fixture(scope="module")
def digits():
    """Photos of hand-written digits, of which many look alike."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = found.images[np.isin(found.target, (1, 3, 8))]
    return [encoded(cv2.resize(image * 15.9, (32, 32), interpolation=cv2.INTER_CUBIC)) for image in images]


def test_thirty_clean_tables_raise_no_alarm(drawn, compared, digits):
    for seed in range(15):
        rng = np.random.default_rng(seed)
        split = drawn.parted(rng, ROWS)
        assert compared([encoded(scene(rng)) for _ in range(ROWS)], split).leaks == 0
        assert compared([digits[n] for n in rng.permutation(len(digits))[:ROWS]], split).leaks == 0


@pytest.mark.parametrize(
    "change",
    [
        encoded,
        lambda picture: encoded(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 80),
        lambda picture: encoded((picture * 0.8 + 20).astype(np.uint8)),
        lambda picture: encoded(cv2.resize(picture, (96, 96), interpolation=cv2.INTER_CUBIC)),
    ],
)
def test_one_copy_is_found_and_named_in_every_table(drawn, compared, change):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        split = drawn.parted(rng, ROWS)
        pictures = [scene(rng) for _ in range(ROWS)]
        here, there = int(np.flatnonzero(split == "train")[3]), int(np.flatnonzero(split != "train")[2])
        files = [encoded(picture) for picture in pictures]
        files[there] = change(pictures[here])
        twins = compared(files, split)
        assert (twins.leaks, twins.examples) == (1, ((f"r{here:06d}", f"r{there:06d}"),))
        assert twins.noticed == 1.0


def test_blank_images_are_no_twins(drawn, compared):
    rng = np.random.default_rng(0)
    blank = encoded(np.full((20, 20), 250, np.uint8))
    files = [blank if n % 2 else encoded(scene(rng)) for n in range(ROWS)]
    twins = compared(files, drawn.parted(rng, ROWS))
    assert (twins.found, twins.noticed) == (0, 0.5)


def test_an_image_that_cannot_be_read_ends_the_proof_and_is_named(drawn, compared):
    files = [encoded(scene(np.random.default_rng(n))) for n in range(4)]
    with pytest.raises(FatalError, match=r"image 2\.img of row 'r000002' cannot be read: 30 bytes"):
        compared([*files[:2], files[2][:30], files[3]], ["train", "train", "test", "test"])
