"""Which columns have drifted, by figures and by a bound that all columns of a run share."""

import numpy as np
import pytest

from benchmarks._summaries import summary_of, summary_of_words
from include.core.summary import Summary
from include.validate.drift import judge, sidak


def normal(seed, size=2_000, mean=0.0, sd=1.0):
    return summary_of(np.random.default_rng(seed).normal(mean, sd, size))


def shift(before, after, **options):
    (found,) = judge({"a": before}, {"a": after}, options.get("false_alarms", 0.01), "seed")
    return found


def test_rows_drawn_alike_have_not_drifted():
    found = shift(normal(1), normal(2))
    assert (found.drifted, found.p > 0.05, found.psi < 0.02, found.ks < 0.05) == (False, True, True, True)


def test_a_shifted_mean_is_told_in_standard_deviations():
    found = shift(normal(1, mean=10, sd=2), normal(2, mean=11, sd=2))
    assert found.drifted and found.p < 1e-20
    assert found.mean_shift == pytest.approx(0.5, abs=0.07)
    assert found.ks == pytest.approx(0.197, abs=0.03)
    assert found.psi == pytest.approx(0.25, abs=0.06)


def test_psi_and_ks_of_known_shares():
    before, after = np.repeat([1.0, 2.0], [500, 500]), np.repeat([1.0, 2.0], [300, 700])
    found = shift(summary_of(before), summary_of(after))
    shares = [(500.5 / 1001, 300.5 / 1001), (500.5 / 1001, 700.5 / 1001)]
    assert found.psi == pytest.approx(sum((b - a) * np.log(b / a) for a, b in shares))
    assert found.ks == pytest.approx(0.2)


def test_nulls_that_become_more_are_drift():
    full, holed = np.ones(1_000), np.ma.masked_array(np.ones(1_000), np.arange(1_000) % 20 == 0)
    found = shift(summary_of(full), summary_of(holed))
    assert (found.drifted, found.null_rate) == (True, (0.0, 0.05))
    assert "missing 0.00% → 5.00%" in found.told()


def test_new_and_vanished_words_are_named_if_ten_rows_hold_them():
    before = summary_of_words(["card"] * 800 + ["cash"] * 190 + ["cheque"] * 9 + ["gold"])
    after = summary_of_words(["card"] * 800 + ["wallet"] * 191 + ["salt"] * 9)
    found = shift(before, after)
    assert (found.drifted, found.appeared, found.vanished) == (True, {"wallet": 191}, {"cash": 190})
    assert found.told().startswith("PSI ") and "new: wallet, gone: cash" in found.told()


def test_a_word_that_a_small_sample_just_did_not_draw_has_not_vanished():
    before = summary_of_words(["card"] * 9_980 + ["cheque"] * 20)
    assert shift(before, summary_of_words(["card"] * 100)).vanished == {}


def test_close_numbers_are_told_apart_by_their_means():
    found = shift(normal(1, mean=1e6, sd=1), normal(2, mean=1e6 + 0.2, sd=1))
    assert (len(found.table.names), found.drifted) == (1, True)
    assert not shift(normal(1, mean=1e6, sd=1), normal(2, mean=1e6, sd=1)).drifted


def test_a_flag_that_few_rows_had_is_found_to_be_more_frequent_even_in_a_small_sample():
    before = summary_of(np.repeat([0.0, 1.0], [99_000, 1_000]))
    assert shift(before, summary_of(np.repeat([0.0, 1.0], [180, 20]))).drifted
    assert not shift(before, summary_of(np.repeat([0.0, 1.0], [198, 2]))).drifted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Summary("number"), normal(1)),
        (normal(1), Summary("number")),
        (summary_of(np.ones(500)), summary_of(np.ones(500))),
        (summary_of_words(["a"] * 500), summary_of_words(["a"] * 499 + ["b"])),
    ],
    ids=["nothing before", "nothing new", "constant", "one row"],
)
def test_what_cannot_be_told_has_no_p_value(before, after):
    found = shift(before, after)
    assert (found.p, found.drifted) == (None, False)
    assert found.evidence()["p"] is None


def test_all_columns_share_one_bound():
    assert sidak(0.01, 1) == pytest.approx(0.01)
    assert 1 - (1 - sidak(0.01, 100)) ** 100 == pytest.approx(0.01)
    # Alone it would have drifted; among a hundred columns it is what chance does.
    before, after = summary_of(np.repeat([0.0, 1.0], [500, 500])), summary_of(np.repeat([0.0, 1.0], [440, 560]))
    others = {f"b{n}": (normal(n, 300), normal(-n % 1_000, 300)) for n in range(1, 100)}
    many = judge(
        {"a": before} | {name: pair[0] for name, pair in others.items()},
        {"a": after} | {name: pair[1] for name, pair in others.items()},
        0.01,
    )
    assert shift(before, after).drifted
    assert [found.column for found in many if found.drifted] == []


def test_a_column_that_changed_its_kind_is_not_compared():
    assert judge({"a": normal(1)}, {"a": summary_of_words(["x"])}, 0.01) == ()


def test_a_run_without_drift_raises_an_alarm_as_often_as_is_stated():
    draw, runs, alarms = np.random.default_rng(3), 600, 0
    for run in range(runs):
        samples = []
        for _ in range(2):
            words = [f"w{n}" for n in draw.choice(4, 150, p=(0.6, 0.3, 0.08, 0.02))]
            samples.append({"a": summary_of(draw.normal(0, 1, 150)), "b": summary_of_words(words)})
        alarms += any(found.drifted for found in judge(*samples, 0.05, run))
    assert 0.03 < alarms / runs < 0.07
