"""The page of a validation: it says what was decided, stands alone, and runs nothing that the data may hold."""

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from include.core.refs import GateDecision, Outcome
from include.validate.reports import Report, remove_report, render_report, report_path, write_report
from include.warehouse.quarantine import QuarantinedRow
from include.warehouse.validations import Validation

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def outcome(rule, *, success=False, **more):
    known = {"type": "t", "column": "amount", "severity": "critical", "row_level": True}
    return Outcome(rule=rule, success=success, **(known | more))


def result(exception=None):
    """A checkpoint's result as Great Expectations writes it."""
    info = {"raised_exception": bool(exception), "exception_message": exception, "exception_traceback": exception}
    config = {"type": "expect_column_values_to_be_in_set", "severity": "critical", "meta": {"rule": "known"}}
    config["kwargs"] = {"column": "amount", "value_set": [HOSTILE], "batch_id": "b"}
    counts = {"element_count": 9, "unexpected_count": 2, "unexpected_percent": 22.2, "partial_unexpected_list": []}
    one = {"success": False, "expectation_config": config, "result": counts, "meta": {}, "exception_info": info}
    statistics = {"evaluated_expectations": 1, "successful_expectations": 0, "unsuccessful_expectations": 1}
    return {
        "success": False, "results": [one], "suite_name": "pay", "suite_parameters": {},
        "statistics": statistics | {"success_percent": 0.0},
        "meta": {
            "great_expectations_version": "1.24.1", "active_batch_definition": None,
            "run_id": {"run_name": HOSTILE, "run_time": "2026-01-02T03:04:00+00:00"},
        },
    }  # fmt: skip


VALIDATION = Validation(
    run="manual__1", dataset="pay", stage="gate", decision=GateDecision(decision="publish"), rows=9, passed=7,
    quarantined=2, reasons={"known": 2}, outcomes=(outcome("known", unexpected=2), outcome("count", success=True)),
    batches={"shop": 3}, suite_hash="abc", report="", at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
)  # fmt: skip
ROW = QuarantinedRow("7", {"id": 7, "name": HOSTILE, "none": None, "amount": "x" * 500}, ("known", HOSTILE))


def text(page):
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


def test_the_page_says_what_was_decided_and_on_how_many_rows():
    said = text(render_report(Report(VALIDATION, (ROW,), result(), 0.25)))
    assert "✔ Passed on 9 rows in 7 passed 2 quarantined 22.22% rejected, 25.00% allowed" in said
    assert "critical known amount 2 22.22% value_set [" in said
    assert "1 expectation that holds count" in said
    assert "quarantine.pay where run = 'manual__1'" in said
    assert "values must belong to this set" in said


def test_an_audits_evidence_is_shown_escaped():
    compared = {
        "rule": "no text of note is in two splits",
        "rows": 1200,
        "found": 3,
        "by_chance": None,
        "leaks": 1,
    }
    compared |= {"noticed": 0.5, "examples": [["7", HOSTILE]], "note": None}
    leakage = {"rules": {"no id is in two splits": True}, "compared": [compared], "not_compared": None}
    score = {"learner": "trees", "contender": "balanced", "gain": [0.01, -0.02, 0.04], "f1": 0.4, "threshold": 0.5}
    measures = ("average_precision", "roc_auc", "recall_at_precision", "brier", "calibration_slope")
    score |= dict.fromkeys(measures, 0.25) | {"mean_prediction_to_prevalence": 9.5}
    balancing = {
        "method": "smote",
        "not_judged": None,
        "classes": ["1"],
        "classes_not_scored": ["2"],
        "precision": 0.5,
    }
    balancing |= {
        "rows": {"train": 900, "balanced": 1500, "validation": 200},
        "most_rows": 9000,
        "scores": [score],
    }
    judged = replace(VALIDATION, stage="audit", evidence={"leakage": leakage, "balancing": balancing})
    page = render_report(Report(judged, (), result()))
    assert (
        "holds no id is in two splits broken no text of note is in two splits 1,200 3 1 50% of rows 7 ="
        in text(page)
    )
    assert "trees smote 0.25 +0.010 (-0.020 to +0.040) 0.25 0.25 0.25 0.25 9.5 0.4 at 0.5" in text(page)
    assert "200 untouched rows of validation for 1; too rare to score: 2." in text(page)
    assert HOSTILE not in page


def test_a_rejection_gives_its_reasons_and_warnings_first():
    decision = GateDecision(decision="reject", reasons=("too few", "too old"), warnings=("odd mean",))
    said = text(render_report(Report(replace(VALIDATION, decision=decision), (), result(), 0.25)))
    assert "✘ Rejected: the published version stays as it was too few too old warning odd mean 9 rows in" in said


def test_a_rule_that_names_no_rows_says_that_and_why_it_was_judged_whole():
    whole = "it speaks of the table"
    outcomes = tuple(
        outcome(rule, success=held, row_level=False, whole=whole)
        for rule, held in (("few", False), ("many", True))
    )
    said = text(render_report(Report(replace(VALIDATION, outcomes=outcomes), (), result(), 0.25)))
    assert "critical few amount judged whole: it speaks of the table" in said
    assert "1 expectation that holds many · judged whole" in said


def test_a_held_run_says_that_somebody_has_to_approve_it():
    decision = GateDecision(decision="hold", warnings=("odd mean",))
    said = text(render_report(Report(replace(VALIDATION, decision=decision), (), result(), 0.25)))
    assert "● Held: it is published when somebody approves it warning odd mean 9 rows in 7 passed 2 quar" in said


def test_each_dimension_has_its_score_its_rules_and_its_course_over_the_runs_before():
    def judged(bad):
        outcomes = (
            outcome("known", unexpected=bad, success=not bad, dimension="validity"),
            outcome("count", row_level=False, success=True, dimension="completeness"),
        )
        return replace(VALIDATION, rows=10, outcomes=outcomes)

    page = render_report(Report(judged(1), (), result(), 0.25, before=(judged(0), judged(5))))
    assert (
        "completeness 100 % completeness: 100 %; over the last 3 runs 100 % to 100 % 1 rule accuracy – no rule"
        in (text(page))
    )
    assert "validity 90 % validity: 90 %; over the last 3 runs 50 % to 100 % 1 rule, 1 failed" in text(page)
    told = "validity: 90 %; over the last 3 runs 50 % to 100 %"
    drawn = '<polyline points="3.0,3.0 60.0,25.0 117.0,7.4 "/><circle cx="117.0" cy="7.4" r="2.6"/>'
    assert f'role="img" aria-label="{told}"><title>{told}</title>{drawn}</svg>' in page


def test_an_audit_has_no_rejected_rows():
    said = text(render_report(Report(replace(VALIDATION, stage="audit"), (), result())))
    assert "audit: the finished table" in said
    assert "Rejected rows" not in said
    assert "allowed" not in said


def test_what_the_data_holds_is_shown_and_never_run():
    hostile = replace(
        VALIDATION,
        run=HOSTILE,
        decision=GateDecision(decision="reject", reasons=(HOSTILE,), warnings=(HOSTILE,)),
        outcomes=(outcome(HOSTILE, column=HOSTILE, observed=HOSTILE), outcome("x", exception=HOSTILE)),
    )
    page = render_report(Report(hostile, (ROW,), result(exception=HOSTILE), 0.25))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "default-src 'none'" in page


def test_the_page_stands_alone():
    page = render_report(Report(VALIDATION, (ROW,), result(exception="gone"), 0.25))
    assert re.findall(r"""<[^>]*\b(?:src|href)=["']?(?!#)[^>]*>""", page) == []
    assert re.findall(r"https?://|@import|url\(", page) == []
    assert "Traceback" not in page


def test_the_columns_that_broke_a_rule_come_first_and_are_marked():
    page = render_report(Report(VALIDATION, (ROW,), result(), 0.25))
    fields = re.findall(r'<span class="field (\w*)"><i>(\w+)</i>', page)
    assert fields == [("broken", "amount"), ("", "id"), ("", "name"), ("", "none")]


def test_long_values_are_cut_and_missing_ones_told():
    page = render_report(Report(VALIDATION, (ROW,), result(), 0.25))
    assert "x" * 119 + "…" in page
    assert "x" * 120 not in page
    assert '<i>none</i> <span class="null">null</span>' in page


def test_the_page_lies_by_dataset_run_and_stage_and_replaces_the_one_before(tmp_path):
    assert report_path("pay", "manual__1", "gate") == "pay/manual_1_19b04f56/gate.html"
    for passed in (7, 8):
        path = write_report(tmp_path, Report(replace(VALIDATION, passed=passed), (), result(), 0.25))
    assert path == tmp_path / "pay/manual_1_19b04f56/gate.html"
    assert "8 passed" in text(path.read_text())
    assert [p.name for p in path.parent.iterdir()] == ["gate.html"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_page_is_removed_and_nothing_outside_its_folder_is(tmp_path):
    reports, secret = tmp_path / "reports", tmp_path / "secret.html"
    page, other = reports / "fraud" / "run_1" / "gate.html", reports / "fraud" / "run_1" / "notes.txt"
    page.parent.mkdir(parents=True)
    for file in (page, other, secret):
        file.write_text("a text")
    for path in ("fraud/run_1/gate.html", "fraud/run_1/gate.html", "../secret.html", "fraud/run_1/notes.txt"):
        remove_report(reports, path)
    assert [file.exists() for file in (page, other, secret)] == [False, True, True]


@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="NO BROWSER: install chromium to see that pages render"
)
def test_a_browser_renders_the_page_without_running_anything(tmp_path):
    path = write_report(tmp_path / "a folder", Report(VALIDATION, (ROW,), result(), 0.25))
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "Passed on" in done.stdout
    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in done.stdout
