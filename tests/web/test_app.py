"""Who is let in, what every page keeps to, and what is told when a page cannot be shown."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from include.core.refs import GateDecision, Outcome

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


@pytest.mark.parametrize("path", ["/datasets/nobody", "/datasets/fraud/2", "/datasets/nobody/1", "/nowhere"])
def test_what_is_not_there_is_a_404_page(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "Not found" in answer.text


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
