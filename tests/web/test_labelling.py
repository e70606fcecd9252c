"""The page on a dataset's labels: what was asked, what came of it, who was right."""

import base64

import psycopg2
import pytest
from psycopg2.extras import Json

from include.core.erasure import ErasureRequest
from include.core.errors import GateRejected
from include.pipeline.erase import erase
from include.pipeline.erase_labels import Outside
from include.pipeline.label import set_aside
from include.specs import PostgresSource, Prelabel, Subject
from include.specs.rules import Keyword
from include.warehouse.connection import connect, transaction
from tests.pipeline.reviews import AT, CLASSES, LABELLING, REVIEWS, Reviews, contrary, declared, honest, meant
from tests.web.pages import text_of

RULES = (
    Keyword(name="fine", label="pos", column="body", words=("fine",)),
    Keyword(name="poor", label="neg", column="body", words=("poor",)),
)


@pytest.fixture
def shop(facts, tmp_path):
    (tmp_path / "reviews").mkdir()
    return Reviews(facts.url, tmp_path / "reviews")


def test_a_dataset_that_is_labelled_here_leads_to_its_rounds_and_no_other_does(browser):
    page = browser.get("/datasets").text
    assert "/datasets/reviews/labels" in page and "/datasets/fraud/labels" not in page
    assert browser.get("/datasets/fraud/labels").status_code == 404
    assert "No round has been asked yet" in text_of(browser.get("/datasets/reviews/labels"))


def test_a_round_shows_the_score_of_a_model_of_its_labels(browser, shop):
    dataset = declared(validation=20)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shop.answer(asked, ann=honest, bob=honest)
    shop.settle(asked, dataset)
    shown = text_of(browser.get("/datasets/reviews/labels"))
    assert "A model of all labels so far is right in 100.0 % of 20 validation rows." in shown


def test_a_round_shows_what_was_asked_and_then_what_came_of_it(browser, shop):
    dataset = REVIEWS.model_copy(update={
        "labelling": LABELLING.model_copy(update={
            "rules": RULES, "prelabel": Prelabel(by="rules", threshold=0.7, most=0.5, audit=0.2)
        })
    })  # fmt: skip
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shown = text_of(browser.get("/datasets/reviews/labels"))
    assert "waits for answers" in shown and "40 of 114 rows that waited" in shown
    assert "of 46 others a model or rules were sure" in shown and "fine pos" in shown
    shop.answer(asked, ann=honest, bob=honest)
    shop.settle(asked, dataset)
    shown = text_of(browser.get("/datasets/reviews/labels"))
    assert "taken" in shown and "80 answers to 40 rows by 2 annotators; 86 rows have a label" in shown
    assert "Agreement (krippendorff) 1.000 , almost perfect" in shown
    assert "were right" in shown and "pos rule" in shown and "pos person" in shown


def test_what_was_refused_says_why_and_what_was_not_taken_is_escaped(browser, shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=lambda key: CLASSES[int(key) % 2])
    (shop.folder / asked.place / "<b>.csv").write_text("key,label\n1,<script>alert(1)</script>\n")
    with pytest.raises(GateRejected):
        shop.settle(asked)
    page = browser.get("/datasets/reviews/labels")
    assert "refused" in text_of(page) and "0.4 is asked for" in text_of(page)
    assert "1 answers were not taken" in text_of(page)
    assert "<script>" not in page.text and "&lt;script&gt;" in page.text


def half_wrong(key):
    """Of every ten keys five are answered wrong, so that there is something to talk over."""
    return contrary(key) if int(key) % 10 < 5 else meant(key)


@pytest.fixture
def divided(shop):
    """A refused round of 40 rows, about half of which were answered differently."""
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=half_wrong, eve=honest)
    with pytest.raises(GateRejected):
        shop.settle(asked, declared(min_agreement=0.9))
    return asked


JSON = "/datasets/reviews/labels/disagreements"
SOURCE = PostgresSource(
    name="shop", connection="shop", tables=("reviews",), subject=Subject(table="reviews", held={"reviews": "id"})
)


def leave(shop, key):
    """The review is deleted at the shop; so is an empty one, of which the gate takes so many and no more."""
    with transaction(shop.url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE landing.shop_reviews SET _seq_to = 2 WHERE id IN (%s, 20)", (int(key),))
        cursor.execute(
            "INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)"
            " VALUES ('shop', 'b', 2, 2, '{}', 0, '2026-01-02Z')"
        )


def test_agreement_is_told_by_class_and_by_pair_with_interval_and_words(browser, divided):
    shown = text_of(browser.get("/datasets/reviews/labels"))
    assert "Class against all others Agreement 95 % interval In words Rows neg 0." in shown
    _, _, pairs = shown.partition("Pair of annotators")
    # The two who agree come last, whatever their names.
    assert "ann, eve 1.000 1.000 to 1.000 almost perfect 40" in pairs
    assert pairs.index("ann, bob") < pairs.index("ann, eve")


def test_the_rows_that_divide_annotators_are_listed_with_what_they_were_shown_and_who_said_what(
    browser, shop, divided
):
    found = browser.get(f"{JSON}?most=100").json()
    wrong = [key for key in shop.handed_out(divided) if half_wrong(key) != honest(key)]
    assert {row["key"] for row in found["rows"]} == set(wrong) and found["disputed"] == len(wrong) > 5
    texts = dict(shop.rows("SELECT id::text, body FROM landing.shop_reviews"))
    for row in found["rows"]:
        key = row["key"]
        assert row["shown"] == {"body": texts[key]}
        assert row["answers"] == {"ann": meant(key), "bob": contrary(key), "eve": meant(key)}
    shown = text_of(browser.get("/datasets/reviews/labels"))
    first = found["rows"][0]
    assert f"{len(wrong)} rows were answered differently" in shown
    assert f"{first['key']} {first['shown']['body']} ann: {meant(first['key'])} bob:" in shown
    assert len(browser.get(f"{JSON}?most=3").json()["rows"]) == 3


def test_each_settled_round_can_be_looked_into_and_one_that_was_not_settled_is_not_found(browser, shop, divided):
    again = shop.ask("later/2 & more")
    shop.answer(again, ann=honest, bob=honest)
    shop.settle(again)
    newest = browser.get("/datasets/reviews/labels")
    assert "No row was answered differently" in text_of(newest)
    assert "/datasets/reviews/labels?round=label_1#divided" in newest.text
    older = browser.get("/datasets/reviews/labels?round=label_1")
    assert "were answered differently" in text_of(older)
    assert "?round=later/2%20%26%20more#divided" in older.text
    assert browser.get(f"{JSON}?round=label_1").json()["run"] == "label_1"
    assert browser.get(f"{JSON}?round=later%2F2%20%26%20more").json()["rows"] == []
    for path in ("/datasets/reviews/labels", JSON):
        answer = browser.get(f"{path}?round=nothing")
        assert answer.status_code == 404 and "No round &#39;nothing&#39; of reviews was settled" in answer.text


@pytest.fixture
def open_catalog(open_pages, shop, monkeypatch):
    """Opens the pages with another declaration of the reviews."""

    def opened(dataset):
        monkeypatch.setattr("tests.web.conftest.REVIEWS", dataset)
        return open_pages(lambda: shop.url)

    return opened


def test_what_rows_guidelines_and_annotators_say_is_no_markup(open_catalog, shop):
    with transaction(shop.url) as connection:
        connection.cursor().execute("UPDATE landing.shop_reviews SET body = '<script>' || body || '</script>'")
    dataset = declared(guideline="<script>look twice</script>")
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shop.answer(asked, **{"ann": honest, "<i>bob": contrary})
    with pytest.raises(GateRejected):
        shop.settle(asked, dataset)
    page = open_catalog(dataset).get("/datasets/reviews/labels").text
    assert "<script" not in page and "<i>bob" not in page
    assert "&lt;script&gt;a fine" in page and "&lt;script&gt;look twice" in page and "&lt;i&gt;bob" in page


def test_without_a_login_nothing_of_it_is_told(open_anonymous, facts, divided):
    answer = open_anonymous(lambda: facts.url).get(JSON)
    assert answer.status_code == 401 and "a fine" not in answer.text


def test_a_row_that_is_gone_is_its_key_alone(browser, shop, divided):
    key = browser.get(JSON).json()["rows"][0]["key"]
    leave(shop, key)
    shop.curated("run_2")
    rows = {row["key"]: row for row in browser.get(f"{JSON}?most=100").json()["rows"]}
    assert rows[key]["shown"] is None and rows[key]["answers"]["ann"] == meant(key)
    assert all(row["shown"] for other, row in rows.items() if other != key)
    assert f"{key} not among the rows of the newest curation" in text_of(browser.get("/datasets/reviews/labels"))


def test_an_erasure_takes_what_was_shown_from_the_page_and_the_next_curation_does_not_bring_the_subject_back(
    browser, shop, divided
):
    dataset = REVIEWS.model_copy(update={"subjects": {"shop": "id"}})
    key = browser.get(JSON).json()["rows"][0]["key"]
    leave(shop, key)
    request = ErasureRequest("a request", key=key, receipt="a receipt")
    reports, outside = shop.folder / "reports", Outside(shop.folder)
    erased = erase(shop.url, SOURCE, request, datasets=[dataset], reports=reports, at=AT, outside=outside)
    assert erased.removed["landing.shop_reviews"] == 1
    rows = browser.get(f"{JSON}?most=100").json()["rows"]
    assert len(rows) > 5 and {row["shown"] is None for row in rows} == {True}
    assert "a fine" not in browser.get("/datasets/reviews/labels").text
    shop.curated("run_2")
    rows = {row["key"]: row["shown"] for row in browser.get(f"{JSON}?most=100").json()["rows"]}
    assert key not in rows and all(rows.values())


def test_readers_see_what_annotators_are_shown_and_no_other_column(shop):
    """`_label` would tell which rows are gold."""
    shop.curated("run_1")
    with connect(shop.url, role="sluice_reader") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(body), count(_id) FROM staging._label__reviews")
        assert cursor.fetchone() == (114, 114)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT _label FROM staging._label__reviews")
    connection.close()


def test_a_column_that_is_shown_no_more_is_read_no_more(browser, shop, divided):
    """What was shown when the rows were set aside, and what is declared now, both have to allow it."""
    hidden = REVIEWS.model_copy(update={"labelling": LABELLING.model_copy(update={"show": ("id",)})})
    set_aside(shop.url, hidden, shop.gated("run_2", hidden))
    rows = browser.get(JSON).json()["rows"]
    assert [row["shown"] for row in rows] == [{}] * len(rows)
    assert "a fine" not in browser.get("/datasets/reviews/labels").text


def test_a_round_that_nobody_answered_and_one_of_before_agreement_by_class_was_kept_are_shown_without(
    browser, shop
):
    shop.curated("run_1")
    with pytest.raises(GateRejected, match="none of 40 items was answered"):
        shop.settle(shop.ask("label_1"))
    shown = text_of(browser.get("/datasets/reviews/labels"))
    assert "none of 40 items was answered" in shown and "No row was answered differently" in shown
    assert "Pair of annotators" not in shown and browser.get(JSON).json()["disputed"] == 0
    older = {"measure": "krippendorff", "value": 0.5, "low": 0.4, "high": 0.6, "words": "moderate"}
    with transaction(shop.url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sluice.label_rounds SELECT dataset, 'label_2', tool, place, items, waiting, said,"
            " asked_at FROM sluice.label_rounds"
        )
        cursor.execute(
            "INSERT INTO sluice.label_results SELECT dataset, 'label_2', answered, answers, annotators, labels,"
            " faults, %s, audit, %s, given, decision, reasons, warnings, batch, settled_at"
            " FROM sluice.label_results",
            (Json(older), Json({"ann": {"right": 3, "answered": 4, "accuracy": 0.75}})),
        )
    shown = text_of(browser.get("/datasets/reviews/labels"))
    assert "0.500 , moderate" in shown and "ann 3 of 4 0.75 –" in shown and "Pair of annotators" not in shown


def test_a_small_picture_is_shown_and_any_other_is_its_path(open_catalog, shop, storage, monkeypatch):
    monkeypatch.setattr("include.web.labelling.PICTURE_BYTES", 1000)
    query = (shop.folder / "reviews.sql").read_text()
    (shop.folder / "reviews.sql").write_text(query.replace("r.body,", "r.body, 'shots/' || r.id AS shot,"))
    dataset = declared(show=("shot", "body"), batch=5).model_copy(update={"image": "shot"})
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shop.answer(asked, ann=honest, bob=contrary)
    with pytest.raises(GateRejected):
        shop.settle(asked, dataset)
    first, second, third, fourth, missing = shop.handed_out(asked)
    (storage / "shots").mkdir()
    png = b"\x89PNG\r\n\x1a\n" + bytes(9)
    (storage / "shots" / first).write_bytes(png)
    (storage / "shots" / second).write_bytes(png + bytes(1000))
    (storage / "shots" / third).write_bytes(b"<svg onload='alert(1)'/>")
    (storage / "shots" / fourth).mkdir()
    page = open_catalog(dataset).get("/datasets/reviews/labels")
    uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    assert page.text.count("<img") == 1 and f'src="{uri}" alt="shots/{first}"' in page.text
    shown = text_of(page)
    assert f"shots/{first}" not in shown
    assert all(f"shots/{key}" in shown for key in (second, third, fourth, missing))
