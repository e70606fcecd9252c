"""A round as a project (of a stand-in): what is shown, who said what, and what cannot be taken."""

import pytest

from include.core.annotations import Item
from include.core.errors import FatalError
from include.label.studio.round import Projects
from include.label.tools import Server
from include.specs import Labelling
from tests.label.studio.stand_in import TOKEN

DECLARED = Labelling(
    question="Is it <good>?", classes=("no", "yes"), show=("body", "stars"), guideline="Read it twice.",
    tool="label_studio", connection="label_studio",
)  # fmt: skip
ITEMS = [Item(key=key, data={"body": f"text of {key}", "stars": "5"}) for key in ("a", "b", "c")]


def said(label, by, number=1):
    result = [
        {"id": "x", "type": "choices", "from_name": "label", "to_name": "body", "value": {"choices": [label]}}
    ]
    return {
        "id": number, "completed_by": by, "result": result, "was_cancelled": False, "lead_time": 1.5,
        "created_at": "2026-05-01T00:00:00Z", "updated_at": "2026-05-01T00:00:00Z",
    }  # fmt: skip


@pytest.fixture
def projects(stand_in):
    return Projects(Server(stand_in.url, TOKEN))


def test_a_round_s_project_shows_the_declared_columns_and_asks_the_question(stand_in, projects):
    place = projects.place("reviews", "scheduled__2026-05-01T00:00:00+00:00")
    for _retry in range(2):
        projects.send(place, ITEMS, DECLARED)
    (project,) = stand_in.projects
    assert (project["title"], project["maximum_annotations"]) == (place, 2)
    for part in ("$body", "$stars", "Is it &lt;good&gt;?", 'value="yes"'):
        assert part in project["label_config"]
    assert [task["data"]["body"] for task in stand_in.tasks] == ["text of a", "text of b", "text of c"]


def test_what_is_missing_is_shown_empty_since_the_server_refuses_null(stand_in, projects):
    projects.send("a round", [Item(key="a", data={"body": "text", "stars": None})], DECLARED)
    assert stand_in.tasks[0]["data"]["stars"] == ""


def test_answers_come_back_with_who_gave_them_and_what_cannot_be_taken_is_told(stand_in, projects):
    place = projects.place("reviews", "run")
    projects.send(place, ITEMS, DECLARED)
    stand_in.tasks[0]["annotations"] = [said("yes", 7), said("no", 8, 2)]
    stand_in.tasks[1]["annotations"] = [said("maybe", 7)]
    found = projects.take_back(place, ITEMS, DECLARED)
    answers = [(a.item, a.annotator, a.choice(), a.seconds) for one in found.labelled for a in one.annotations]
    assert answers == [("a", "ann@example.org", "yes", 1.5), ("a", "8", "no", 1.5)]
    told = {fault.key: fault.reasons for fault in found.faults}
    assert told == {"b": ("'maybe' is none of the classes no, yes",)}


def test_a_task_that_was_deleted_is_told_wherever_the_round_is_looked_at_and_sending_again_mends_it(
    stand_in, projects
):
    place = projects.place("reviews", "run")
    projects.send(place, ITEMS, DECLARED)
    stand_in.tasks[0]["annotations"] = [said("yes", 7)]
    del stand_in.tasks[1]
    for looked_at in (projects.lacking, projects.take_back):
        with pytest.raises(FatalError, match=r"1 tasks were deleted in Label Studio, of the items b\."):
            looked_at(place, ITEMS, DECLARED)
    projects.send(place, ITEMS, DECLARED)
    assert projects.lacking(place, ITEMS, DECLARED) == 3
    taken = projects.take_back(place, ITEMS, DECLARED)
    assert [(one.item.key, len(one.annotations)) for one in taken.labelled] == [("a", 1), ("c", 0), ("b", 0)]


def test_tasks_of_items_that_are_to_be_forgotten_are_deleted_and_no_others(stand_in, projects, caplog):
    place = projects.place("reviews", "run")
    projects.send(place, ITEMS, DECLARED)
    stand_in.add([{"data": {"body": "somebody's own"}}])
    for _retry in range(2):
        projects.forget(place, {"a", "c"}.__contains__)
    assert [task["data"]["body"] for task in stand_in.tasks] == ["text of b", "somebody's own"]
    assert (projects.holding(place, {"a"}.__contains__), projects.holding(place, {"b"}.__contains__)) == (0, 1)
    assert not caplog.records
    assert projects.forget("x reviews", {"b"}.__contains__) == 0
    assert "no project titled 'x reviews'" in caplog.text


def test_tasks_that_were_not_asked_for_are_counted_and_not_named(stand_in, projects):
    place = projects.place("reviews", "run")
    projects.send(place, ITEMS, DECLARED)
    stand_in.tasks[2]["annotations"] = [said("maybe", 7)]
    found = projects.take_back(place, ITEMS[:2], DECLARED)
    assert [(fault.where, fault.key, fault.reasons) for fault in found.faults] == [
        ("1 tasks", "", ("they are of no item of this round",))
    ]


def test_open_tasks_are_counted_by_the_server(stand_in, projects):
    place = projects.place("reviews", "run")
    projects.send(place, ITEMS, DECLARED)
    stand_in.tasks[0]["total_annotations"] = 2
    assert projects.lacking(place, ITEMS, DECLARED) == 2


def test_a_project_that_was_renamed_is_told_by_its_title(projects):
    with pytest.raises(FatalError, match="Label Studio has 0 projects titled 'x reviews'"):
        projects.take_back("x reviews", ITEMS, DECLARED)


def test_titles_of_long_names_fit_and_stay_apart(projects):
    titles = {projects.place("d" * 40, f"scheduled__2026-05-0{day}T00:00:00+00:00") for day in range(1, 5)}
    assert len(titles) == 4 and max(map(len, titles)) <= 50


def test_a_token_is_in_no_message():
    assert TOKEN not in repr(Server("http://127.0.0.1", TOKEN))
