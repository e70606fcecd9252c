"""From rows without labels to a version with them: asked, answered, agreed, landed, nothing lost on the way."""

import pytest

from include.core.errors import FatalError, GateRejected
from include.label.hand_over import clear
from include.pipeline.label import classes, missing
from include.pipeline.rebuild import rebuild
from include.warehouse import versions
from include.warehouse.connection import transaction
from include.warehouse.staging import sweep
from tests.pipeline.reviews import (
    CLASSES,
    GOOD,
    REVIEWS,
    ROWS,
    Reviews,
    contrary,
    declared,
    honest,
    meant,
    one_in_ten_wrong,
)


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return Reviews(warehouse_url, tmp_path)


def test_rows_without_a_label_pass_the_gate_wait_for_one_and_are_in_the_next_version_with_it(shop):
    first = shop.curated("run_1")
    assert (first.passed, first.unlabelled, classes(shop.url, REVIEWS, first)) == (0, GOOD, [])
    asked = shop.ask("label_1")
    assert (asked.items, asked.waiting) == (40, GOOD)
    shop.answer(asked, ann=honest, bob=one_in_ten_wrong)
    assert missing(shop.url, REVIEWS, asked, shop.tool) == 0
    result = shop.settle(asked)
    assert (result.answered, result.answers, result.annotators, result.labels) == (40, 80, 2, 40)

    version = shop.published("run_2")
    found = dict(shop.rows(f"SELECT id::text, sentiment FROM datasets.{version.table}"))
    assert found.keys() == set(shop.handed_out(asked))
    agreed = [key for key in found if one_in_ten_wrong(key) == meant(key)]
    assert all(found[key] == meant(key) for key in agreed) and len(agreed) > 30


def test_a_version_says_which_labels_it_used_and_is_built_again_from_them(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=honest)
    batch = shop.settle(asked).batch
    version = shop.published("run_2")
    with transaction(shop.url) as connection:
        (known,) = versions.list_versions(connection, "reviews")
    assert {source["source"]: source["batch"] for source in known.manifest["sources"]}["labels_reviews"] == batch
    gate = known.manifest["gate"]
    assert (gate["rows"], gate["passed"], gate["unlabelled"], gate["quarantined"]) == (ROWS, 40, GOOD - 40, 6)
    # Later rounds are later batches, and the storage has no say any more.
    shop.answer(asked, ann=contrary, bob=contrary)
    later = shop.ask("label_2")
    shop.answer(later, ann=honest, bob=honest)
    shop.settle(later)
    again = rebuild(shop.url, "reviews", version.version, run="again")
    assert again.same and again.fingerprint == version.fingerprint


def test_a_second_round_asks_about_other_rows_and_all_answers_have_a_say(shop):
    shop.curated("run_1")
    first = shop.ask("label_1")
    shop.answer(first, ann=honest, bob=honest)
    shop.settle(first)
    second = shop.ask("label_2")
    assert not set(shop.handed_out(first)) & set(shop.handed_out(second)) and second.waiting == GOOD - 40
    shop.answer(second, ann=honest, bob=honest)
    assert shop.settle(second).labels == 80
    rounds = shop.rows(
        "SELECT round, count(*), count(_seq_to) FROM landing.labels_reviews_answers GROUP BY 1 ORDER BY 1"
    )
    assert rounds == [("label_1", 80, 0), ("label_2", 80, 0)]


def test_a_label_that_later_rounds_do_not_move_stays_as_it_was_landed(shop):
    dataset = declared(consolidate="majority")
    shop.curated("run_1", dataset)
    for run in ("label_1", "label_2"):
        asked = shop.ask(run, dataset)
        shop.answer(asked, ann=honest, bob=honest)
        shop.settle(asked, dataset)
    labels = shop.rows(
        "SELECT round, count(*), count(_seq_to) FROM landing.labels_reviews_labels GROUP BY 1 ORDER BY 1"
    )
    assert labels == [("label_1", 40, 0), ("label_2", 40, 0)]


def test_a_retry_asks_the_same_whatever_a_curation_does_meanwhile(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    keys = shop.handed_out(asked)
    shop.curated("run_2")
    assert shop.handed_out(shop.ask("label_1")) == keys
    assert shop.ask("label_1") == asked


def test_annotators_who_do_not_agree_reach_no_version_and_their_answers_are_kept(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=lambda key: CLASSES[int(key) % 2])
    for _retry in range(2):
        with pytest.raises(GateRejected, match=r"agreement \(krippendorff\) is .* 0.4 is asked for"):
            shop.settle(asked)
    assert shop.rows("SELECT count(*), count(DISTINCT annotator) FROM landing.labels_reviews_answers") == [(80, 2)]
    assert shop.rows("SELECT count(*) FROM landing.labels_reviews_labels") == [(0,)]
    # They are asked about again, and what was refused has no say then.
    asked = shop.ask("label_2")
    assert asked.waiting == GOOD
    shop.answer(asked, cy=honest, di=honest)
    shop.settle(asked)
    labels = dict(shop.rows("SELECT key, label FROM landing.labels_reviews_labels WHERE _seq_to IS NULL"))
    assert labels == {key: meant(key) for key in shop.handed_out(asked)}


def test_a_label_that_is_not_sure_enough_is_none_and_its_row_is_asked_about_again(shop):
    dataset = declared(consolidate="majority", min_confidence=0.6, batch=GOOD)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shop.answer(asked, ann=honest, bob=one_in_ten_wrong)
    result = shop.settle(asked, dataset)
    split = {key for key in shop.handed_out(asked) if one_in_ten_wrong(key) != meant(key)}
    assert result.labels == GOOD - len(split)
    again = shop.ask("label_2", dataset)
    assert set(shop.handed_out(again)) == split
    shop.answer(again, ann=honest, bob=honest)
    assert shop.settle(again, dataset).labels == GOOD
    # What bob said first is history: it ends where his second answer begins.
    ended = shop.rows("SELECT item, annotator FROM landing.labels_reviews_answers WHERE _seq_to IS NOT NULL")
    assert {(key, "bob") for key in split} <= set(ended)


def test_good_answers_are_taken_and_bad_ones_told_with_every_reason(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=honest)
    one, other, third = shop.handed_out(asked)[:3]
    (shop.folder / asked.place / "cy.csv").write_text(
        f"key,label,annotator,at\n{one},maybe,,yesterday\n999,pos,,\n{other},pos,ann,\n{third},neg,cy,\n{third},po"
    )
    result = shop.settle(asked)
    assert (result.answers, result.labels) == (81, 40)
    told = "\n".join(result.faults)
    assert "cy.csv, line 2: 'maybe' is none of the classes neg, pos, at is 'yesterday', which is no time" in told
    assert "cy.csv, line 3: no item '999' was asked for" in told
    assert "has answered for this item already" in told
    assert "cy.csv, line 6: it has 2 cells, the header 4: is the file half written?" in told


def test_a_round_that_nobody_answers_is_told_so_and_its_rows_are_asked_about_again(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    assert missing(shop.url, REVIEWS, asked, shop.tool) == 40
    with pytest.raises(GateRejected, match="none of 40 items was answered"):
        shop.settle(asked)
    assert shop.handed_out(shop.ask("label_2")) == shop.handed_out(asked)


def test_one_annotator_alone_agrees_with_nobody(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest)
    assert missing(shop.url, REVIEWS, asked, shop.tool) == 40
    with pytest.raises(GateRejected, match=r"agreement \(krippendorff\) is undefined"):
        shop.settle(asked)


def test_no_more_rows_are_asked_about_than_the_budget_allows(shop):
    dataset = declared(budget=50)
    shop.curated("run_1", dataset)
    for run, items in (("label_1", 40), ("label_2", 10), ("label_3", 0)):
        asked = shop.ask(run, dataset)
        assert asked.items == items
        if items:
            shop.answer(asked, ann=honest, bob=honest)
            shop.settle(asked, dataset)


def test_sheets_can_be_cleared_away_and_what_was_settled_stays(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=honest)
    shop.settle(asked)
    assert (clear(shop.folder, "reviews"), clear(shop.folder, "reviews"), clear(shop.folder, "other")) == (3, 0, 0)
    assert shop.settle(asked).labels == 40
    assert shop.rows("SELECT count(*) FROM landing.labels_reviews_answers") == [(80,)]


def test_what_is_asked_outlives_the_run_s_sweep_and_nothing_is_asked_before_a_curation(shop):
    with pytest.raises(FatalError, match="No row of reviews has passed the gate yet"):
        shop.ask("label_1")
    shop.curated("run_1")
    sweep(shop.url, "reviews")
    assert shop.ask("label_1").items == 40
