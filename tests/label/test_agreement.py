import dataclasses
import json

import numpy as np
import pytest

from include.core.errors import FatalError
from include.label.agreement import MEASURES, agreement, by_class, by_pair, report, words
from include.label.votes import Votes

CLASSES = ("neg", "neutral", "pos")


def votes_of(*rows, classes=CLASSES):
    """A row is one item's labels by ann, bob and cid; None where one did not vote."""
    said = [
        (f"{item:03}", who, label)
        for item, row in enumerate(rows)
        for who, label in zip(("ann", "bob", "cid"), row, strict=False)
        if label
    ]
    return Votes.of(said, classes)


@pytest.fixture(scope="module")
def drawn():
    """300 items by three annotators, of whom cid guesses half of the time."""
    rng = np.random.default_rng(3)
    rows = []
    for truth in rng.integers(3, size=300):
        answers = [truth if rng.random() < right else rng.integers(3) for right in (0.9, 0.9, 0.5)]
        rows.append([CLASSES[a] for a in answers])
    return votes_of(*rows)


@pytest.mark.parametrize(
    "measure", [m for m in MEASURES if m not in ("krippendorff_interval", "krippendorff_ratio")]
)
def test_the_interval_holds_the_value_and_the_same_seed_gives_the_same(drawn, measure):
    found = agreement(drawn, measure, seed=7, resamples=200)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.2
    assert (found.items, found.annotators) == (300, 3)
    assert found == agreement(drawn, measure, seed=7, resamples=200)
    assert found != agreement(drawn, measure, seed=8, resamples=200)


def test_the_interval_narrows_as_items_grow_and_tends_to_the_standard_error(drawn):
    """Of 0/1 agreement p the bootstrap's standard error is sqrt(p (1 − p) / n) over 1 − chance."""
    two = dataclasses.replace(drawn, item=drawn.item[drawn.annotator < 2], label=drawn.label[drawn.annotator < 2],
                              annotator=drawn.annotator[drawn.annotator < 2])  # fmt: skip
    found = agreement(two, "krippendorff", seed=1)
    first, second = two.label[two.annotator == 0], two.label[two.annotator == 1]
    share = np.mean(first == second)
    expected = np.sqrt(share * (1 - share) / len(first)) / (2 / 3)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(expected, rel=0.15)


def test_one_annotator_alone_is_undefined_by_name():
    found = agreement(votes_of(("neg",), ("pos",)), seed=1)
    assert found.value is None and found.low is None and found.words == "undefined"
    assert found.why == "'ann' is the only annotator: agreement takes two"


def test_annotators_who_share_no_item_are_undefined():
    found = agreement(votes_of(("neg", None), (None, "pos")), seed=1)
    assert found.why == "no item has the votes of two of the 2 annotators"


def test_no_votes_at_all_are_undefined():
    assert agreement(Votes.of([], CLASSES, items=("a",)), seed=1).why == "nobody voted"


@pytest.mark.parametrize("measure", ["krippendorff", "krippendorff_ordinal", "fleiss", "cohen", "cohen_quadratic"])
def test_votes_all_alike_are_zero_by_zero_for_kappa_and_alpha(measure):
    found = agreement(votes_of(*[("pos", "pos", "pos")] * 5), measure, seed=1)
    assert found.value is None
    assert found.why == (
        f"all votes are 'pos': agreement and agreement by chance are both perfect, so {measure} is 0/0"
    )


def test_votes_all_alike_are_full_agreement_for_gwets_measure():
    found = agreement(votes_of(*[("pos", "pos", "pos")] * 5), "gwet_ac1", seed=1)
    assert (found.value, found.low, found.high, found.words) == (1.0, 1.0, 1.0, "almost perfect")


def test_a_single_class_leaves_nothing_to_disagree_on():
    found = agreement(votes_of(("x", "x"), ("x", "x"), classes=("x",)), "gwet_ac1", seed=1)
    assert found.why == "'x' is the only class, so annotators cannot disagree"


def test_an_interval_is_not_told_where_many_resamples_have_no_value():
    found = agreement(votes_of(*[("pos", "pos")] * 8, ("neg", "neg")), seed=1)
    assert found.value == 1.0 and found.low is None and found.high is None


def test_items_with_one_vote_are_not_counted():
    assert agreement(votes_of(("neg", "neg"), ("pos", "pos"), ("pos", None)), seed=1).items == 2


def test_an_unknown_measure_is_refused_with_the_known_ones():
    with pytest.raises(FatalError, match=r"no measure of agreement 'kappa'.*cohen, cohen_linear"):
        agreement(votes_of(("neg", "pos")), "kappa", seed=1)


def test_by_class_tells_which_class_they_differ_on():
    rows = [("neg", "neg")] * 20 + [("pos", "neutral"), ("neutral", "pos")] * 10
    found = by_class(votes_of(*rows), "krippendorff_ordinal", seed=1, resamples=100)
    assert found["neg"].value == 1.0
    assert found["pos"].value < 0 and found["pos"].words == "poor"
    assert found["pos"].measure == "krippendorff"


def test_by_pair_tells_who_differs_over_the_items_that_they_share(drawn):
    found = by_pair(drawn, "cohen", seed=1)
    assert list(found) == [("ann", "bob"), ("ann", "cid"), ("bob", "cid")]
    assert found["ann", "bob"].value > found["bob", "cid"].value + 0.15
    some = by_pair(votes_of(("neg", "neg", None), ("pos", "neg", None), (None, "pos", "pos")), "cohen", seed=1)
    assert {pair: a.items for pair, a in some.items()} == {("ann", "bob"): 2, ("bob", "cid"): 1}
    assert some["bob", "cid"].value is None


def test_without_a_shared_item_there_is_no_pair(drawn):
    found = report(votes_of(("neg", None), (None, "pos")), seed=2)
    assert found.overall.value is None and found.pairs == {}


def test_the_facts_of_a_report_are_json_and_name_the_pairs_that_agree_least_first(drawn, monkeypatch):
    monkeypatch.setattr("include.label.agreement.PAIRS_KEPT", 2)
    found = report(drawn, "cohen", seed=2)
    facts = json.loads(json.dumps(found.facts()))
    assert {name: facts[name] for name in ("value", "low", "high", "words")} == {
        "value": found.overall.value, "low": found.overall.low, "high": found.overall.high, "words": "moderate"
    }  # fmt: skip
    assert list(facts["classes"]) == list(CLASSES) and facts["classes"]["neg"]["items"] == 300
    assert facts["of_pairs"] == 3 and len(facts["pairs"]) == 2
    assert all("cid" in one["pair"] and one["value"] < 0.6 for one in facts["pairs"])
    assert facts["pairs"][0]["value"] <= facts["pairs"][1]["value"]


def test_a_report_has_all_of_it(drawn):
    found = report(drawn, "gwet_ac1", seed=2)
    assert found.overall == agreement(drawn, "gwet_ac1", seed=2)
    assert list(found.classes) == list(CLASSES) and len(found.pairs) == 3


@pytest.mark.parametrize(
    ("value", "word"),
    [(-0.1, "poor"), (0.0, "slight"), (0.2, "slight"), (0.21, "fair"), (0.41, "moderate"), (0.7, "substantial"),
     (0.81, "almost perfect"), (1.0, "almost perfect")],
)  # fmt: skip
def test_values_have_landis_and_kochs_words(value, word):
    assert words(value) == word
