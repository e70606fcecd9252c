"""The table of two samples: about ten bins of numbers, the words that many rows hold, and what is missing."""

import numpy as np

from benchmarks._summaries import summary_of, summary_of_words
from include.core.summary import Summary, of_words
from include.validate.bins import Table, tabulate

NAN = float("nan")


def table(before, after):
    return tabulate(before, before.merged(after))


def test_numbers_are_cut_where_both_samples_together_have_tenths():
    found = table(summary_of(np.arange(100.0)), summary_of(np.arange(100.0)))
    assert found == Table(
        ("below 10", "10 to 20", "20 to 30", "30 to 40", "40 to 50", "50 to 60", "60 to 70", "70 to 80",
         "80 to 90", "from 90"),
        (10,) * 10, (10,) * 10,
    )  # fmt: skip


def test_each_bin_is_expected_to_hold_five_rows_of_the_smaller_sample():
    found = table(summary_of(np.arange(1000.0)), summary_of(np.arange(0, 1000, 40.0)))
    assert (len(found.names), found.after) == (5, (5, 5, 5, 5, 5))
    few = table(summary_of(np.arange(1000.0)), summary_of(np.array([3.0, 4.0, 5.0])))
    assert few == Table(("all numbers",), (1000,), (3,), sparse=1)


def test_a_number_that_half_of_the_rows_hold_is_a_bin_of_its_own():
    rows = np.concatenate([np.zeros(500), np.arange(-50.0, 0), np.arange(1.0, 451)])
    found = table(summary_of(rows), summary_of(rows))
    assert found.before[1] == 500
    assert sum(found.before) == 1000


def test_a_number_that_few_rows_hold_beside_one_that_most_do_is_a_sparse_bin():
    before, after = np.repeat([0.0, 1.0], [9_900, 100]), np.repeat([0.0, 1.0], [97, 3])
    assert table(summary_of(before), summary_of(after)) == Table(
        ("below 1", "from 1"), (9_900, 100), (97, 3), sparse=1
    )


def test_missing_and_infinite_numbers_have_bins_of_their_own():
    rows = np.ma.masked_array([NAN] * 6 + [np.inf] + list(range(93)), [False] * 80 + [True] * 20)
    found = table(summary_of(rows), summary_of(rows))
    assert (found.names[-2:], found.before[-2:], found.sparse) == (("NaN or infinite", "missing"), (7, 20), 0)
    rare = table(summary_of(rows), summary_of(np.arange(10_000.0)))
    assert (rare.names[-2:], rare.after[-2:], rare.sparse) == (("NaN or infinite", "missing"), (0, 0), 2)


def test_words_of_few_rows_are_counted_together():
    before = summary_of_words(["a"] * 60 + ["b"] * 37 + ["c"] * 2 + [None])
    after = summary_of_words(["a"] * 50 + ["b"] * 47 + ["d"] * 3)
    assert table(before, after) == Table(
        ("a", "b", "all others", "missing"), (60, 37, 2, 1), (50, 47, 3, 0), sparse=2
    )


def test_more_words_than_have_names_are_counted_by_their_hash():
    before = of_words(0, {}, {7: 600, 8: 10, 9: 1})
    after = of_words(0, {}, {7: 590, 8: 10})
    assert table(before, after) == Table(
        ("words of hash 7", "words of hash 8", "all others"), (600, 10, 1), (590, 10, 0), sparse=1
    )


def test_empty_samples_have_an_empty_table():
    assert table(Summary("number"), Summary("number")) == Table((), (), ())
    assert table(Summary("word"), summary_of_words(["a"])) == Table(("all others",), (0,), (1,), sparse=1)
