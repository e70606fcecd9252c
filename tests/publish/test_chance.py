"""What chance explains: no alarm where it does, and none the less where a few are too many."""

import numpy as np
import pytest

from include.publish.chance import Odds, Rows, alone_noticed, unexplained


def test_twins_are_leaks_from_the_number_on_that_chance_does_not_explain():
    assert unexplained([], 1e-3) == 0
    assert unexplained([0.1], 1e-3) == 0
    assert unexplained([1e-5], 1e-3) == 1
    # One in a hundred is no surprise, five of them are.
    assert unexplained([0.01], 1e-3) == 0
    assert unexplained([0.01] * 5, 1e-3) == 5
    assert unexplained([30.0] * 40, 1e-3) == 0
    # The most surprising count first, wherever they stand.
    assert unexplained([50.0, 1e-9, 50.0], 1e-3) == 1


def test_a_table_without_leaks_raises_an_alarm_as_rarely_as_declared():
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(2000):
        # Twins by chance, as a Poisson process on the scale of what is expected: three of them on average.
        alarms += unexplained(np.cumsum(rng.exponential(size=12)), 0.05) > 0
    assert alarms / 2000 <= 0.05 * 3


def test_the_odds_of_independent_columns_are_the_product_of_their_shares():
    rng = np.random.default_rng(3)
    rows = Rows(rng.integers(0, 10, (4000, 2)).astype(float), rng.choice(["a", "b"], (4000, 1)).astype(object))
    odds = Odds(rows, np.zeros(2)).of(Rows(np.array([[3.0, 4.0]]), np.array([["a"]], dtype=object)))
    assert odds == pytest.approx([1 / 200], rel=0.2)


def test_a_column_that_follows_from_others_tells_nothing_more():
    rng = np.random.default_rng(3)
    kilos = np.round(rng.normal(70, 9, 3000), 1)
    alone, twice = (
        Rows(np.column_stack(c), np.empty((3000, 0), object)) for c in ([kilos], [kilos, kilos * 2.2046])
    )
    once, both = (Odds(rows, np.zeros(rows.numeric.shape[1])).of(rows) for rows in (alone, twice))
    assert both == pytest.approx(once)


def test_what_is_missing_is_a_value_of_its_own():
    numbers = np.array([[np.nan], [np.nan], [1.0], [2.0]])
    names = np.array([[None], ["x"], ["x"], ["y"]], dtype=object)
    by_number, by_name = Rows(numbers, names[:, :0]), Rows(numbers[:, :0], names)
    assert Odds(by_number, np.zeros(1)).of(by_number) == pytest.approx([0.6, 0.6, 0.4, 0.4])
    assert Odds(by_name, np.zeros(0)).of(by_name) == pytest.approx([0.4, 0.6, 0.6, 0.4])


def test_a_twin_is_noticed_alone_where_it_is_rare():
    assert alone_noticed(np.array([1e-9, 1e-6, 0.1, 5.0]), 1e-3) == 0.5


def test_rows_of_one_group_do_not_make_columns_look_dependent():
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 400, (1000, 1)).repeat(2, axis=0).astype(float)
    kinds = rng.choice(["a", "b", "c", "d"], 1000).astype(object).repeat(2)[:, None]
    apart, together = (Rows(numbers, kinds, groups) for groups in (None, np.arange(2000) // 2))
    asked = Rows(np.array([[7.0]]), np.array([["a"]], dtype=object))
    alone, grouped = (Odds(rows, np.zeros(1)).of(asked)[0] for rows in (apart, together))
    assert grouped <= alone
    assert grouped == pytest.approx(1 / 1600, rel=1)


def test_a_value_that_many_rows_have_does_not_make_rare_ones_look_common():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 200, 4000).astype(float)
    second = np.where(rng.random(4000) < 0.6, 0.0, rng.permutation(4000) + 1.0)
    rows = Rows(np.column_stack([first, second]), np.empty((4000, 0), dtype=object))
    common, rare = Odds(rows, np.zeros(2)).of(
        Rows(np.array([[7.0, 0.0], [7.0, second.max()]]), rows.categorical[:2])
    )
    assert common > 100 * rare
