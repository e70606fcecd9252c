"""What the page on two versions tells of their rows, and of versions that are not there."""

import json

import pytest

from include.warehouse.connection import transaction
from tests.web.pages import text_of

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
