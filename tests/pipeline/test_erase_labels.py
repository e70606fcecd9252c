"""Erasing a subject whose rows were labelled: answers, labels, rounds and sheets lose them, and nobody else's."""

import psycopg2
import pytest

from include.core.errors import FatalError
from include.pipeline.erase import survey
from include.pipeline.erase_labels import Outside
from include.pipeline.prove import prove
from include.pipeline.rebuild import rebuild
from include.warehouse.staging import queue_name
from tests.pipeline.people import LABELLED, PEOPLE, REQUEST, SHOP, THEIRS, theirs_in, true, two_rounds
from tests.pipeline.reviews import GOOD


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return two_rounds(warehouse_url, tmp_path)


def test_what_was_said_of_a_subject_s_rows_leaves_history_rounds_and_sheets_and_nobody_else_s_does(shop):
    # The source has let them go, and the queue has: it is the rounds that know whose the rows were.
    shop.published("run_3", PEOPLE)
    before = {place: shop.rows(f"SELECT t::text FROM {place} AS t") for place in LABELLED[:2]}
    asked = {run: set(items) for run, items in shop.rows("SELECT run, items FROM sluice.label_rounds")}
    first, second = (asked[run] & THEIRS for run in ("label_1", "label_2"))
    assert first and second and theirs_in(shop.text(*LABELLED)) == first | second
    lines = [line for text in shop.sheets().values() for line in text.splitlines()]
    told = [line for line in lines if theirs_in(line)]

    removed = shop.erase().removed
    assert theirs_in(shop.text(*LABELLED)) == set() == theirs_in(" ".join(shop.sheets().values()))
    for place, rows in before.items():
        kept = [row for row in rows if not theirs_in(row[0])]
        assert sorted(shop.rows(f"SELECT t::text FROM {place} AS t")) == sorted(kept)
    for run, items in shop.rows("SELECT run, items FROM sluice.label_rounds"):
        assert set(items) == asked[run] - THEIRS
    left = [line for text in shop.sheets().values() for line in text.splitlines()]
    assert sorted(left) == sorted(line for line in lines if not theirs_in(line))
    assert {place: n for place, n in removed.items() if "label" in place or "sheets" in place} == {
        "landing.labels_reviews_answers": 2 * len(first), "landing.labels_reviews_labels": len(first),
        "label_rounds.reviews": 2, "label_sent.reviews": 2, "label_results.reviews": 1,
        "sheets.reviews": len(told),
    }  # fmt: skip
    assert prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).holds


def test_a_fault_of_a_round_that_asked_about_the_subject_tells_nothing_of_it_any_more(shop):
    assert "John said maybe" in shop.text("sluice.label_results")
    shop.erase()
    ((faults,),) = shop.rows("SELECT faults FROM sluice.label_results")
    assert faults == ["Answers that could not be taken are told no more: a subject was erased."]


def test_the_round_under_way_the_next_curation_and_the_next_round_go_on_without_the_subject(shop):
    shop.erase()
    second = shop.ask("label_2", PEOPLE)
    left = shop.handed_out(second)
    assert left and not THEIRS & set(left)
    shop.answer(second, bob=true)
    assert shop.settle(second, PEOPLE).answers == 2 * len(left)
    shop.curated("run_4", PEOPLE)
    shop.labelled("label_3")
    version = shop.published("run_5", PEOPLE)
    found = dict(shop.rows(f"SELECT id, sentiment FROM datasets.{version.table}"))
    assert len(found) > len(left) and not THEIRS & found.keys()
    assert all(label == true(key) for key, label in found.items())
    assert prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).holds
    again = rebuild(shop.url, "reviews", version.version, run="again")
    assert again.same


def test_a_dataset_to_be_rebuilt_is_rebuilt_without_the_subject_before_its_labels_go(shop):
    dataset = PEOPLE.model_copy(update={"on_erasure": "rebuild"})
    before = shop.text(*LABELLED)
    assert survey(shop.url, SHOP, REQUEST, [dataset]) == ["reviews"]
    with pytest.raises(FatalError, match="current version of reviews holds the subject"):
        shop.erase(dataset)
    assert shop.text(*LABELLED) == before and theirs_in(" ".join(shop.sheets().values()))
    rebuilt = shop.published("run_3", dataset)
    assert shop.erase(dataset).retired == {"reviews": [1]}
    assert theirs_in(shop.text(*LABELLED, f"datasets.{rebuilt.table}")) == set()


def test_rows_that_reached_no_version_are_found_by_the_round_that_asked_about_them(shop):
    # Refused for want of agreement, so no version has them; the queue is written anew, and then dropped.
    second = shop.ask("label_2", PEOPLE)
    shop.answer(second, ann=true, bob=lambda key: "neg")
    with pytest.raises(FatalError, match="reaches no version"):
        shop.settle(second, PEOPLE)
    items = set(shop.handed_out(second))
    assert items & THEIRS
    shop.curated("run_3", PEOPLE)
    shop.run(f"DROP TABLE staging.{queue_name('reviews')}")
    shop.erase()
    answered = {item for (item,) in shop.rows("SELECT DISTINCT item FROM landing.labels_reviews_answers")}
    assert not answered & THEIRS and items - THEIRS <= answered


def test_of_a_row_that_became_another_s_what_was_said_while_it_was_the_subject_s_goes_and_it_is_asked_again(shop):
    moved = min(THEIRS & set(shop.rows("SELECT items FROM sluice.label_rounds WHERE run = 'label_1'")[0][0]))
    shop.run(
        "INSERT INTO landing.shop_reviews SELECT id, body, 3, NULL, 3, 7 FROM landing.shop_reviews"
        f" WHERE id = {moved[1:-1]}"
    )
    shop.curated("run_3", PEOPLE)
    shop.erase()
    assert moved not in shop.text(*LABELLED)
    dataset = PEOPLE.model_copy(update={"labelling": PEOPLE.labelling.model_copy(update={"batch": GOOD})})
    shop.curated("run_4", dataset)
    shop.labelled("label_3", dataset)
    assert moved in shop.text("landing.labels_reviews_labels")
    assert prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).holds


def test_nothing_on_record_of_a_round_goes_without_an_erasure_on_record(shop):
    before = shop.text(*LABELLED)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        shop.run("SELECT sluice.erase_labelling('r', 'reviews', '{<1>}')")
    assert shop.text(*LABELLED) == before
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        shop.run("UPDATE sluice.label_rounds SET items = '{}'")
