"""The question about a held run: what it says, and that no value of the data becomes markup in it."""

from datetime import UTC, datetime

import pytest

from include.core.refs import GateDecision, Outcome
from include.validate.doubts import Doubt
from include.validate.question import code, question
from include.warehouse.validations import Validation

UNTIL = datetime(2026, 1, 3, 3, 4, tzinfo=UTC)
HOSTILE = "![x](https://evil.example/p.png) <img src=x> `` [click](javascript:alert(1))"


def judged(stage, rows, run="r"):
    return Validation(
        run=run, dataset="pay", stage=stage, decision=GateDecision(decision="hold"), rows=rows, passed=rows,
        quarantined=0, reasons={}, outcomes=(), batches={"shop": 3}, suite_hash="s", report=f"pay/r/{stage}.html",
        at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    )  # fmt: skip


def outcome(rule, **more):
    known = {"type": "t", "column": None, "severity": "warning", "row_level": False, "success": False}
    return Outcome(rule=rule, **known | more)


def test_several_warnings_of_both_stages_are_told_each_with_its_numbers():
    rows = Doubt(
        "gate", outcome("late", column="paid_at", row_level=True, unexpected=1200), 4000, "", {"7": {"a": None}}
    )
    mean = Doubt("audit", outcome("mean", observed="3.5"), 9000, "max_value 3", {})
    asked = question(judged("gate", 4000), judged("audit", 9000), [rows, mean], until=UNTIL, report_url="")
    assert (asked.subject, asked.until) == ("Publish pay? 2 warnings", UNTIL)
    assert asked.body.split("\n\n") == [
        "9,000 rows of `pay` are ready to be published. Of 4,000 candidate rows 0 are in quarantine."
        " 2 warnings hold the run:",
        "- **gate**: `late`, on `paid_at`, failed in 1,200 of 4,000 rows (30.00%), such as"
        "\n  - row `7`: `a` is `null`",
        "- **audit**: `mean`, failed, expected `max_value 3`, observed `3.5`",
        "Run `r`, of shop as of batch 3. Without an answer by **2026-01-03 03:04 UTC** it is rejected; a rejection"
        " cannot be taken back. An approval needs a reason.",
    ]


def test_no_value_of_the_data_is_a_link_a_picture_or_markup():
    doubt = Doubt(
        "gate", outcome(HOSTILE, column=HOSTILE, observed=HOSTILE), 9, HOSTILE, {HOSTILE: {HOSTILE: HOSTILE}}
    )
    body = question(judged("gate", 9, HOSTILE), judged("audit", 9), [doubt], until=UNTIL, report_url="").body
    # What is left when code spans are taken away is our own.
    rest = body.replace(code(HOSTILE), "")
    assert not any(word in rest for word in ("evil", "<img", "javascript", "`` "))


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("plain", "`plain`"),
        (None, "`null`"),
        ("", "` `"),
        ("two\n\nlines", "`two lines`"),
        ("a ` b", "``a ` b``"),
        ("`` b", "``` `` b ```"),
        ("x" * 100, f"`{'x' * 79}…`"),
    ],
)
def test_a_value_is_one_code_span(value, span):
    assert code(value) == span
