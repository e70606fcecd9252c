"""How many copies each class gets, and which shard makes them."""

import pytest

from include.augment.shards import needs, shard_of


@pytest.mark.parametrize(
    ("counts", "ratio", "lacking"),
    [
        ({"1": 100, "3": 90, "8": 10}, 0.7, {"8": 60}),
        ({"1": 100, "3": 90, "8": 10}, 1.0, {"3": 10, "8": 90}),
        ({"1": 3, "8": 1}, 0.5, {"8": 1}),
        ({"1": 5, "8": 5}, 1.0, {}),
        ({}, 1.0, {}),
    ],
)
def test_a_class_lacks_what_is_missing_to_the_ratio_of_the_largest(counts, ratio, lacking):
    assert needs(counts, ratio) == lacking


def test_rows_are_spread_over_the_shards_by_their_id_alone():
    shards = [shard_of(f"photo-{n}", 4) for n in range(1000)]
    assert shards == [shard_of(f"photo-{n}", 4) for n in range(1000)]
    assert all(200 < shards.count(shard) < 300 for shard in range(4))
