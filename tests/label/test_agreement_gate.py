import pytest

from include.label.agreement import Agreement
from include.label.agreement_gate import judge

SUBSTANTIAL = Agreement("krippendorff", 0.7, 0.62, 0.78, "substantial", 200, 3)
UNDEFINED = Agreement(
    "cohen", None, None, None, "undefined", 0, 1, "'ann' is the only annotator: agreement takes two"
)


def test_a_round_at_the_bound_or_above_goes_on():
    assert judge(SUBSTANTIAL, 0.6).decision == "publish"
    assert judge(SUBSTANTIAL, 0.6).warnings == ()
    assert judge(SUBSTANTIAL, 0.7).decision == "publish"


def test_a_round_below_the_bound_is_stopped_and_says_why():
    found = judge(SUBSTANTIAL, 0.8)
    assert found.decision == "reject"
    assert found.reasons == (
        "agreement (krippendorff) is 0.700, substantial (95 % interval 0.620 to 0.780), over 200 items by 3 "
        "annotators; 0.8 is asked for",
    )


def test_an_interval_that_reaches_below_the_bound_is_told():
    assert judge(SUBSTANTIAL, 0.65).warnings == (
        "agreement (krippendorff) is 0.700, substantial (95 % interval 0.620 to 0.780): 0.65 may not be reached",
    )
    few = Agreement("krippendorff", 1.0, None, None, "almost perfect", 9, 2)
    assert "too few items for an interval" in judge(few, 0.65).warnings[0]


def test_undefined_agreement_stops_a_round_that_is_asked_for_some():
    found = judge(UNDEFINED, 0.0)
    assert found.decision == "reject"
    assert found.reasons == (
        "agreement (cohen) is undefined: 'ann' is the only annotator: agreement takes two; 0 is asked for",
    )


def test_where_nothing_is_asked_for_undefined_agreement_is_a_warning():
    found = judge(UNDEFINED, None)
    assert found.decision == "publish" and "undefined: 'ann' is the only annotator" in found.warnings[0]


@pytest.mark.parametrize("value", [-0.5, 0.1, 1.0])
def test_where_nothing_is_asked_for_any_agreement_goes_on(value):
    assert judge(Agreement("fleiss", value, value, value, "", 5, 2), None).decision == "publish"


def test_a_measure_without_words_is_told_without_them():
    found = judge(Agreement("span_f1_exact", 0.5, 0.4, 0.6, "", 5, 2), 0.9)
    assert found.reasons[0].startswith("agreement (span_f1_exact) is 0.500 (95 % interval 0.400 to 0.600), over 5")
