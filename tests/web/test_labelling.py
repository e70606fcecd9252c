"""The page on a dataset's labels: what was asked, what came of it, who was right."""

import pytest

from include.core.errors import GateRejected
from include.specs import Prelabel
from include.specs.rules import Keyword
from tests.pipeline.reviews import CLASSES, LABELLING, REVIEWS, Reviews, declared, honest
from tests.web.test_app import text_of

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
