"""Erasing a subject whose rows were labelled: answers, labels, rounds and sheets lose them, and nobody else's."""

import subprocess
import sys
import time

import psycopg2
import pytest

from include.core.errors import FatalError, RetriableError
from include.label.hand_over import Sheets
from include.pipeline.erase import survey
from include.pipeline.erase_labels import Outside
from include.pipeline.prove import prove, verify
from include.pipeline.rebuild import rebuild
from include.warehouse.connection import connect, take_turns
from include.warehouse.staging import queue_name
from tests.pipeline.people import LEFT, PEOPLE, REQUEST, SHOP, THEIRS, People, true
from tests.pipeline.reviews import AT, GOOD

LABELLED = (
    "landing.labels_reviews_answers",
    "landing.labels_reviews_labels",
    "sluice.label_rounds",
    "sluice.label_sent",
    "sluice.label_results",
)


@pytest.fixture
def shop(warehouse_url, tmp_path):
    """Two rounds: one that was settled and is published, with a fault; and one that is under way."""
    people = People(warehouse_url, tmp_path)
    people.curated("run_1", PEOPLE)
    asked = people.ask("label_1", PEOPLE)
    people.answer(asked, ann=true, bob=true)
    (tmp_path / asked.place / "cy.csv").write_text(
        "key,label\n" + "".join(f"{key},John said maybe\n" for key in people.handed_out(asked)[:3])
    )
    people.settle(asked, PEOPLE)
    people.published("run_2", PEOPLE)
    people.answer(people.ask("label_2", PEOPLE), ann=true)
    people.run(LEFT)
    return people


def theirs_in(text):
    return {key for key in THEIRS if key in text}


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


PLANTED = {
    "landing.labels_reviews_answers": "INSERT INTO landing.labels_reviews_answers (item, annotator, _seq_from,"
    " _seq_to, _batch) VALUES ('{key}', 'ann', 1, 2, 1)",
    "landing.labels_reviews_labels": "INSERT INTO landing.labels_reviews_labels (key, label, _seq_from, _batch)"
    " VALUES ('{key}', 'pos', 1, 1)",
    "label_rounds.reviews": "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said,"
    " asked_at) VALUES ('reviews', 'r', 'files', 'p', '{{}}', 1, '{{\"labelled\": {{\"{key}\": 1}}}}', now())",
    "label_sent.reviews": "INSERT INTO sluice.label_sent VALUES ('reviews', 'label_1', 9, '{{{key}}}', now())",
    "label_results.reviews": "INSERT INTO sluice.label_results SELECT dataset, 'r', 0, 0, 0, 0,"
    " '[\"it''s no item ''{key}'' that was asked for\"]', '{{}}', '{{}}', '{{}}', '[]', 'reject', '{{}}', '{{}}',"
    " NULL, now() FROM sluice.label_results WHERE run = 'label_1'",
    "staging._label__reviews": "CREATE TABLE staging._label__reviews AS SELECT '{key}' AS id, 3 AS customer",
}


def test_the_proof_finds_what_is_left_of_labels_in_every_place(shop):
    shop.erase()
    ((key, *_),) = [sorted(THEIRS & answered_of(shop, REQUEST))]
    held = {}
    for place, statement in PLANTED.items():
        shop.run(statement.format(key=key))
        held[place] = 1
        assert verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).held == held
    ((place,),) = shop.rows("SELECT place FROM sluice.label_rounds WHERE run = 'label_2'")
    sheet = shop.folder / place / "late.jsonl"
    sheet.write_text(f'{{"key": "{key}", "label": "pos"}}\n{{"key": "<1>", "label": "pos"}}\n')
    held["sheets.reviews"] = 1
    assert verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).held == held
    with pytest.raises(FatalError, match=r"is held again: .*'sheets\.reviews': 1"):
        prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder))
    # A retry of the request makes good what lies outside of the warehouse.
    shop.erase()
    assert sheet.read_text() == '{"key": "<1>", "label": "pos"}\n'


def test_what_is_answered_after_the_erasure_goes_when_the_request_is_run_again(shop):
    first = shop.erase()
    key = min(THEIRS & answered_of(shop, REQUEST))
    second = shop.ask("label_2", PEOPLE)
    shop.answer(second, bob=true)
    (shop.folder / second.place / "form_1.jsonl").write_text(f'{{"key": "{key}", "label": "pos"}}\n')
    assert key in " ".join(shop.settle(second, PEOPLE).faults)
    held = verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).held
    assert held == {"label_results.reviews": 1, "sheets.reviews": 1}
    assert shop.erase() == first
    assert prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).holds
    assert shop.rows("SELECT faults FROM sluice.label_results WHERE run = 'label_2'") == [([],)]


def test_a_round_that_is_being_asked_or_settled_is_waited_for_and_then_left_for_a_retry(shop, warehouse_admin_url):
    before = shop.text(*LABELLED), shop.sheets()
    other = connect(warehouse_admin_url)
    take_turns(other.cursor(), "label", "reviews")
    with pytest.raises(RetriableError, match=r"longer than 0\.2 s; nothing was erased"):
        shop.erase(patience=0.2)
    other.close()
    assert (shop.text(*LABELLED), shop.sheets()) == before
    assert "label_rounds.reviews" in shop.erase().removed


def test_answers_that_were_taken_before_an_erasure_are_landed_after_it_without_the_subject_s(shop):
    class Meanwhile(Sheets):
        def take_back(self, *asked):
            found = super().take_back(*asked)
            shop.erase()
            return found

    second = shop.ask("label_2", PEOPLE)
    shop.answer(second, bob=true)
    (shop.folder / second.place / "cy.csv").write_text(
        "key,label\n" + "".join(f"{key},John said maybe\n" for key in shop.handed_out(second))
    )
    asked, shop.tool = set(shop.handed_out(second)), Meanwhile(shop.folder)
    result = shop.settle(second, PEOPLE)
    assert asked & THEIRS and result.answers == 2 * len(asked - THEIRS) == 2 * len(result.faults)
    assert theirs_in(shop.text(*LABELLED)) == set()
    assert prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).holds


def test_a_round_that_is_being_handed_out_is_waited_for(shop):
    class Slow(Sheets):
        def send(self, *asked):
            with pytest.raises(RetriableError, match="nothing was erased"):
                shop.erase(patience=0.2)
            super().send(*asked)

    shop.curated("run_3", PEOPLE)
    shop.tool = Slow(shop.folder)
    asked = shop.ask("label_3", PEOPLE)
    assert asked.items and shop.erase().removed["label_rounds.reviews"] == 2


def answered_of(shop, request):
    """The rows to which the erasure has committed itself."""
    ((committed,),) = shop.rows("SELECT referenced->'labels.reviews' FROM sluice.erasures")
    return {key for key in THEIRS if request.commitment("labels.reviews", key) in committed}


def test_without_the_storage_the_proof_says_that_sheets_were_not_looked_into(shop):
    shop.erase()
    proof = verify(shop.url, SHOP, REQUEST, [PEOPLE])
    assert (proof.held, proof.unseen, proof.holds) == (
        {}, {"sheets.reviews": "no object storage was given"}, False,
    )  # fmt: skip


def test_a_round_that_does_not_say_whose_its_rows_are_is_told_and_its_sheets_go_whole(shop):
    ((place, (key, *_)),) = shop.rows("SELECT place, items FROM sluice.label_rounds WHERE run = 'label_2'")
    shop.run(
        "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said, asked_at) VALUES"
        f" ('reviews', 'old', 'files', 'labelling/reviews/old', '{{{key},<500>,<501>}}', 3, '{{}}', now())"
    )
    old = shop.folder / "labelling" / "reviews" / "old"
    old.mkdir()
    (old / "items.csv").write_text("key,label\n<500>,\n")
    shop.erase()
    assert not list(old.iterdir()) and list((shop.folder / place).iterdir())
    proof = verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder))
    assert proof.holds and proof.untold == {"reviews": 2}


def test_nothing_on_record_of_a_round_goes_without_an_erasure_on_record(shop):
    before = shop.text(*LABELLED)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        shop.run("SELECT sluice.erase_labelling('r', 'reviews', '{<1>}')")
    assert shop.text(*LABELLED) == before
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        shop.run("UPDATE sluice.label_rounds SET items = '{}'")


ERASER = """
import sys
from datetime import datetime
from pathlib import Path
from tests.pipeline.people import PEOPLE, REQUEST, SHOP
from include.pipeline.erase import erase
from include.pipeline.erase_labels import Outside
url, folder, at = (line.strip() for line in sys.stdin)
erase(url, SHOP, REQUEST, datasets=[PEOPLE], reports=Path(folder) / "reports", at=datetime.fromisoformat(at),
      outside=Outside(Path(folder)))
"""


def test_killed_before_its_commit_the_warehouse_is_as_it_was_and_the_retry_ends_the_same(
    shop, warehouse_admin_url
):
    before = shop.text(*LABELLED)
    # Sheets are cleaned by then, and all is done but for the fact.
    holder = psycopg2.connect(warehouse_admin_url)
    holder.cursor().execute("LOCK TABLE sluice.erasures IN SHARE MODE")
    child = subprocess.Popen([sys.executable, "-c", ERASER], stdin=subprocess.PIPE, text=True)
    child.stdin.write(f"{shop.url}\n{shop.folder}\n{AT.isoformat()}\n")
    child.stdin.close()
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'sluice.erasures'::regclass"
    until(lambda: shop.rows(waits))
    child.kill()
    child.wait(30)
    holder.close()
    until(lambda: not shop.rows("SELECT 1 FROM pg_locks WHERE relation = 'landing.shop_reviews'::regclass"))
    assert shop.text(*LABELLED) == before
    shop.erase()
    assert theirs_in(shop.text(*LABELLED)) == set() == theirs_in(" ".join(shop.sheets().values()))
    assert prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).holds


def until(condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
