"""A subject is erased while its rows are asked about, answered or settled, and by a process that is killed."""

import subprocess
import sys
import time

import psycopg2
import pytest

from include.core.errors import RetriableError
from include.label.hand_over import Sheets
from include.pipeline.erase_labels import Outside
from include.pipeline.prove import prove, verify
from include.warehouse.connection import connect, take_turns
from tests.pipeline.people import (
    LABELLED,
    PEOPLE,
    REQUEST,
    SHOP,
    THEIRS,
    answered_of,
    theirs_in,
    true,
    two_rounds,
)
from tests.pipeline.reviews import AT


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return two_rounds(warehouse_url, tmp_path)


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
