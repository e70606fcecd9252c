"""The p-value of a table is that of Fisher's exact test where there is one, and uniform if nothing drifted."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact, hypergeom

from include.validate.bins import Table
from include.validate.partings import p_value


def table(before, after, sparse=0):
    return Table(tuple("abcdefghijkl"[: len(before)]), tuple(before), tuple(after), sparse)


@pytest.mark.parametrize(
    ("before", "after"),
    [((60, 40), (35, 65)), ((500, 20), (90, 12)), ((100, 100), (117, 83)), ((30, 70), (50, 50))],
)
def test_two_bins_have_the_p_value_of_fishers_test_give_or_take_the_seen_table_itself(before, after):
    exact = fisher_exact([before, after]).pvalue
    own = hypergeom.pmf(after[0], sum(before) + sum(after), before[0] + after[0], sum(after))
    drawn = np.mean([p_value(table(before, after), 0.005, seed) for seed in range(20)])
    assert exact - own - 0.003 < drawn < exact + 0.003


def test_many_rows_have_the_p_value_of_the_chi_squared_limit():
    before, after = (50_000, 30_000, 20_000), (25_200, 14_900, 9_900)
    expected = chi2_contingency([before, after], lambda_="log-likelihood").pvalue
    assert p_value(table(before, after), 0.01, 1) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("after", [(1_000, 0, 0), (96, 4, 0), (80, 5, 15)])
def test_what_is_certain_needs_no_draws_and_what_is_likely_neither(after):
    before = (1_000_000, 200, 1)
    assert p_value(table(before, after, sparse=2), 0.01, 1) == p_value(table(before, after, sparse=2), 0.01, 2)


def test_a_few_rows_of_a_kind_that_was_never_seen_are_an_alarm():
    assert p_value(table((1_000_000, 0), (196, 4), sparse=1), 0.01, 1) < 1e-12


@pytest.mark.parametrize(
    ("shares", "sizes", "sparse"),
    [
        ((0.1,) * 10, (200, 200), 0),
        ((0.5, 0.5), (40, 40), 0),
        ((0.6, 0.3, 0.095, 0.005), (400, 100), 1),
        ((0.9, 0.1), (5_000, 60), 0),
    ],
)
def test_without_drift_a_share_of_the_bound_lies_below_it(shares, sizes, sparse):
    draw, bound, runs = np.random.default_rng(5), 0.05, 3_000
    below = 0
    for seed in range(runs):
        before, after = (draw.multinomial(size, shares).tolist() for size in sizes)
        below += p_value(table(before, after, sparse), bound, seed) <= bound
    assert below / runs == pytest.approx(bound, abs=4 * (bound * (1 - bound) / runs) ** 0.5)


def test_the_same_seed_gives_the_same_p_value():
    given = table((60, 40), (42, 58))
    assert p_value(given, 0.01, 3) == p_value(given, 0.01, 3) != p_value(given, 0.01, 4)
