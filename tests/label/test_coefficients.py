"""Each coefficient gives what its authors published, and what other people's code gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from include.core.errors import FatalError
from include.label import coefficients
from include.label.votes import Votes

# Krippendorff, "Computing Krippendorff's alpha-reliability", 2011: 4 observers, 12 units, "." is missing.
KRIPPENDORFF = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
# His example with three coders and 15 units, as encyclopaedias print it.
THREE_CODERS = (".....34121133.3", "1.213343.......", "..21344.21133.4")
# Fleiss 1971, table 1: 30 patients by 6 of many psychiatrists, who say one of five diagnoses.
FLEISS = """00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
    00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"""
# 10 subjects by 14 raters, whose kappa is often printed as the example of Fleiss' measure: 0.210.
FOURTEEN = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1), (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip
# Gwet, irrCAC, cont3x3abstractors: 100 pregnancies by two abstractors.
ABSTRACTORS = ((13, 0, 0), (0, 20, 7), (0, 4, 56))


def by_observer(rows, classes):
    said = [
        (f"unit {unit:02}", f"observer {place}", value)
        for place, row in enumerate(rows)
        for unit, value in enumerate(row)
        if value != "."
    ]
    return Votes.of(said, classes)


def by_counts(counts):
    said = []
    for unit, row in enumerate(counts):
        labels = [place for place, count in enumerate(row) for _ in range(int(count))]
        said += [(f"unit {unit:02}", f"rater {rater:02}", str(label)) for rater, label in enumerate(labels)]
    return Votes.of(said, [str(place) for place in range(len(counts[0]))])


def by_table(table):
    cells = [(a, b) for a, row in enumerate(table) for b, count in enumerate(row) for _ in range(count)]
    said = [
        (f"{unit:03}", who, str(label))
        for unit, cell in enumerate(cells)
        for who, label in zip("ab", cell, strict=True)
    ]
    return Votes.of(said, [str(place) for place in range(len(table))])


def value(prepared):
    return float(prepared.value(prepared.units[None, :])[0])


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_what_krippendorff_published_at_every_level(level, published):
    votes = by_observer(KRIPPENDORFF, "12345")
    assert value(coefficients.krippendorff(votes, level)) == pytest.approx(published, abs=0.0005)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.691), ("ordinal", 0.807), ("interval", 0.811)])
def test_alpha_allows_for_many_missing_votes(level, published):
    votes = by_observer(THREE_CODERS, "1234")
    assert value(coefficients.krippendorff(votes, level)) == pytest.approx(published, abs=0.0005)


def test_fleiss_kappa_is_the_published_one():
    psychiatrists = by_counts(FLEISS.split())
    assert value(coefficients.fleiss(psychiatrists)) == pytest.approx(0.430, abs=0.0005)
    assert value(coefficients.fleiss(by_counts(FOURTEEN))) == pytest.approx(0.210, abs=0.0005)


def test_ac1_is_what_gwet_published_with_and_without_missing_votes():
    assert value(coefficients.gwet_ac1(by_table(ABSTRACTORS))) == pytest.approx(0.8493305, abs=1e-7)
    assert value(coefficients.gwet_ac1(by_observer(KRIPPENDORFF, "12345"))) == pytest.approx(0.77544, abs=1e-5)


def test_cohens_kappa_and_alpha_of_the_same_table_are_the_published_ones():
    votes = by_table(ABSTRACTORS)
    assert value(coefficients.cohen(votes)) == pytest.approx(0.7964094, abs=1e-7)
    assert value(coefficients.krippendorff(votes)) == pytest.approx(0.7972585, abs=1e-7)


tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 5), min_size=width, max_size=width), min_size=width, max_size=width
    )
)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from(["none", "linear", "quadratic"]))
def test_cohens_kappa_of_two_is_scikit_learns(table, weights):
    if not np.sum(table):
        return
    votes = by_table(table)
    first, second = votes.label[votes.annotator == 0], votes.label[votes.annotator == 1]
    known = cohen_kappa_score(
        first, second, labels=range(len(table)), weights=None if weights == "none" else weights
    )
    ours = value(coefficients.cohen(votes, weights))
    if len(set(first) | set(second)) == 1:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(known, abs=1e-12)


def test_cohens_kappa_of_many_is_the_mean_of_all_pairs():
    votes = by_observer(("1123312", "1223311", "1133213"), "123")
    pairs = [
        cohen_kappa_score(votes.label[votes.annotator == a], votes.label[votes.annotator == b])
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert value(coefficients.cohen(votes)) == pytest.approx(np.mean(pairs))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("123."), min_size=4, max_size=4), min_size=2, max_size=8), st.data())
def test_alpha_is_what_going_through_all_pairs_of_votes_gives(rows, data):
    level = data.draw(st.sampled_from(["nominal", "interval", "ratio"]))
    units = [[int(v) for v in column if v != "."] for column in zip(*rows, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    difference = {
        "nominal": lambda a, b: a != b, "interval": lambda a, b: (a - b) ** 2,
        "ratio": lambda a, b: ((a - b) / (a + b)) ** 2,
    }[level]  # fmt: skip
    votes = [v for unit in units for v in unit]
    if len(set(votes)) < 2:
        return
    observed = sum(difference(a, b) / (len(unit) - 1) for unit in units for a in unit for b in unit) / len(votes)
    expected = sum(difference(a, b) for a in votes for b in votes) / (len(votes) * (len(votes) - 1))
    ours = value(coefficients.krippendorff(by_observer(rows, "123"), level))
    assert ours == pytest.approx(1 - observed / expected)


def test_many_classes_take_no_more_memory_than_their_votes():
    rng = np.random.default_rng(1)
    said = [(f"{n:05}", who, f"{rng.integers(300)}") for n in range(2000) for who in "abc"]
    prepared = coefficients.krippendorff(Votes.of(said, [str(n) for n in range(300)]))
    assert value(prepared) == pytest.approx(0, abs=0.02)
    assert prepared.cells == 90_000


def test_resamples_are_valued_as_if_the_items_were_there_so_often():
    votes = by_observer(KRIPPENDORFF, "12345")
    prepared = coefficients.krippendorff(votes, "ordinal")
    times = np.arange(len(prepared.units)) % 3
    twice = prepared.value(np.vstack([times, 2 * times, prepared.units]))
    assert twice[2] == value(prepared)
    assert twice[0] != twice[2]


def test_fleiss_kappa_of_unequal_numbers_of_votes_is_refused():
    with pytest.raises(FatalError, match="equally many votes for each item, and there are 1 to 4"):
        coefficients.fleiss(by_observer(KRIPPENDORFF, "12345"))


def test_distances_between_classes_that_are_no_numbers_are_refused():
    votes = Votes.of([("a", "ann", "bad"), ("a", "bob", "good")], ("bad", "good"))
    with pytest.raises(FatalError, match="interval level needs numbers for classes, and these are bad, good"):
        coefficients.krippendorff(votes, "interval")
