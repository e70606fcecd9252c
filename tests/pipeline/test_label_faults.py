"""Broken between any two steps, a round is asked once and lands once, by its retry."""

from uuid import uuid4

import pytest

from include.core.errors import RetriableError
from include.core.failpoints import LABELLING
from include.label.hand_over import Sheets
from include.label.studio import project
from include.label.studio.round import Projects
from include.label.studio.tasks import key_of
from include.label.tools import Server
from include.warehouse.connection import transaction
from include.warehouse.label_rounds import open_rounds
from include.warehouse.prepare import prepare
from tests.broken_runs import BrokenRuns
from tests.label.studio.stand_in import TOKEN, serving
from tests.pipeline.broken_round import label
from tests.pipeline.reviews import Reviews, declared, honest

ACTIONS = ("reject", "fail", "kill")


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return Reviews(warehouse_url, tmp_path)


@pytest.fixture(scope="module")
def runs():
    started = BrokenRuns("tests.pipeline.broken_round:label")
    yield started
    started.close()


@pytest.fixture(scope="module")
def works(postgres, tmp_path_factory):
    """A warehouse in which one round after the other is broken and ended."""
    name, password = f"warehouse_{uuid4().hex[:10]}", "a test's own password"
    postgres.create_database(name)
    prepare(postgres.url(name), login="sluice", password=password)
    found = Reviews(postgres.url(name, user="sluice", password=password), tmp_path_factory.mktemp("rounds"))
    found.curated("run_1")
    return found


@pytest.mark.parametrize(("step", "action"), [(step, action) for step in LABELLING for action in ACTIONS])
def test_broken_at_any_step_a_round_is_ended_by_its_retry_and_nothing_is_asked_or_landed_twice(
    works, runs, step, action
):
    run = f"{step}_{action}"
    dataset = declared(batch=4, min_agreement=None)
    case = {
        "url": works.url, "folder": str(works.folder), "dataset": dataset.model_dump(mode="json"), "run": run,
    }  # fmt: skip
    before = works.rows("SELECT count(*) FROM sluice.label_results")[0][0]
    code, _ = runs.run(case, f"{step}={action}")
    assert code == (-9 if action == "kill" else 1)
    result = label(case)
    assert (result.answers, result.labels) == (8, 4 * (before + 1))
    asked, sent = works.rows(
        "SELECT asked.items, sent.items FROM sluice.label_rounds AS asked JOIN sluice.label_sent AS sent"
        " USING (dataset, run) WHERE run = %s",
        (run,),
    )[0]
    assert asked == sent and len(set(asked)) == 4
    assert works.rows("SELECT count(*) FROM sluice.label_results") == [(before + 1,)]
    landed = works.rows("SELECT item, annotator FROM landing.labels_reviews_answers WHERE round = %s", (run,))
    assert sorted(landed) == sorted((key, name) for key in asked for name in ("ann", "bob"))
    assert works.rows("SELECT count(*) FROM landing.labels_reviews_answers WHERE _seq_to IS NOT NULL") == [(0,)]
    labels = works.rows(
        "SELECT count(*), count(DISTINCT key) FROM landing.labels_reviews_labels WHERE _seq_to IS NULL"
    )
    assert labels == [(result.labels, result.labels)]


class Broken(Sheets):
    """Sheets of which the first is half written when the storage is gone."""

    broken = True

    def send(self, place, items, declared):
        if self.broken:
            self.broken = False
            super().send(place, items[: len(items) // 2], declared)
            raise RetriableError("The storage is gone.", fix="wait.")
        super().send(place, items, declared)


def test_a_round_whose_tool_fails_is_on_record_and_not_open_and_a_retry_hands_it_out_whole(shop):
    shop.curated("run_1")
    shop.tool = Broken(shop.folder)
    with pytest.raises(RetriableError, match="The storage is gone"):
        shop.ask("label_1")
    ((recorded,),) = shop.rows("SELECT items FROM sluice.label_rounds")
    with transaction(shop.url) as connection:
        assert open_rounds(connection, "reviews") == []
    # Whatever is declared or curated meanwhile.
    shop.curated("run_2")
    asked = shop.ask("label_1", declared(batch=3, choose="margin"))
    assert asked.items == 40 and shop.handed_out(asked) == recorded
    assert shop.rows("SELECT number, items FROM sluice.label_sent") == [(1, recorded)]
    with transaction(shop.url) as connection:
        assert open_rounds(connection, "reviews") == [asked]


def test_what_has_left_the_newest_curation_before_it_was_handed_out_is_not_shown_and_not_waited_for(shop):
    shop.curated("run_1")
    shop.tool = Broken(shop.folder)
    with pytest.raises(RetriableError):
        shop.ask("label_1")
    ((recorded,),) = shop.rows("SELECT items FROM sluice.label_rounds")
    shop.rows("DELETE FROM landing.shop_reviews WHERE id IN (20, %s) RETURNING 1", (int(recorded[0]),))
    shop.curated("run_2")
    asked = shop.ask("label_1")
    assert asked.items == 39 and shop.handed_out(asked) == recorded[1:]
    shop.answer(asked, ann=honest, bob=honest)
    assert shop.settle(asked).answered == 39


def test_a_round_of_which_no_row_is_left_is_none(shop):
    shop.curated("run_1")
    shop.tool = Broken(shop.folder)
    with pytest.raises(RetriableError):
        shop.ask("label_1")
    shop.rows("DROP TABLE staging._label__reviews; SELECT 1")
    assert (shop.ask("label_1").items, shop.ask("label_1").ended) == (0, "nothing left")


def test_an_import_that_is_cut_off_is_made_good_by_the_retry_which_sends_only_what_is_new(shop, monkeypatch):
    monkeypatch.setattr(project, "TASKS_AT_ONCE", 25)
    shop.curated("run_1")
    with serving() as server:
        shop.tool = Projects(Server(server.url, TOKEN))
        imports = iter(range(9))
        server.before = lambda _, path: (502, b"", {}) if path.endswith("import") and next(imports) == 1 else None
        with pytest.raises(RetriableError, match="answered 502"):
            shop.ask("label_1")
        assert len(server.tasks) == 25 and shop.rows("SELECT count(*) FROM sluice.label_sent") == [(0,)]
        asked = shop.ask("label_1")
        ((recorded,),) = shop.rows("SELECT items FROM sluice.label_sent")
        assert [key_of(task) for task in server.tasks] == recorded and len(recorded) == asked.items
        # Once more is no news, but for a task that somebody deleted.
        del server.tasks[7]
        assert shop.ask("label_1") == asked
        assert len(server.tasks) == 40 and shop.rows("SELECT count(*) FROM sluice.label_sent") == [(1,)]


def test_a_settled_round_is_not_handed_out_again(shop):
    shop.curated("run_1")
    asked = shop.ask("label_1")
    shop.answer(asked, ann=honest, bob=honest)
    shop.settle(asked)
    (shop.folder / asked.place / "items.csv").unlink()
    assert shop.ask("label_1") == asked
    assert not (shop.folder / asked.place / "items.csv").exists()
