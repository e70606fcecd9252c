"""A summary is the same however the rows were parted and in whatever order the parts are merged."""

import json
from functools import reduce

import numpy as np
import pytest

from benchmarks._summaries import summary_of, summary_of_words
from include.core.summary import LIMIT, WORDS_LEVEL, Summary, bounds, of_words, word_bin

DRAW = np.random.default_rng(11)
COLUMNS = {
    "wide": DRAW.lognormal(0, 5, 4_000) * DRAW.choice([-1, 1], 4_000),
    "narrow": 1e9 + DRAW.normal(0, 1e6, 4_000),
    "few": DRAW.integers(-3, 4, 4_000).astype(float),
    "odd": np.where(DRAW.random(4_000) < 0.1, np.nan, DRAW.normal(0, 1, 4_000)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_parts_merge_to_the_summary_of_the_whole_in_any_order(name):
    whole, parts = summary_of(COLUMNS[name]), np.array_split(COLUMNS[name], [10, 700, 701, 2_500])
    found = [summary_of(part) for part in parts]
    for order in (found, found[::-1], [found[2], found[0], found[4], found[1], found[3]]):
        merged = reduce(Summary.merged, order)
        assert (merged.rows, merged.bins, merged.level, merged.odd) == (
            whole.rows,
            whole.bins,
            whole.level,
            whole.odd,
        )
        assert merged.moments.mean == pytest.approx(whole.moments.mean, rel=1e-7)
        assert merged.moments.m2 == pytest.approx(whole.moments.m2, rel=1e-7)
        assert (merged.moments.low, merged.moments.high) == (whole.moments.low, whole.moments.high)
    assert len(whole.bins) <= LIMIT


def test_words_merge_by_name_as_long_as_all_have_one_and_by_hash_from_there_on():
    one = summary_of_words([f"a{n}" for n in range(300)] + [None])
    other = summary_of_words([f"b{n}" for n in range(300)] + ["a1"])
    merged = one.merged(other)
    assert (merged.rows, merged.nulls, merged.whole, len(merged.named), merged.named["a1"]) == (
        602,
        1,
        False,
        512,
        2,
    )
    assert merged.bins == one.at(merged.level) | merged.bins
    assert sum(merged.bins.values()) == 601
    assert one.merged(one).named == dict.fromkeys(one.named, 2)
    assert merged == other.merged(one)


def test_words_beyond_those_named_merge_to_the_same_bins():
    words = [f"w{n}" for n in range(2_000)]
    whole = of_words(0, {}, _by_hash(words))
    parts = [of_words(0, {}, _by_hash(words[:900])), of_words(0, {}, _by_hash(words[900:]))]
    merged = parts[0].merged(parts[1])
    assert (merged.bins, merged.level) == (whole.bins, whole.level)


def _by_hash(words):
    found = {}
    for word in words:
        found[word_bin(word) >> WORDS_LEVEL] = found.get(word_bin(word) >> WORDS_LEVEL, 0) + 1
    return found


def test_a_summary_survives_json():
    for found in (summary_of(COLUMNS["odd"]), summary_of_words(["a", "ä", None]), Summary("number")):
        assert Summary.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_every_number_lies_within_the_bounds_of_its_bin():
    found = summary_of(COLUMNS["wide"])
    inside = 0
    for place, rows in found.bins.items():
        low, high = bounds(place, found.level)
        values = COLUMNS["wide"]
        inside += int(((low <= values) & (values <= high)).sum() == rows)
    assert inside == len(found.bins)


def test_numbers_and_words_do_not_merge():
    with pytest.raises(ValueError, match="a summary of numbers cannot be merged with one of words"):
        Summary("number").merged(Summary("word"))
