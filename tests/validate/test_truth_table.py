"""The policy by severity, case by case: what each combination decides, and that the documents hold the table."""

from itertools import product
from pathlib import Path

import pytest

from include.core.refs import Outcome
from include.specs import GatePolicy
from include.validate.gate import decide
from include.validate.truth_table import truth_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gate.md"

SEVERITIES, LEVELS, FOUND = ("critical", "warning", "info"), ("rows", "table"), ("holds", "fails", "raises")
# The share of rows that broke a critical row-level rule; 10 % are allowed.
SHARES = {"none": 0, "few": 10, "many": 11, "all": 100}
POLICIES = ("publish", "approve")

# What an expectation alone decides under each policy; where the answer is one, for both.
ALONE = {
    ("critical", "rows", "holds"): "publish",
    ("critical", "rows", "fails"): "by share",
    ("critical", "rows", "raises"): "reject",
    ("critical", "table", "holds"): "publish",
    ("critical", "table", "fails"): "reject",
    ("critical", "table", "raises"): "reject",
    ("warning", "rows", "holds"): "publish",
    ("warning", "rows", "fails"): "as declared",
    ("warning", "rows", "raises"): "reject",
    ("warning", "table", "holds"): "publish",
    ("warning", "table", "fails"): "as declared",
    ("warning", "table", "raises"): "reject",
    ("info", "rows", "holds"): "publish",
    ("info", "rows", "fails"): "publish",
    ("info", "rows", "raises"): "reject",
    ("info", "table", "holds"): "publish",
    ("info", "table", "fails"): "publish",
    ("info", "table", "raises"): "reject",
}
BY_SHARE = {"none": "reject", "few": "publish", "many": "reject", "all": "reject"}
DECLARED = {"publish": "publish", "approve": "hold"}
WORST = ("publish", "hold", "reject")


def outcome(severity, level, found):
    return Outcome(
        rule=f"{severity} {level}", type="t", column=None, severity=severity, row_level=level == "rows",
        success=found == "holds", exception="broke" if found == "raises" else None, unexpected=10,
    )  # fmt: skip


def expected(case, share, on_warning):
    answer = ALONE[case]
    return BY_SHARE[share] if answer == "by share" else DECLARED[on_warning] if answer == "as declared" else answer


def decided(cases, share, on_warning, rows=100):
    policy = GatePolicy(max_rejected=0.1, on_warning=on_warning)
    return decide([outcome(*case) for case in cases], rows, SHARES[share], policy).decision


def shares(cases):
    """Rows are rejected by a failed critical row-level expectation and by nothing else."""
    return SHARES if ("critical", "rows", "fails") in cases else ("none",)


def test_the_table_names_every_combination():
    assert list(ALONE) == list(product(SEVERITIES, LEVELS, FOUND))


@pytest.mark.parametrize("case", ALONE, ids=" ".join)
def test_an_expectation_alone_decides(case):
    for share, on_warning in product(shares([case]), POLICIES):
        assert decided([case], share, on_warning) == expected(case, share, on_warning), (share, on_warning)


def test_of_two_expectations_the_worse_one_decides():
    for one, other, on_warning in product(ALONE, ALONE, POLICIES):
        for share in shares([one, other]):
            answers = [expected(case, share, on_warning) for case in (one, other)]
            assert decided([one, other], share, on_warning) == max(answers, key=WORST.index), (one, other, share)


@pytest.mark.parametrize("on_warning", POLICIES)
def test_an_empty_candidate_and_one_that_nothing_judged_are_rejected(on_warning):
    for case in ALONE:
        assert decided([case], "none", on_warning, rows=0) == "reject"
    assert decided([], "none", on_warning) == "reject"


def test_the_documents_hold_the_table_that_the_function_prints():
    assert truth_table() in PAGE.read_text()


def test_the_printed_table_says_what_was_decided():
    lines = truth_table().splitlines()
    assert len(lines) == 2 + 24
    assert (
        "| critical, of rows | fails in `max_rejected` of the rows or fewer"
        " | **publish**, quarantine the bad rows | **publish**, quarantine the bad rows |"
    ) in lines
    assert "| warning, of rows | fails | **publish**, tell the warning | **hold**, tell the warning |" in lines
    assert "| info, of rows | raises, or has no result | **reject** | **reject** |" in lines
