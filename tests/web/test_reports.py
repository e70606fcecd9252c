"""The list of reports, and the files of reports and exports: those are sent, and no others."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.pages import text_of


def test_data_docs_lists_the_newest_first_in_pages(browser, facts):
    start = datetime(2026, 4, 1, tzinfo=UTC)
    for number in range(60):
        facts.judge(f"many_{number:02}", at=start + timedelta(minutes=number))
    first, second = (browser.get(f"/data-docs?page={page}").text for page in (1, 2))
    assert re.findall(r'title="(many_\d\d)"', first) == [f"many_{n:02}" for n in range(59, 9, -1)]
    assert re.findall(r'title="(\w+)">\w+</td>', second)[-4:] == ["many_01", "many_00", "run_1", "run_1"]
    assert "Page 1 of 2 · 62 checkpoints" in text_of(browser.get("/data-docs"))


def test_data_docs_has_the_audit_of_a_run_above_its_gate(browser):
    assert re.findall(r"<td>(gate|audit)</td>", browser.get("/data-docs").text) == ["audit", "gate"]


def test_data_docs_can_be_narrowed_to_a_dataset(browser, facts):
    facts.judge("other", dataset="idle")
    assert re.findall(r'title="(\w+)">\w+</td>', browser.get("/data-docs?dataset=idle").text) == ["other"]


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=99999999999999999999"])
def test_a_page_number_that_is_none_is_refused_without_a_crash(browser, query):
    answer = browser.get(f"/data-docs?{query}")
    assert answer.status_code == 422
    assert "A page or a version is a positive number" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html",
        "..%2fsecret.html",
        "..%2Fsecret.html",
        "%2e%2e/secret.html",
        "%2e%2e%2fsecret.html",
        "fraud/../../secret.html",
        "fraud/run_1/../../../secret.html",
        "..%252fsecret.html",
        "..\\secret.html",
        "{root}/../secret.html",
        "//{root}/../secret.html",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "linked.html",
        "linked_folder/secret.html",
        "",
        "fraud",
        "fraud/run_1",
        "fraud/run_1/notes.txt",
        "fraud/run_1/gate.html%00",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("route", ["reports", "data-docs"])
def test_a_path_that_leads_out_of_the_reports_is_not_found(browser, reports, route, path):
    (reports / "linked.html").symlink_to(reports.parent / "secret.html")
    (reports / "linked_folder").symlink_to(reports.parent)
    (reports / "fraud" / "run_1" / "notes.txt").write_text("not a report")
    answer = browser.get(f"http://testserver/sluice/{route}/{path.format(root=reports)}")
    assert "a secret" not in answer.text
    assert "root:" not in answer.text
    if path:
        assert answer.status_code == 404


def test_a_report_is_sent_as_it_is_in_a_sandbox(browser):
    answer = browser.get("/reports/fraud/run_1/gate.html")
    assert answer.text == "<h1>The gate's report</h1>"
    assert "sandbox allow-same-origin" in answer.headers["content-security-policy"]


def test_a_version_shows_its_files_and_sends_them(browser):
    text = text_of(browser.get("/datasets/fraud/1"))
    assert "Exported 2026-03-01 12:32 UTC to file:///srv/exports/fraud/v1" in text
    assert "train/part-00000.parquet 1 005 48 213 abababababababab…" in text
    assert browser.get("/exports/fraud/1/train/part-00000.parquet").content == b"PAR1"
    card = browser.get("/exports/fraud/1/README.md")
    assert card.headers["content-type"] == "text/plain; charset=utf-8"
    assert card.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in card.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["/exports/fraud/1/../../../image.png", "/exports/fraud/1/..%2F..%2F..%2Fimage.png",
     "/exports/fraud/2/README.md", "/exports/other/1/README.md", "/exports/fraud/1/croissant.json",
     "/exports/fraud/1/train"],
)  # fmt: skip
def test_only_files_that_an_export_lists_are_sent(browser, path):
    assert browser.get(path).status_code == 404


def test_files_of_exports_need_a_login_too(open_anonymous, facts):
    answer = open_anonymous(lambda: facts.url).get("/exports/fraud/1/README.md")
    assert (answer.status_code, "fraud" in answer.text) == (401, False)
