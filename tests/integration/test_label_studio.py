"""A whole round through a real Label Studio, with a second annotator."""

import os
import subprocess
import sys
import time

import httpx
import pytest

from include.core.annotations import Annotation, Choice, Item
from include.core.errors import FatalError
from include.label.studio.connection import Studio
from include.label.studio.interface import Question, Shown, interface
from include.label.studio.project import (
    Sent,
    ensure_project,
    find_project,
    people,
    progress,
    send,
    take_back,
)
from include.label.studio.round import Projects
from include.label.studio.tasks import key_of, listing
from include.label.tools import Server
from include.local.home import PROJECT
from include.local.label_studio import USER
from include.pipeline.erase_labels import Outside
from include.pipeline.label import missing
from include.pipeline.prove import prove
from tests.pipeline.people import LEFT, PEOPLE, REQUEST, SHOP, THEIRS, People
from tests.pipeline.reviews import LABELLING, REVIEWS, Reviews, meant

pytestmark = [pytest.mark.xdist_group("label_studio"), pytest.mark.timeout(900)]

SENTIMENT = interface([Shown("text")], [Question("text", labels=("good", 'so "so" & <so>'))])
SENDER = """
import os, sys
from include.label.studio.connection import Studio
from include.label.studio.project import send
tasks = [{"data": {"text": f"{n}"}, "meta": {"sluice_key": f"key-{n}"}} for n in range(int(sys.argv[3]))]
with Studio(sys.argv[1], os.environ["TOKEN"]) as studio:
    send(studio, int(sys.argv[2]), tasks)
"""


def tasks(*keys):
    said = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}]
    predictions = [{"model_version": "rules", "score": 0.75, "result": said}]
    return [
        {"data": {"text": f"<b>{key}</b> ü"}, "meta": {"sluice_key": key}, "predictions": predictions}
        for key in keys
    ]


def annotate(server, token, project, label, *, skip=()):
    """As the tool's own page does it: one request an answer."""
    said = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]
    signed = {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=server.url, headers=signed, timeout=60, trust_env=False) as client:
        found = client.get(
            "/api/tasks", params={"project": project, "include": "id,meta", "page_size": 100}
        ).json()
        for task in found["tasks"]:
            if key_of(task) in skip:
                client.post(f"/api/tasks/{task['id']}/annotations/?was_cancelled=1", json={"result": []})
                continue
            client.post(f"/api/tasks/{task['id']}/annotations/", json={"result": said, "lead_time": 2.5})


def test_every_kind_of_interface_is_accepted(studio):
    made = interface(
        [
            Shown("text"), Shown("photo", "image"), Shown("call", "audio"),
            Shown("series", "time_series", channels=("volt", "a & b")),
        ],
        [
            Question("text", labels=("good", 'so "so" & <so>', "schön"), hint="How is <it> & why?"),
            Question("text", labels=("a", "b"), name="several", several=True),
            Question("text", "span", "entities", labels=("PER", "ORG")),
            Question("text", "taxonomy", "topic", paths=(("a", "b"), ("a", "c"), ("d",))),
            Question("text", "words", "why", required=False),
            Question("photo", "rectangle", "boxes", labels=("cat",)),
            Question("call", "time_range", "speaker", labels=("A", "B")),
            Question("series", "time_range", "event", labels=("rise",)),
        ],
    )  # fmt: skip
    assert studio.post("/api/projects/validate/", {"label_config": made}) is None
    number = ensure_project(studio, "Every kind", made, overlap=3, guideline="Look twice.")
    assert ensure_project(studio, "Every kind", made, overlap=3, guideline="Look twice.") == number
    kept = studio.get(f"/api/projects/{number}/")
    assert (kept["label_config"], kept["maximum_annotations"]) == (made, 3)
    assert (kept["expert_instruction"], kept["show_instruction"]) == ("Look twice.", True)


def test_an_interface_that_is_none_is_refused_with_the_servers_reason(studio):
    with pytest.raises(FatalError, match="answered 400 to POST /api/projects/"):
        ensure_project(studio, "No interface", "<View><Choices/></View>")


def test_a_round_of_two_annotators_comes_back_whole(server, studio, second, tmp_path):
    project = ensure_project(studio, "Reviews", SENTIMENT, overlap=2)
    assert send(studio, project, tasks("a", "b", "c")) == Sent(new=3, known=0)
    assert send(studio, project, tasks("a", "b", "c", "d")) == Sent(new=1, known=3)
    assert progress(studio, project).lacking == ((2, 4),)
    annotate(server, server.token, project, "good")
    annotate(server, second, project, 'so "so" & <so>', skip={"d"})
    seen = progress(studio, project)
    assert (seen.lacking, seen.skipped) == (((0, 3), (1, 1)), 1)
    assert str(seen).startswith("1 annotations are missing: 1 of 4 tasks are open")

    taken = take_back(studio, project, tmp_path / "export.json", ["a", "b", "c", "d"])
    said = {
        key_of(task): sorted(
            (a["completed_by"], a["was_cancelled"], [r["value"]["choices"] for r in a["result"]], a["lead_time"])
            for a in task["annotations"]
        )
        for task in taken.read()
    }
    names = people(studio)
    first, other = sorted({by for answers in said.values() for by, *_ in answers})
    assert (names[first], names[other]) == (USER, "second@example.org")
    whole = [(first, False, [["good"]], 2.5), (other, False, [['so "so" & <so>']], 2.5)]
    skipped = [(first, False, [["good"]], 2.5), (other, True, [], None)]
    assert said == {"a": whole, "b": whole, "c": whole, "d": skipped}
    assert taken.read()[0]["data"] == {"text": "<b>a</b> ü"}
    assert [len(task["predictions"]) for task in taken.read()] == [1, 1, 1, 1]


def test_a_dataset_s_round_is_asked_answered_and_landed(server, second, warehouse_url, tmp_path):
    shop = Reviews(warehouse_url, tmp_path)
    shop.tool = Projects(Server(server.url, server.token))
    labelling = LABELLING.model_copy(update={"tool": "label_studio", "connection": "label_studio", "batch": 9})
    dataset = REVIEWS.model_copy(update={"labelling": labelling})
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    assert missing(shop.url, dataset, asked, shop.tool) == 9
    with Studio(server.url, server.token) as studio:
        gone = listing(studio.get, find_project(studio, asked.place), ("data",))[4]
        studio.delete(f"/api/tasks/{gone['id']}/")
        for looked_at in (
            lambda: missing(shop.url, dataset, asked, shop.tool),
            lambda: shop.settle(asked, dataset),
        ):
            with pytest.raises(
                FatalError, match=f"1 tasks were deleted in Label Studio, of the items {key_of(gone)}"
            ):
                looked_at()
        assert shop.ask("label_1", dataset) == asked
        held = listing(studio.get, find_project(studio, asked.place), ("data",))
    for token in (server.token, second):
        with httpx.Client(
            base_url=server.url, headers={"Authorization": f"Token {token}"}, timeout=60, trust_env=False
        ) as client:
            for task in held:
                choice = {"choices": [meant(key_of(task))]}
                said = [{"from_name": "label", "to_name": "body", "type": "choices", "value": choice}]
                client.post(f"/api/tasks/{task['id']}/annotations/", json={"result": said, "lead_time": 1})
    assert missing(shop.url, dataset, asked, shop.tool) == 0
    result = shop.settle(asked, dataset)
    assert (result.answers, result.labels, result.faults) == (18, 9, ())
    landed = shop.rows("SELECT key, label, origin FROM landing.labels_reviews_labels")
    assert {key for key, _, _ in landed} == {key_of(task) for task in held}
    assert all(label == meant(key) and origin == "person" for key, label, origin in landed)
    who = shop.rows("SELECT DISTINCT annotator, tool FROM (SELECT annotator, annotation->>'tool' AS tool"
                    " FROM landing.labels_reviews_answers) AS a ORDER BY 1")  # fmt: skip
    assert who == sorted([(USER, "label_studio"), ("second@example.org", "label_studio")])


def test_the_tasks_of_an_erased_subject_leave_the_server_with_what_was_said_of_them(
    server, studio, warehouse_url, tmp_path
):
    shop, labelling = People(warehouse_url, tmp_path), PEOPLE.labelling
    labelling = labelling.model_copy(update={"tool": "label_studio", "connection": "label_studio", "batch": 60})
    dataset = PEOPLE.model_copy(update={"labelling": labelling})
    shop.tool = Projects(Server(server.url, server.token))
    shop.curated("run_1", dataset)
    asked = shop.ask("label_people", dataset)
    project = find_project(studio, asked.place)
    tasks = {key_of(task): task["id"] for task in listing(studio.get, project, ("data",))}
    mine, other = min(THEIRS & tasks.keys()), min(tasks.keys() - THEIRS)
    for key in (mine, other):
        said = [
            {"from_name": "label", "to_name": "body", "type": "choices", "value": {"choices": [meant(key[1:-1])]}}
        ]
        studio.post(f"/api/tasks/{tasks[key]}/annotations/", {"result": said})
    shop.run(LEFT)
    outside = Outside(tmp_path, {"reviews": shop.tool})
    assert shop.erase(dataset, outside=outside).removed["label_studio.reviews"] == len(THEIRS & tasks.keys())
    left = {key_of(task): task["id"] for task in listing(studio.get, project, ("data",))}
    assert left == {key: task for key, task in tasks.items() if key not in THEIRS}
    assert len(studio.get(f"/api/tasks/{left[other]}/annotations/")) == 1
    with pytest.raises(FatalError, match="answered 404"):
        studio.get(f"/api/tasks/{tasks[mine]}/annotations/")
    assert prove(shop.url, SHOP, REQUEST, [dataset], outside=outside).holds


def test_what_a_model_says_is_shown_with_its_task(server, studio):
    said = Annotation(item="a", annotator="sluice", regions=(Choice(labels=("pos",), score=0.75),), origin="model")
    projects, declared = Projects(Server(server.url, server.token)), LABELLING
    projects.send("Said before", [Item(key="a", data={"body": "a fine lamp"}, predictions=(said,))], declared)
    (task,) = listing(studio.get, find_project(studio, "Said before"), ("id",))
    (prediction,) = studio.get(f"/api/tasks/{task['id']}/")["predictions"]
    (result,) = prediction["result"]
    assert (result["to_name"], result["value"], prediction["score"]) == ("body", {"choices": ["pos"]}, 0.75)


def test_a_task_deleted_in_the_tool_is_told_by_key_and_can_be_sent_again(server, studio, tmp_path):
    project = ensure_project(studio, "Deleted ones", SENTIMENT)
    send(studio, project, tasks("a", "b", "c"))
    gone = next(task["id"] for task in listing(studio.get, project, ("meta",)) if key_of(task) == "b")
    studio.delete(f"/api/tasks/{gone}/")
    studio.delete(f"/api/tasks/{gone}/")
    taken = take_back(studio, project, tmp_path / "export.json", ["a", "b", "c"])
    assert (taken.tasks, taken.deleted) == (2, ("b",))
    assert send(studio, project, tasks("a", "b", "c")) == Sent(new=1, known=2)


def test_a_killed_sending_is_made_good_and_nothing_is_there_twice(server, studio):
    project, count = ensure_project(studio, "Killed", SENTIMENT), 3_000
    command = [sys.executable, "-c", SENDER, server.url, str(project), str(count)]
    sending = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "TOKEN": server.token})
    while progress(studio, project).tasks == 0:
        assert sending.poll() is None
        time.sleep(0.05)
    sending.kill()
    sending.wait()
    wanted = [{"data": {"text": f"{n}"}, "meta": {"sluice_key": f"key-{n}"}} for n in range(count)]
    sent = send(studio, project, wanted)
    assert sent.known > 0 and sent.new > 0
    keys = [key_of(task) for task in listing(studio.get, project, ("meta",))]
    assert sorted(keys) == sorted(f"key-{n}" for n in range(count))


def test_a_personal_token_works_until_it_is_revoked(server, studio):
    studio.post("/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
    personal = studio.post("/api/token/", {})["token"]
    with Studio(server.url, personal) as client:
        assert client.get("/api/current-user/whoami")["id"] == 1
    studio.post("/api/token/blacklist/", {"refresh": personal})
    with Studio(server.url, personal) as client, pytest.raises(FatalError, match="make a new token"):
        client.get("/api/current-user/whoami")


def test_a_token_that_is_not_accepted_is_fatal(server):
    with Studio(server.url, "0" * 40) as client, pytest.raises(FatalError, match="make a new token"):
        progress(client, 1)


def test_nobody_signs_up_without_the_link(server):
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as browser:
        browser.get("/user/signup/")
        form = {"email": "third@example.org", "password": "a test's own password"}
        answer = browser.post(
            "/user/signup/", data=form | {"csrfmiddlewaretoken": browser.cookies["csrftoken"]},
            headers={"Referer": server.url},
        )  # fmt: skip
    assert answer.status_code == 403
