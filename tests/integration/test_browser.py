"""Airflow's web UI in a real browser: log in, trigger a curation through its form, open both of Sluice's pages."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.catalog import DATASETS
from include.local import airflow
from include.local.job import do_the_job
from include.warehouse.connection import transaction
from include.warehouse.versions import current

CHROMIUM = shutil.which("chromium")
MISSING = "NO CHROMIUM: THE WEB UI WAS NOT TESTED IN A BROWSER. Install Debian's package chromium."
pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("stack"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
]

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PATIENCE = 60_000


@pytest.fixture(scope="module")
def published(stack):
    """The stack, with a version of every dataset."""
    with transaction(stack.warehouse_url) as connection:
        there = current(connection, "payment_fraud") and current(connection, "digit_photos")
    if not there:
        assert do_the_job(stack) == 0
    return stack


@pytest.fixture(scope="module")
def page(published) -> Iterator:
    """A logged-in page. It can reach this machine alone, as in a house without internet."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, locale="en-US")
        page.set_default_timeout(PATIENCE)
        page.route(
            lambda url: not url.startswith((published.server, "data:", "blob:")), lambda route: route.abort()
        )
        page.goto(published.server)
        page.get_by_label("Username").fill(airflow.ADMIN)
        page.locator("input[type=password]").fill(published.secrets["admin"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Welcome").wait_for()
        yield page
        browser.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return tmp_path


def taken(page, path: Path) -> bool:
    """Whether a picture of the page was taken that is more than one colour."""
    page.screenshot(path=path)
    return path.stat().st_size > 20_000


def test_a_curation_is_triggered_through_its_form_and_succeeds(page, published, pictures):
    with transaction(published.warehouse_url) as connection:
        before = current(connection, "digit_photos")
    # A seed that was not used yet: the same inputs and seed would publish nothing new.
    number = 100 + before.version
    page.goto(f"{published.server}/dags/curate_digit_photos")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    seed = form.locator('input[name="element_seed"]')
    seed.fill(str(number))
    seed.press("Tab")
    assert form.get_by_text("As of batch").is_visible()
    assert taken(page, pictures / "form.png")
    with page.expect_response(lambda r: r.request.method == "POST" and r.url.endswith("/dagRuns")) as triggered:
        form.get_by_role("button", name="Trigger").click()
    run = triggered.value.json()
    assert json.loads(triggered.value.request.post_data)["conf"]["seed"] == number

    page.goto(f"{published.server}/dags/curate_digit_photos/runs/{run['dag_run_id']}")
    heading = page.get_by_role("heading", name=run["dag_run_id"])
    heading.locator("xpath=..").get_by_text("Success").wait_for(timeout=300_000)
    assert taken(page, pictures / "run.png")
    with transaction(published.warehouse_url) as connection:
        after = current(connection, "digit_photos")
    assert after.version == before.version + 1
    assert (after.manifest["run"], after.manifest["seed"]) == (run["dag_run_id"], number)


def test_datasets_shows_every_version_inside_the_ui(page, published, pictures):
    page.goto(published.server)
    page.get_by_role("link", name="Datasets").click()
    shown = page.frame_locator("iframe")
    shown.get_by_role("heading", name="payment_fraud").wait_for()
    assert shown.get_by_role("heading", name="digit_photos").is_visible()
    assert shown.get_by_text("current v").count() == len(DATASETS)
    assert shown.locator(".bars").count() >= 2
    assert taken(page, pictures / "datasets.png")

    shown.get_by_role("link", name=re.compile(r"^v\d+$")).first.click()
    shown.get_by_role("heading", name="Made from").wait_for()
    assert shown.get_by_text("smotenc").first.is_visible()
    assert taken(page, pictures / "version.png")


def test_data_docs_leads_to_a_report_inside_the_ui(page, published, pictures):
    page.goto(published.server)
    page.get_by_role("link", name="Data Docs").click()
    shown = page.frame_locator("iframe")
    shown.get_by_role("heading", name="Data Docs").wait_for()
    assert taken(page, pictures / "data_docs.png")

    shown.get_by_role("navigation", name="Filter by dataset").get_by_text("payment_fraud").click()
    shown.locator('[aria-current="true"]', has_text="payment_fraud").wait_for()
    shown.get_by_role("row", name=re.compile("gate")).first.get_by_role("link", name="Report").click()
    report = shown.frame_locator("iframe.report")
    report.get_by_text("quarantined").first.wait_for()
    assert taken(page, pictures / "report.png")


def test_no_script_of_a_report_runs(page, published):
    """The report's own frame may hold text from anywhere; the browser itself refuses to run it."""
    place = published.place.reports / "payment_fraud" / "planted" / "gate.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("<p id=text>before</p><script>document.getElementById('text').textContent = 'ran'</script>")
    try:
        page.goto(f"{published.server}/sluice/reports/payment_fraud/planted/gate.html")
        assert page.locator("#text").inner_text() == "before"
    finally:
        place.unlink()
        place.parent.rmdir()


def test_without_a_login_the_pages_are_closed(page, published):
    stranger = page.context.browser.new_context()
    try:
        for path in ("datasets", "data-docs", "reports/payment_fraud/x/gate.html"):
            assert stranger.request.get(f"{published.server}/sluice/{path}").status == 401
    finally:
        stranger.close()
