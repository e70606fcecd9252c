"""Sketches of texts agree as the texts do, and known phrases tell nothing."""

import numpy as np
import pytest

from include.publish.passages import BANDS, COMMON, PASSAGE, Unseen, bands, canonical, jaccard, passages, shingles

WORDS = [
    "".join("bcdfghklmnprstvw"[n // 16 % 16] + "aeiou"[n % 5] for n in (w, w * 7, w * 13)) for w in range(400)
]


def text(rng, words=60):
    return " ".join(rng.choice(WORDS, words))


def test_case_width_and_white_space_are_no_difference():
    assert canonical("  Ｓtraße\n\tNo.  5 ") == "strasse no. 5"


def test_nearly_all_pairs_that_overlap_by_four_fifths_share_a_band_and_strangers_share_none():
    rng = np.random.default_rng(1)
    met = strangers = 0
    for _ in range(300):
        words = text(rng, 80).split()
        other = words.copy()
        for place in rng.integers(80, size=2):
            other[place] = "zebra"
        one, two = shingles(" ".join(words)), shingles(" ".join(other))
        assert jaccard(one, two) > 0.8
        met += bool((bands(one) == bands(two)).any())
        strangers += bool((bands(one) == bands(shingles(text(rng)))).any())
    assert (met, strangers) == (300, 0)


def test_short_texts_have_sketches_too_and_empty_ones_none():
    assert bands(shingles("no more than this")).shape == (BANDS,)
    assert (bands(shingles("no more than this")) == bands(shingles("no more than this"))).all()
    assert shingles("short").size == bands(shingles("")).size == 0
    assert jaccard(shingles(""), shingles("")) == 0


@pytest.fixture
def unseen():
    """How many characters of a text are new, after others have been seen."""

    def count(mine, others):
        held = passages(mine, PASSAGE)
        found = Unseen([(held, np.ones(held.size, bool))], 0.8)
        for other in others:
            found.see(passages(other, PASSAGE))
        return found.counts().tolist()

    return count


def test_a_text_of_its_own_is_new_but_for_the_end_of_its_last_passage(unseen):
    mine = text(np.random.default_rng(2))
    assert unseen(mine, [text(np.random.default_rng(n)) for n in range(3, 20)]) == [len(mine) - 2 * (PASSAGE - 1)]


def test_copies_do_not_make_a_text_known_but_quotations_do(unseen):
    mine = text(np.random.default_rng(2))
    assert unseen(mine, [mine, mine]) == unseen(mine, [])
    assert unseen(mine, [f"{text(np.random.default_rng(3))} {mine} {text(np.random.default_rng(4))}"]) == [0]


def test_where_two_known_phrases_meet_nothing_is_new(unseen):
    rng = np.random.default_rng(5)
    first, second = text(rng, 12), text(rng, 12)
    others = [f"{first} {text(rng)}", f"{text(rng)} {second}"]
    assert unseen(f"{first} {second}", others) == [0]


def test_a_short_text_that_many_rows_have_is_a_phrase_in_use(unseen):
    rng = np.random.default_rng(6)
    short, long = text(rng, 12), text(rng, 80)
    assert unseen(short, [short] * COMMON) == unseen(short, []) != [0]
    assert unseen(short, [short] * (COMMON + 1)) == [0]
    assert unseen(long, [long] * 50) == unseen(long, [])
