"""What the main job does for the label stage: annotators are let at what is asked, and what came of it is told."""

import pytest

from include.local import labelling
from include.local.labelling import Desk
from include.sample import annotators, shop
from include.warehouse.connection import transaction
from include.warehouse.label_rounds import open_rounds
from tests.pipeline.reviews import REVIEWS, Reviews, contrary, honest, meant

TRUE = {str(key): meant(key) for key in range(1, 121)}


@pytest.fixture
def reviews(warehouse_url, tmp_path):
    return Reviews(warehouse_url, tmp_path)


@pytest.fixture
def catalog(monkeypatch):
    monkeypatch.setattr(labelling, "DATASETS", (REVIEWS,))


def told(reviews, *runs):
    with transaction(reviews.url) as connection:
        return labelling.labelled(connection, REVIEWS, runs, TRUE)


def desk(reviews, shop_url):
    notes = []
    return Desk(reviews.url, reviews.folder, shop_url, notes.append), notes


def test_a_round_that_is_handed_out_is_answered_once_by_all_annotators(reviews, catalog, source_url):
    shop.create(source_url, 1, 5_000)
    looking, notes = desk(reviews, source_url)
    looking.look()
    assert notes == []
    reviews.curated("run_1")
    asked = reviews.ask("label_1")
    looking.look()
    folder = reviews.folder / asked.place
    assert notes == [f"3 annotators gave 120 answers in {folder}"]
    (folder / "ada.csv").write_text("mine")
    looking.look()
    assert (folder / "ada.csv").read_text() == "mine" and len(notes) == 1
    assert annotators.answered(folder)


def test_rounds_of_a_dataset_that_nobody_simulates_are_told_to_a_person_once(reviews, monkeypatch):
    monkeypatch.setattr(labelling, "DATASETS", (REVIEWS,))
    monkeypatch.setattr(annotators, "DATASET", "another")
    reviews.curated("run_1")
    asked = reviews.ask("label_1")
    looking, notes = desk(reviews, "postgresql://nowhere")
    looking.look()
    looking.look()
    assert notes == [f"40 rows of reviews wait for annotators: {reviews.folder / asked.place / 'items.csv'}"]


def test_a_round_is_open_until_it_is_settled(reviews):
    reviews.curated("run_1")
    asked = reviews.ask("label_1")
    with transaction(reviews.url) as connection:
        assert open_rounds(connection, "reviews") == [asked]
    reviews.answer(asked, ann=honest, bob=honest)
    reviews.settle(asked)
    with transaction(reviews.url) as connection:
        assert open_rounds(connection, "reviews") == []


def test_what_came_of_a_round_is_counted_against_the_truth_and_the_current_version(reviews):
    assert told(reviews) == {"dataset": "reviews", "waiting": 0, "labels": 0, "right": 0, "rounds": []}
    reviews.curated("run_1")
    asked = reviews.ask("label_1")
    reviews.answer(asked, ann=honest, bob=honest)
    reviews.settle(asked)
    before = told(reviews, "label_1")
    assert (before["waiting"], before["labels"], before["right"], before["rounds"][0]["in_version"]) == (
        74,
        40,
        40,
        0,
    )
    assert labelling.problems(before) == [
        "reviews: 40 rows got a label, 0 of them are in the current version",
    ]
    reviews.published("run_2")
    found = told(reviews, "label_1")
    (one,) = found["rounds"]
    assert (one["asked"], one["waiting"], one["answers"], one["annotators"]) == (40, 114, 80, 2)
    assert (one["labels"], one["right"], one["in_version"], one["agreement"]["value"]) == (40, 40, 40, 1.0)
    assert labelling.problems(found) == []
    assert told(reviews, "another run")["rounds"] == []
    with transaction(reviews.url) as connection:
        assert labelling.labelled(connection, REVIEWS, (), None)["right"] is None


def test_a_refused_round_and_labels_that_are_mostly_wrong_are_problems(reviews):
    reviews.curated("run_1")
    asked = reviews.ask("label_1")
    reviews.answer(asked, ann=contrary, bob=contrary)
    reviews.settle(asked)
    reviews.published("run_2")
    assert labelling.problems(told(reviews, "label_1")) == [
        "reviews: 0 of 40 labels are right, fewer than the weakest annotator's"
    ]
    again = reviews.ask("label_2")
    with pytest.raises(Exception, match="reaches no version"):
        reviews.settle(again)
    assert "reviews: the round label_2 was refused: none of 40 items was answered" in labelling.problems(
        told(reviews, "label_2")
    )
