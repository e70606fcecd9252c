"""Texts alike in two splits: copies and edited copies are found, phrases in use are not."""

import numpy as np
import pytest

from include.publish.near_text import compare_text
from include.specs import Dataset

REVIEWS = Dataset(name="reviews", sources=("s",), key="id", label="y", text=("body",))
ROWS = 60
CONSONANTS, VOWELS = "bcdfghklmnprstvw", "aeiou"
WORDS = ["".join(CONSONANTS[n // 16 % 16] + VOWELS[n % 5] for n in (w, w * 7, w * 13)) for w in range(900)]
PHRASES = [" ".join(WORDS[n * 40 + k] for k in range(7)) for n in range(12)]


def free(rng):
    """Texts of their own, in words of which some are frequent."""
    shares = 1 / np.arange(1, len(WORDS) + 1)
    return [" ".join(rng.choice(WORDS, rng.integers(40, 70), p=shares / shares.sum())) for _ in range(ROWS)]


def phrases(rng):
    """One to three phrases of a dozen."""
    return [". ".join(rng.choice(PHRASES, rng.integers(1, 4), replace=False)) for _ in range(ROWS)]


@pytest.fixture
def compared(drawn):
    def compare(texts, split):
        drawn.fill({"body": np.array(texts, dtype=object)}, split)
        return compare_text(drawn.connection, REVIEWS, "version", "body")

    return compare


@pytest.mark.parametrize("draw", [free, phrases])
def test_fifty_clean_tables_raise_no_alarm_although_phrases_are_alike(drawn, compared, draw):
    found = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        twins = compared(draw(rng), drawn.parted(rng, ROWS))
        assert (twins.leaks, twins.rows) == (0, ROWS)
        found.append(twins.found)
    assert sum(found) == 0 if draw is free else sum(found) > 50


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: f"  {text.upper()}\n",
        lambda text: text.replace(text.split()[9], "zebra", 1),
        lambda text: f"Yes! {text}",
    ],
)
def test_one_copy_is_found_and_named_in_every_table(drawn, compared, change):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        texts, split = free(rng), drawn.parted(rng, ROWS)
        here, there = int(np.flatnonzero(split == "train")[3]), int(np.flatnonzero(split != "train")[2])
        texts[there] = change(texts[here])
        twins = compared(texts, split)
        assert (twins.leaks, twins.found, twins.examples) == (1, 1, ((f"r{here:06d}", f"r{there:06d}"),))


def test_a_table_of_nothing_but_short_texts_has_no_leak(drawn, compared):
    split = drawn.parted(np.random.default_rng(1), ROWS)
    twins = compared([f"word {n}" for n in range(ROWS)], split)
    assert (twins.leaks, twins.found) == (0, 0)


def test_short_and_missing_texts_are_never_leaks(drawn, compared):
    rng = np.random.default_rng(0)
    texts = ["Thank you so much"] * 30 + [None] * 20 + [""] * 10
    twins = compared(texts, drawn.parted(rng, ROWS))
    assert (twins.leaks, twins.found, twins.rows, twins.noticed) == (0, 0, 40, 0.0)
