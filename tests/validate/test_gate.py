"""The gate's truth table: what publishes, what rejects, what is only told."""

import pytest

from include.core.refs import Outcome
from include.specs import GatePolicy
from include.validate.gate import decide

FIVE_PERCENT = GatePolicy(max_rejected=0.05)


def outcome(rule="r", *, severity="critical", row_level=True, success=False, **more):
    return Outcome(
        rule=rule, type="t", column="c", severity=severity, row_level=row_level, success=success, **more
    )


HOLDS = outcome("count", row_level=False, success=True)


@pytest.mark.parametrize(
    ("outcomes", "rows", "rejected", "decision", "reasons"),
    [
        ([HOLDS], 100, 0, "publish", []),
        ([HOLDS, outcome(unexpected=5)], 100, 5, "publish", []),
        (
            [HOLDS, outcome("a", unexpected=4), outcome("b", unexpected=3)],
            100,
            6,
            "reject",
            ["6 of 100 rows are bad (6.00%, 5.00% are allowed): a 4, b 3"],
        ),
        ([HOLDS, outcome(row_level=False, observed="3.5")], 100, 0, "reject", ["r failed: observed 3.5"]),
        ([HOLDS, outcome(row_level=False)], 100, 0, "reject", ["r failed"]),
        ([HOLDS, outcome(severity="warning", unexpected=50)], 100, 0, "publish", []),
        ([HOLDS, outcome(severity="info", row_level=False)], 100, 0, "publish", []),
        ([HOLDS, outcome(severity="info", exception="gone")], 100, 0, "reject", ["r could not be judged: gone"]),
        (
            [HOLDS, outcome(severity="warning", exception="gone")],
            100,
            0,
            "reject",
            ["r could not be judged: gone"],
        ),
        ([HOLDS], 0, 0, "reject", ["the candidate is empty"]),
        ([], 100, 0, "reject", ["no expectation was judged"]),
        (
            [HOLDS, outcome(unexpected=5)],
            100,
            0,
            "reject",
            ["r failed in 5 rows, but no bad row was found"],
        ),
    ],
)
def test_decisions(outcomes, rows, rejected, decision, reasons):
    found = decide(outcomes, rows, rejected, FIVE_PERCENT)
    assert (found.decision, list(found.reasons)) == (decision, reasons)


def test_a_gate_that_allows_everything_still_wants_one_good_row():
    everything = GatePolicy(max_rejected=1)
    assert decide([HOLDS, outcome(unexpected=99)], 100, 99, everything).decision == "publish"
    assert decide([HOLDS, outcome(unexpected=100)], 100, 100, everything).reasons == ("none of 100 rows passed",)


def test_the_limit_itself_is_allowed_and_a_limit_of_zero_allows_no_bad_row():
    assert decide([HOLDS, outcome(unexpected=5)], 100, 5, FIVE_PERCENT).decision == "publish"
    assert decide([HOLDS, outcome(unexpected=1)], 100, 1, GatePolicy(max_rejected=0)).decision == "reject"


def test_warnings_are_told_and_every_reason_is_given():
    outcomes = [
        outcome("w", severity="warning", unexpected=7),
        outcome("i", severity="info", unexpected=7),
        outcome("x", exception="broke"),
        outcome("t", row_level=False, observed="2"),
    ]
    found = decide(outcomes, 100, 0, FIVE_PERCENT)
    assert found.warnings == ("w failed in 7 rows",)
    assert found.reasons == ("x could not be judged: broke", "t failed: observed 2")
