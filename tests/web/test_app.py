"""What the pages show, to whom, and what they refuse."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from include.core.refs import GateDecision, Outcome
from include.warehouse.approvals import Word
from include.warehouse.connection import transaction

PAGES = [
    "/datasets",
    "/datasets/fraud",
    "/datasets/fraud/1",
    "/datasets/fraud/diff?from=1&to=1",
    "/datasets/reviews/labels",
    "/data-docs",
    "/data-docs/fraud/run_1/gate.html",
    "/reports/fraud/run_1/gate.html",
]


def text_of(page) -> str:
    """The words of a page, tags and runs of space taken out."""
    body = page.text[page.text.index("<main>") :]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.mark.parametrize("path", PAGES)
def test_without_a_login_every_page_answers_401(open_anonymous, facts, path):
    answer = open_anonymous(lambda: facts.url).get(path)
    assert answer.status_code == 401
    assert "fraud" not in answer.text


def test_every_route_asks_for_a_login(open_anonymous, facts):
    from include.web.app import logged_in

    (app,) = [route.app for route in open_anonymous(lambda: facts.url).app.routes if route.path == "/sluice"]
    asked = {route.path: [d.call for d in route.dependant.dependencies] for route in app.routes}
    # And the files of exports, and what divided annotators as JSON.
    assert len(asked) == len(PAGES) + 2
    assert all(logged_in in calls for calls in asked.values())


@pytest.mark.parametrize("token", ["nonsense", "e30.e30.e30"])
def test_a_forged_session_cookie_is_refused(open_anonymous, facts, token):
    client = open_anonymous(lambda: facts.url)
    client.cookies.set("_token", token)
    assert client.get("/datasets").status_code in {401, 403}


@pytest.mark.parametrize("path", PAGES)
def test_a_logged_in_user_gets_every_page(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_lets_a_script_run_or_another_site_frame_it(browser, path):
    headers = browser.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_the_internet(browser, path):
    # Nothing is loaded from elsewhere: not by an attribute, not by a style, not by a script.
    page = browser.get(path).text
    assert re.findall(r"(?:src|srcset|href|data|action)=[\"']?\s*(?:https?:)?//[^\"'\s>]*", page) == []
    assert re.findall(r"url\(\s*[\"']?(?!data:)[^)]*\)|@import[^;]*;|<script|<iframe[^>]*http", page) == []


def test_every_link_of_every_page_leads_somewhere(browser):
    seen, waiting = set(), ["/sluice/datasets"]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        found = browser.get(f"http://testserver{path}")
        assert (path, found.status_code) == (path, 404 if "audit.html" in path else 200)
        links = re.findall(r"(?:href|src)=\"([^\"]+)\"", found.text)
        waiting += {link for link in links if link not in seen and link not in waiting}
    assert len(seen) >= 8


def test_the_datasets_page_shows_a_version_whole(browser):
    text = text_of(browser.get("/datasets"))
    assert "fraud current v1" in text
    assert "balanced by smotenc" in text
    assert "1 304" in text  # rows
    assert "all 1 304 train 1 005 validation 150 test 149" in text
    assert "false 670 → 670" in text
    assert "true 10 → 335" in text
    assert "325 smotenc" in text
    assert "passed 1 warning device: in_set: 3 rows" in text
    assert "21 of 1 000 14 amount: not_be_null 7 reference_unique" in text
    assert "f1f1f1f1f1 " in text


def test_the_datasets_page_says_what_is_open_in_quarantine_and_what_was_resolved(browser, facts):
    assert "Quarantine" not in text_of(browser.get("/datasets"))
    news = {"open": 1200, "opened": 7, "resolved": 30, "since": "run_1"}
    facts.judge("run_2", evidence={"quarantine": news}, at=datetime(2026, 3, 2, tzinfo=UTC))
    facts.judge("run_2", stage="audit", at=datetime(2026, 3, 3, tzinfo=UTC))
    said = "Quarantine: 1 200 open , 7 new and 30 resolved since the run run_1 ; each with its times in"
    for path in ("/datasets", "/datasets/fraud"):
        assert said in text_of(browser.get(path)).replace("\u202f", " ")


def test_a_dataset_without_a_version_says_what_to_do(browser):
    assert "idle no version yet" in text_of(browser.get("/datasets"))
    assert "Trigger the DAG curate_idle" in text_of(browser.get("/datasets"))


def test_a_rejected_run_is_on_top_with_what_failed(browser, facts):
    refused = GateDecision(decision="reject", reasons=("enough_rows: 12 rows, at least 100 expected",))
    facts.judge("run_2", decision=refused, rows=12, at=datetime(2026, 3, 2, tzinfo=UTC))
    text = text_of(browser.get("/datasets"))
    assert "fraud current v1 last run rejected" in text
    assert "The gate rejected the run of 2026-03-02 00:00 UTC ; the published version stands." in text
    assert "enough_rows: 12 rows, at least 100 expected" in text


def test_a_dataset_shows_the_course_of_its_quality_at_the_gate_by_dimension(browser, facts):
    assert "Data quality" not in browser.get("/datasets").text
    for day, bad in enumerate((0, 100, 20), start=2):
        ids = Outcome(rule="ids", type="t", column="id", severity="critical", row_level=True, success=not bad,
                      unexpected=bad, dimension="uniqueness")  # fmt: skip
        facts.judge(f"run_{day}", outcomes=(ids,), at=datetime(2026, 3, day, tzinfo=UTC))
        facts.judge(f"run_{day}", stage="audit", outcomes=(ids,), at=datetime(2026, 3, day, 1, tzinfo=UTC))
    for page in ("/datasets", "/datasets/fraud"):
        answer = browser.get(page)
        assert "uniqueness 98 % 1 rule · 1 failed" in text_of(answer)
        assert 'aria-label="uniqueness: 98 %; over the last 3 runs 90 % to 100 %"' in answer.text
        assert "accuracy – no rule" in text_of(answer)


def test_a_held_run_says_who_is_waited_for_and_what_became_of_it(browser, facts):
    at = datetime(2026, 3, 2, tzinfo=UTC)
    held = GateDecision(decision="hold", warnings=("mean odd",))
    facts.judge("run_2", decision=held, at=at)
    assert "waits for an approval" not in browser.get("/datasets").text
    facts.say("run_2", Word("ask", None, "", "digest", at, until=datetime(2026, 3, 3, tzinfo=UTC)))
    text = text_of(browser.get("/datasets"))
    assert "fraud current v1 last run waits for an approval" in text
    assert (
        "The run of 2026-03-02 00:00 UTC is held for its warnings ; without an answer by 2026-03-03 00:00 UTC"
        in text
    )
    facts.say("run_2", Word("reject", "<script>ada", "a fault", "digest", at))
    answer = browser.get("/datasets/fraud")
    assert "held for its warnings and rejected by &lt;script&gt;ada" in answer.text.replace("</strong>", "")
    assert ": a fault; the published version stands." in text_of(answer)
    assert "<script" not in answer.text


def test_a_version_names_its_approver(browser, facts, manifest):
    approval = {"by": "<script>ada", "reason": "it is the sale", "at": "2026-03-02T03:04:05+00:00"}
    facts.judge("run_2")
    facts.publish("f2" * 32, manifest | {"run": "run_2", "approval": approval})
    answer = browser.get("/datasets/fraud/2")
    assert "at 2026-03-02 03:04 UTC: it is the sale" in text_of(answer)
    assert "<script" not in answer.text


def test_a_version_shows_its_manifest_and_both_checks(browser):
    text = text_of(browser.get("/datasets/fraud/1"))
    assert "gate · 979 of 1 000 rows passed" in text
    assert "audit · 1 304 of 1 304 rows passed" in text
    assert "&#34;method&#34;: &#34;smotenc&#34;" in text
    assert "f1" * 32 in text
    assert "train true smote 325" in text


def test_a_version_shows_its_proof_against_leakage_and_what_balancing_does(browser, facts, manifest):
    leakage = {"holds": True, "rules": {"no id is in two splits": True}}
    leakage["compared"] = [{"rule": "no row's features are in two splits", "found": 4, "leaks": 0}]
    score = {"learner": "trees", "contender": "balanced", "average_precision": 0.25, "roc_auc": 0.9, "brier": 0.1}
    score["mean_prediction_to_prevalence"] = 9.5
    benefit = {"method": "smotenc", "scores": [score], "rows": {"validation": 150}}
    facts.publish("f2" * 32, manifest | {"audit": {"evidence": {"leakage": leakage, "balancing": benefit}}})
    text = text_of(browser.get("/datasets/fraud/2"))
    assert "Nothing of one split is in another holds" in text
    assert "features are in two splits 4 0" in text
    assert "trees smotenc 0.25 0.9 0.1 9.5" in text


def test_a_retired_version_says_so_and_is_no_longer_current(browser, facts):
    with transaction(facts.url) as connection:
        connection.cursor().execute(
            "SELECT sluice.retire('shop/run', 'fraud', 1, 'customer', '42', '{}', '2026-03-04 05:06Z');"
            " INSERT INTO sluice.erasures VALUES ('shop/run', 'shop', 'customers', 'c', '{}', '2026-03-04 05:06Z')"
        )
    assert "fraud no version left" in text_of(browser.get("/datasets"))
    assert "v1 retired f1f1f1f1f1" in text_of(browser.get("/datasets/fraud"))
    text = text_of(browser.get("/datasets/fraud/1"))
    assert "fraud v1 retired Published 2026-03-01 12:31 UTC" in text
    assert "Retired 2026-03-04 05:06 UTC by the erasure shop/run : its rows are gone" in text


def test_a_dataset_that_left_the_catalog_keeps_its_page(browser, facts):
    facts.judge("run_9", dataset="retired")
    assert "retired" in text_of(browser.get("/datasets"))
    assert browser.get("/datasets/retired").status_code == 200


@pytest.mark.parametrize("path", ["/datasets/nobody", "/datasets/fraud/2", "/datasets/nobody/1", "/nowhere"])
def test_what_is_not_there_is_a_404_page(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "Not found" in answer.text


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


SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def test_text_from_outside_is_escaped_wherever_it_shows(browser, facts, manifest):
    outcome = Outcome(
        rule=SCRIPT, type=SCRIPT, column=SCRIPT, severity=SCRIPT, row_level=True, success=False, observed=SCRIPT
    )
    refused = GateDecision(decision="reject", reasons=(SCRIPT,), warnings=(SCRIPT,))
    texts = {"reasons": {SCRIPT: 3}, "outcomes": (outcome,), "report": f"fraud/{SCRIPT}/gate.html"}
    facts.judge(f"rejected {SCRIPT}", **texts, decision=refused, at=datetime(2026, 5, 1, tzinfo=UTC))
    passed = GateDecision(decision="publish", warnings=(SCRIPT,))
    facts.judge(SCRIPT, **texts, decision=passed, at=datetime(2026, 4, 1, tzinfo=UTC))
    classes = {"before": {SCRIPT: 1}, "after": {SCRIPT: 2}}
    counts = [{"split": SCRIPT, "class": SCRIPT, "origin": SCRIPT, "rows": 1}]
    facts.publish("e" * 64, manifest | {"run": SCRIPT, "method": SCRIPT, "balance": classes, "counts": counts})
    shown = ["/datasets", "/datasets/fraud", "/datasets/fraud/2", "/data-docs"]
    asked = [f"{place}{quote(SCRIPT)}" for place in ("/data-docs?dataset=", "/datasets/", "/data-docs/")]
    for path in shown + asked:
        text = browser.get(path).text
        assert "<script" not in text, path
        assert "<img" not in text, path


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


def test_a_version_shows_where_each_column_comes_from(browser, facts, manifest):
    def payments(column, by):
        return {"source": "shop", "table": "payments", "column": column, "by": by}

    lineage = {
        "columns": {"id": [payments("id", "identity")], "mean": [
            payments("amount", "aggregation"), payments("at", "window")], "one": []},
        "rows": [payments("state", "filter")], "tables": [],
    }  # fmt: skip
    columns = [{"name": name, "type": "numeric"} for name in ("id", "mean", "one", "_id")]
    facts.publish("f2" * 32, manifest | {"lineage": lineage, "columns": columns})
    text = text_of(browser.get("/datasets/fraud/2"))
    assert (
        "Where each column comes from Column Made of Decided by id shop.payments.id identity"
        " mean shop.payments.amount aggregation shop.payments.at window one no source column"
        " Which rows there are was decided by shop.payments.state ."
    ) in text
    assert "Where each column comes from" not in text_of(browser.get("/datasets/fraud/1"))


def test_a_warehouse_that_is_down_is_a_clear_page_without_the_password(open_pages):
    answer = open_pages(lambda: "postgresql://sluice:opensesame@127.0.0.1:1/warehouse").get("/datasets")
    assert answer.status_code == 503
    assert "The warehouse cannot be read" in answer.text
    assert "check host and port of the Airflow connection" in answer.text
    assert "opensesame" not in answer.text


def test_a_warehouse_that_was_never_prepared_is_a_clear_page(open_pages, postgres, source_url):
    answer = open_pages(lambda: source_url).get("/data-docs")
    assert answer.status_code == 503
    assert "prepare the warehouse" in answer.text


def test_a_missing_connection_is_a_clear_page(open_pages):
    from include.orchestration.places import warehouse_url

    answer = open_pages(warehouse_url).get("/datasets")
    assert answer.status_code == 503
    assert "There is no Airflow connection" in answer.text
    assert "AIRFLOW_CONN_WAREHOUSE" in answer.text


SECOND = """
CREATE TABLE staging.made AS SELECT 1::bigint AS id, '<i>1</i>' AS _id, 'train' AS _split, true AS is_fraud;
SELECT sluice.publish('fraud', 'made', 'f2', %s, '2026-03-02Z');
CREATE TABLE staging.made AS SELECT 2::bigint AS id, '<i>1</i>' AS _id, 'train' AS _split, true AS is_fraud;
SELECT sluice.publish('fraud', 'made', 'f3', %s, '2026-03-03Z')
"""


def test_two_versions_are_compared_row_by_row_and_what_rows_say_is_no_markup(browser, facts):
    more = [json.dumps({"declaration": {"label": "is_fraud"}, "seed": seed}) for seed in (7, 8)]
    with transaction(facts.url) as connection:
        connection.cursor().execute(SECOND, more)
    page = browser.get("/datasets/fraud/diff?from=2&to=3")
    text = text_of(page)
    assert "0 added 0 removed 1 changed 0 same" in text
    assert "train true 0 0 1 0" in text
    assert "&lt;i&gt;1&lt;/i&gt; id 1 2" in text and "<i>1</i>" not in page.text
    assert "seed 7 8" in text
    assert "with v2 with v1" in text
    first = text_of(browser.get("/datasets/fraud/diff?from=1&to=3"))
    assert "1 added 0 removed 0 changed 0 same" in first and "added is_fraud boolean" in first
    assert 'href="/sluice/datasets/fraud/diff?from=2&amp;to=3"' in browser.get("/datasets/fraud/3").text


@pytest.mark.parametrize(("asked", "status"), [("from=1&to=9", 404), ("from=1", 422), ("from=0&to=1", 422)])
def test_a_comparison_with_what_is_not_there_is_told(browser, asked, status):
    answer = browser.get(f"/datasets/fraud/diff?{asked}")
    assert answer.status_code == status
    assert status == 422 or "fraud_v9 does not exist; there is 1." in text_of(answer)


def test_a_version_that_retention_dropped_says_so_and_is_compared_with_nothing(browser, facts):
    with transaction(facts.url) as connection:
        for n in "23":
            connection.cursor().execute("CREATE TABLE staging.made (_id text)")
            connection.cursor().execute("SELECT sluice.publish('fraud', 'made', %s, '{}', '2026-03-02Z')", (n,))
        connection.cursor().execute("SELECT sluice.drop_old('fraud', 1, 1, '2026-03-04Z')")
    text = text_of(browser.get("/datasets/fraud/1"))
    assert "Retired 2026-03-04 00:00 UTC by retention, as not one of the newest 1: its rows are gone" in text
    assert "Compare with" not in text
