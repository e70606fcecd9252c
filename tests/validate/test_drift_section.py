"""The drift of a page: figures and bars of each column, escaped, without a script."""

import re

import pytest
from jinja2 import Environment, StrictUndefined

from benchmarks._summaries import summary_of_words
from include.validate.drift import judge
from include.validate.drift_section import drift_section

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def environment():
    found = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["value"] = str
    return found


def evidence():
    before = {"method": summary_of_words(["card"] * 900 + ["cash"] * 100)}
    after = {"method": summary_of_words(["card"] * 900 + [HOSTILE] * 100)}
    new, known = judge(before, after, 0.01)[0].evidence(), judge(before, before, 0.01)[0].evidence()
    rows = {"published": 1_000, "new": 1_000, "known": 5, "gone": 3}
    columns = {"method": {"new": new, "known": known}}
    return {
        "drift": {"version": 4, "false_alarms": 0.01, "rows": rows, "columns": columns, "not_compared": ["note"]}
    }


def test_a_validation_that_compared_nothing_has_no_section(environment):
    assert str(drift_section(environment, {})) == ""


def test_the_section_says_what_drifted_from_which_version(environment):
    page = str(drift_section(environment, evidence()))
    said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Drift against version 4 1,000 new rows are compared with 1,000 published ones; 5 are in both" in said
    assert "method new drifted" in said
    assert "method known" not in said
    assert "− cash 100" in said
    assert "Not compared, since the version does not have them as they are now: note." in said


def test_the_section_draws_two_bars_a_bin_and_runs_nothing(environment):
    page = str(drift_section(environment, evidence()))
    assert page.count("<g>") == 3
    assert len(re.findall(r'<rect x="\d+" y="[\d.]+" width="5" height="[\d.]+"', page)) == 6
    assert "cash: 10.00% → 0.00%" in page
    assert "<script" not in page and "&lt;script&gt;" in page
