"""What the pages on datasets and on their versions show."""

from datetime import UTC, datetime

from include.core.refs import GateDecision, Outcome
from include.warehouse.approvals import Word
from include.warehouse.connection import transaction
from tests.web.pages import text_of


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


def test_a_version_that_retention_dropped_says_so_and_is_compared_with_nothing(browser, facts):
    with transaction(facts.url) as connection:
        for n in "23":
            connection.cursor().execute("CREATE TABLE staging.made (_id text)")
            connection.cursor().execute("SELECT sluice.publish('fraud', 'made', %s, '{}', '2026-03-02Z')", (n,))
        connection.cursor().execute("SELECT sluice.drop_old('fraud', 1, 1, '2026-03-04Z')")
    text = text_of(browser.get("/datasets/fraud/1"))
    assert "Retired 2026-03-04 00:00 UTC by retention, as not one of the newest 1: its rows are gone" in text
    assert "Compare with" not in text
