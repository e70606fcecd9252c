"""Erasing a subject whose rows are in an annotation server (a stand-in): after the warehouse, or told."""

import subprocess
import sys
import threading

import pytest

from include.core.errors import FatalError, RetriableError
from include.label.studio import connection
from include.label.studio.round import Projects
from include.label.studio.tasks import key_of
from include.label.tools import Server
from include.pipeline.erase_labels import Outside
from include.pipeline.prove import prove, verify
from tests.label.studio.stand_in import TOKEN, serving
from tests.pipeline.people import LEFT, PEOPLE, REQUEST, SHOP, THEIRS, People

IN_A_SERVER = PEOPLE.model_copy(
    update={
        "labelling": PEOPLE.labelling.model_copy(update={"tool": "label_studio", "connection": "label_studio"})
    }
)
ERASER = """
import sys
from pathlib import Path
from include.label.studio.round import Projects
from include.label.tools import Server
from include.pipeline.erase_labels import Outside
from tests.pipeline.people import AT, REQUEST, SHOP
from include.pipeline.erase import erase
from include.specs import Dataset
url, folder, server, token = (line.strip() for line in sys.stdin)
dataset = Dataset.model_validate_json(sys.argv[1])
outside = Outside(Path(folder), {"reviews": Projects(Server(server, token))})
erase(url, SHOP, REQUEST, datasets=[dataset], reports=Path(folder) / "reports", at=AT, outside=outside)
"""
BROKEN = (500, b"{}", {"Content-Type": "application/json"})


@pytest.fixture
def stand_in():
    with serving() as server:
        yield server


@pytest.fixture
def outside(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0)
    return Outside(tmp_path, {"reviews": Projects(Server(stand_in.url, TOKEN))})


@pytest.fixture
def shop(warehouse_url, tmp_path, outside):
    """A round that is under way at the server."""
    people = People(warehouse_url, tmp_path)
    people.tool = outside.servers["reviews"]
    people.curated("run_1", IN_A_SERVER)
    people.ask("label_1", IN_A_SERVER)
    people.run(LEFT)
    return people


def shown(stand_in):
    return {key_of(task) for task in stand_in.tasks}


def test_the_tasks_of_the_subject_s_rows_leave_the_server_and_all_others_stay(shop, stand_in, outside):
    before = shown(stand_in)
    assert before & THEIRS
    removed = shop.erase(IN_A_SERVER, outside=outside).removed
    assert removed["label_studio.reviews"] == len(before & THEIRS)
    assert shown(stand_in) == before - THEIRS
    assert prove(shop.url, SHOP, REQUEST, [IN_A_SERVER], outside=outside).holds
    # Nothing that was asked for is missed when the answers are taken back.
    (asked,) = [shop.ask("label_1", IN_A_SERVER)]
    with pytest.raises(FatalError, match=f"none of {asked.items} items was answered"):
        shop.settle(asked, IN_A_SERVER)
    assert shop.rows("SELECT faults FROM sluice.label_results") == [([],)]


def test_a_server_that_is_down_leaves_the_warehouse_erased_and_the_remainder_told_until_a_retry(
    shop, stand_in, outside
):
    before = shown(stand_in)
    stand_in.before = lambda method, path: BROKEN
    with pytest.raises(RetriableError, match="but label_studio may still show its rows of reviews") as caught:
        shop.erase(IN_A_SERVER, outside=outside)
    assert "the same request goes on from here" in caught.value.fix
    assert not {key for key in THEIRS if key in shop.text("sluice.label_rounds")}
    proof = verify(shop.url, SHOP, REQUEST, [IN_A_SERVER], outside=outside)
    assert (proof.held, proof.holds, list(proof.unseen)) == ({}, False, ["label_studio.reviews"])
    with pytest.raises(RetriableError, match=r"these could not be: \{'label_studio\.reviews'"):
        prove(shop.url, SHOP, REQUEST, [IN_A_SERVER], outside=outside)
    stand_in.before = lambda method, path: None
    held = verify(shop.url, SHOP, REQUEST, [IN_A_SERVER], outside=outside).held
    assert held == {"label_studio.reviews": len(before & THEIRS)}
    assert shop.erase(IN_A_SERVER, outside=outside).removed["label_studio.reviews"] == len(before & THEIRS)
    assert shown(stand_in) == before - THEIRS
    assert prove(shop.url, SHOP, REQUEST, [IN_A_SERVER], outside=outside).holds


def test_killed_between_two_tasks_the_retry_ends_the_same(shop, stand_in, outside):
    before, met, goes_on = shown(stand_in), threading.Event(), threading.Event()

    def second_deletion(method, path):
        if method == "DELETE" and stand_in.paths("DELETE").index(path) == 1:
            met.set()
            goes_on.wait(60)
            return BROKEN
        return None

    stand_in.before = second_deletion
    command = [sys.executable, "-c", ERASER, IN_A_SERVER.model_dump_json()]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    child.stdin.write(f"{shop.url}\n{shop.folder}\n{stand_in.url}\n{TOKEN}\n")
    child.stdin.close()
    assert met.wait(60)
    child.kill()
    child.wait(30)
    goes_on.set()
    stand_in.before = lambda method, path: None
    assert len(shown(stand_in) & THEIRS) == len(before & THEIRS) - 1
    shop.erase(IN_A_SERVER, outside=outside)
    assert shown(stand_in) == before - THEIRS
    assert prove(shop.url, SHOP, REQUEST, [IN_A_SERVER], outside=outside).holds


def test_a_server_that_nobody_names_is_told(shop, stand_in):
    with pytest.raises(FatalError, match="Rounds of reviews were in Label Studio, and which server that was"):
        shop.erase(PEOPLE)
    proof = verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder))
    assert list(proof.unseen) == ["label_studio.reviews"]


def test_answers_that_are_taken_back_before_the_server_is_cleaned_tell_no_key_of_the_subject(
    shop, stand_in, outside
):
    stand_in.before = lambda method, path: BROKEN
    with pytest.raises(RetriableError):
        shop.erase(IN_A_SERVER, outside=outside)
    stand_in.before = lambda method, path: None
    asked, theirs = shop.ask("label_1", IN_A_SERVER), len(shown(stand_in) & THEIRS)
    with pytest.raises(FatalError, match="was answered"):
        shop.settle(asked, IN_A_SERVER)
    assert shop.rows("SELECT faults FROM sluice.label_results") == [
        ([f"{theirs} tasks: they are of no item of this round"],)
    ]
