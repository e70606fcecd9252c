"""Annotators answer alike whenever they are asked, and are right as often as their skill says."""

import pytest

from include.core.annotations import Item
from include.label.formats.sheets import read_csv
from include.label.hand_over import Sheets
from include.sample import annotators, shop
from include.sample.annotators import ANNOTATORS, OTHER, answer, answered
from include.specs import Labelling

DECLARED = Labelling(question="Content?", classes=("negative", "positive"), show=("body",), overlap=3)
MEANT = {str(key): "positive" if key % 3 else "negative" for key in range(40)}
PLACE = "labelling/reviews/round_1"


@pytest.fixture
def folder(tmp_path):
    items = [Item(key=key, data={"body": f'"{key}", it says,\nis fine'}) for key in MEANT]
    Sheets(tmp_path).send(PLACE, items, DECLARED)
    return tmp_path / PLACE


@pytest.mark.parametrize("annotator", ANNOTATORS, ids=lambda a: a.name)
def test_an_annotator_is_right_as_often_as_their_skill_says(annotator):
    right = sum(annotator.says(7, str(item), "positive") == "positive" for item in range(4_000))
    assert right / 4_000 == pytest.approx(annotator.skill, abs=0.02)


def test_what_they_say_follows_from_seed_name_and_item_alone_and_they_err_on_their_own():
    one, other = ANNOTATORS[0], ANNOTATORS[1]
    wrong = [{i for i in range(500) if a.says(7, str(i), "negative") == OTHER["negative"]} for a in (one, other)]
    assert wrong[0] and wrong[1] and wrong[0] != wrong[1]
    assert [one.says(7, str(i), "positive") for i in range(50)] == [
        one.says(7, str(i), "positive") for i in range(50)
    ]
    assert [one.says(7, str(i), "positive") for i in range(50)] != [
        one.says(8, str(i), "positive") for i in range(50)
    ]


def test_each_fills_in_a_sheet_of_their_own_that_is_taken_back_without_a_fault(folder, tmp_path):
    assert not answered(folder)
    assert answer(folder, MEANT, 7) == 3 * len(MEANT)
    assert answered(folder)
    items = [one.item for one in read_csv(folder / "items.csv")]
    taken = Sheets(tmp_path).take_back(PLACE, items, DECLARED)
    assert taken.faults == () and Sheets(tmp_path).lacking(PLACE, items, DECLARED) == 0
    names = {a.annotator for one in taken.labelled for a in one.annotations}
    assert names == {annotator.name for annotator in ANNOTATORS}


def test_answering_again_writes_the_same_and_leaves_nothing_half_written(folder):
    answer(folder, MEANT, 7)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    answer(folder, MEANT, 7)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert set(first) == {"items.csv", "ada.csv", "bruno.csv", "chris.csv"}


def test_the_truth_is_known_of_every_review_and_not_read_by_the_source(shop_url):
    from include.catalog import source

    with shop.shop_transaction(shop_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reviews")
        (count,) = cursor.fetchone()
    meant = annotators.truth(shop_url)
    assert len(meant) == count and set(meant.values()) == {"negative", "positive"}
    assert not [name for name in source("shop").tables if "opinions" in name or "simulation" in name]
