"""Pictures that look the same have hashes that hardly differ, and how alike others are is learnt from them."""

import cv2
import numpy as np
import pytest

from include.publish.looks import learn, likeness, normal, perceptual_hash, shows_nothing, thumbnail


def scene(seed):
    coarse = np.random.default_rng(seed).normal(size=(9, 9)).astype(np.float32)
    return np.clip(128 + 45 * cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def small(picture, kind=".png"):
    return thumbnail(cv2.imencode(kind, picture)[1].tobytes())


def bits_apart(first, second):
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


def test_a_picture_stored_anew_looks_the_same_and_another_does_not():
    for seed in range(40):
        mine, other = small(scene(seed)), small(scene(seed + 100))
        again = small(cv2.resize(scene(seed), (50, 50), interpolation=cv2.INTER_AREA), ".jpg")
        assert bits_apart(mine, again) <= 6 < bits_apart(mine, other)
        assert float(normal(mine) @ normal(again)) > 0.995
    assert 0 <= perceptual_hash(mine) < 2**63


def test_what_is_no_picture_has_no_thumbnail_and_a_blank_one_shows_nothing():
    assert thumbnail(b"") is thumbnail(b"no picture") is None
    assert shows_nothing(small(np.full((9, 9), 80, np.uint8)))
    assert not shows_nothing(small(scene(1)))


@pytest.fixture(scope="module")
def sample():
    thumbnails = [small(scene(seed)) for seed in range(80)]
    vectors = np.array([normal(one) for one in thumbnails], dtype=np.float32)
    return vectors, np.array([perceptual_hash(one) for one in thumbnails], dtype=np.uint64)


def test_likeness_beyond_what_a_sample_shows_is_ever_less_likely(sample):
    looks = learn(*sample, np.arange(80), 64)
    assert float(likeness(np.array(1.0, dtype=np.float32))) < 11
    values = [looks.of(value) for value in (0.0, 0.6, 1.0, 2.0, 4.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-6
    # Among candidates of any number of bits, the upper hundredth is a hundredth.
    assert looks.of(looks.tails[0].threshold) == pytest.approx(0.01, rel=0.1)


def test_copies_in_the_sample_sway_it_little_and_a_groups_own_pictures_not_at_all(sample):
    vectors, hashes = sample
    clean = learn(vectors, hashes, np.arange(80), 64)
    copied = vectors.copy()
    copied[:3] = vectors[40:43]
    assert learn(copied, hashes, np.arange(80), 64).of(4.0) < 1e-4
    groups = np.arange(80)
    groups[:40] = np.arange(40, 80)
    bursts = np.concatenate([vectors[40:], vectors[40:]])
    assert learn(bursts, hashes, groups, 64).of(4.0) == pytest.approx(clean.of(4.0), abs=1e-6)


def test_of_too_few_pictures_everything_is_by_chance(sample):
    vectors, hashes = sample
    assert learn(vectors[:4], hashes[:4], np.arange(4), 6).of(float(likeness(np.array(1.0)))) == 1
