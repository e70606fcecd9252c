"""Two tries at once ask one round and land it once; what changes meanwhile is decided on anew; no lock waits."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg2
import pytest

from include.core.errors import RetriableError
from include.label import features
from include.label.hand_over import Sheets
from include.label.studio.round import Projects
from include.label.studio.tasks import key_of
from include.label.tools import Server
from include.pipeline import draw
from tests.label.studio.stand_in import TOKEN, serving
from tests.pipeline.reviews import Reviews, declared, honest


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return Reviews(warehouse_url, tmp_path)


@pytest.fixture
def together(monkeypatch):
    """Let two tries both decide on a round before either puts it on record."""
    meet, decide = threading.Barrier(2), draw.draw
    first = threading.local()

    def decided(dataset, seen):
        found = decide(dataset, seen)
        if not hasattr(first, "done"):
            first.done = True
            meet.wait(60)
        return found

    monkeypatch.setattr(draw, "draw", decided)


def both(function, one, other):
    with ThreadPoolExecutor(2) as pool:
        return [done.result(120) for done in (pool.submit(function, one), pool.submit(function, other))]


def test_two_tries_of_one_run_at_once_ask_one_round_of_one_project(shop, together):
    shop.curated("run_1")
    looked = threading.Barrier(2)

    def look_together(method, path):
        """Nobody makes a project before both have looked for it, if both may look."""
        if (method, path) == ("GET", "/api/projects/"):
            with suppress(threading.BrokenBarrierError):
                looked.wait(2)

    with serving() as server:
        server.before = look_together
        shop.tool = Projects(Server(server.url, TOKEN))
        one, other = both(shop.ask, "label_1", "label_1")
        assert one == other and len(server.projects) == 1
        assert shop.rows("SELECT cardinality(items) FROM sluice.label_rounds") == [(40,)]
        keys = [key_of(task) for task in server.tasks]
        assert len(keys) == len(set(keys)) == 40


def test_of_two_runs_at_once_the_second_decides_anew_so_that_the_budget_holds(shop, together):
    dataset = declared(budget=50)
    shop.curated("run_1", dataset)
    rounds = both(lambda run: shop.ask(run, dataset), "label_1", "label_2")
    assert sorted(asked.items for asked in rounds) == [10, 40]


def test_what_is_curated_while_a_round_is_decided_on_is_decided_on_anew_and_not_for_ever(shop, monkeypatch):
    curations, decide = iter(range(99)), draw.draw

    def curated_meanwhile(dataset, seen):
        if (number := next(curations)) < busy:
            shop.curated(f"meanwhile_{number}")
        return decide(dataset, seen)

    monkeypatch.setattr(draw, "draw", curated_meanwhile)
    shop.curated("run_1")
    busy = 1
    assert shop.ask("label_1").items == 40 and next(curations) == 2
    busy = 99
    with pytest.raises(RetriableError, match="5 times what is known of reviews changed"):
        shop.ask("label_2")
    assert shop.rows("SELECT run FROM sluice.label_rounds") == [("label_1",)]


def test_two_tries_that_settle_at_once_land_the_answers_once(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=honest)
    meet = threading.Barrier(2)

    class Together(Sheets):
        def take_back(self, place, items, declared):
            meet.wait(60)
            return super().take_back(place, items, declared)

    shop.tool = Together(shop.folder)
    one, other = both(shop.settle, asked, asked)
    assert one == other and one.answers == 80
    assert shop.rows("SELECT count(*) FROM landing.labels_reviews_answers") == [(80,)]


@pytest.mark.parametrize("changes", [{"choose": "margin"}, {"consolidate": "crowdlab", "min_agreement": None}])
def test_no_transaction_is_open_while_a_tool_or_the_storage_is_spoken_to(
    shop, warehouse_admin_url, monkeypatch, changes
):
    seen = []

    def look(what):
        connection = psycopg2.connect(warehouse_admin_url)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start"
                " IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            seen.append((what, cursor.fetchone()[0]))
        connection.close()

    class Watched(Sheets):
        def send(self, *args):
            look("send")
            super().send(*args)

        def take_back(self, *args):
            look("take back")
            return super().take_back(*args)

    reckon = features.text
    monkeypatch.setattr(features, "text", lambda *args, **named: (look("features"), reckon(*args, **named))[1])
    shop.tool, dataset = Watched(shop.folder), declared(validation=10, relabel=0.1, **changes)
    shop.curated("run_1", dataset)
    for run in ("label_1", "label_2"):
        asked = shop.ask(run, dataset)
        shop.answer(asked, ann=honest, bob=honest)
        shop.settle(asked, dataset)
    assert {count for _, count in seen} == {0}
    # The first round is drawn at random, without a model.
    learns = ["features"] if dataset.labelling.choose == "margin" else []
    relabels = ["features"]
    assert [what for what, _ in seen] == [
        "send", "take back", "features", *(learns or relabels), "send", "take back", "features",
    ]  # fmt: skip
