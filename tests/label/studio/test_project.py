"""A round in Label Studio (a stand-in): its project made once, its tasks sent once, its export taken whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.core.errors import FatalError, RetriableError
from include.label.studio import project as module
from include.label.studio.project import (
    Sent,
    batches,
    check_nothing_deleted,
    ensure_project,
    progress,
    send,
    take_back,
)


def tasks(*keys):
    return [{"data": {"text": f"text of {key}"}, "meta": {"sluice_key": key}} for key in keys]


def keys(stand_in):
    return [task["meta"]["sluice_key"] for task in stand_in.tasks]


def test_a_project_is_made_once_and_found_by_its_whole_title(stand_in, studio):
    stand_in.projects.append({"id": 1, "title": "Reviews of books"})
    first = ensure_project(studio, "Reviews", "<View/>", overlap=2, guideline="Read it twice.")
    assert ensure_project(studio, "Reviews", "<View/>", overlap=2, guideline="Read it twice.") == first == 2
    assert stand_in.projects[1] == {
        "id": 2, "title": "Reviews", "label_config": "<View/>", "maximum_annotations": 2,
        "expert_instruction": "Read it twice.", "show_instruction": True,
    }  # fmt: skip
    assert stand_in.paths("PATCH") == []


def test_what_changed_in_the_declaration_is_changed_in_the_project(stand_in, studio):
    number = ensure_project(studio, "Reviews", "<View/>")
    assert ensure_project(studio, "Reviews", "<View/>", overlap=3) == number
    assert stand_in.projects[0]["maximum_annotations"] == 3
    assert stand_in.paths("PATCH") == ["/api/projects/1/"]


def test_two_projects_of_one_title_are_refused(stand_in, studio):
    stand_in.projects += [{"id": 1, "title": "Reviews"}, {"id": 2, "title": "Reviews"}]
    with pytest.raises(FatalError, match=r"2 projects in Label Studio are titled 'Reviews': 1, 2\. Fix: rename"):
        ensure_project(studio, "Reviews", "<View/>")


@pytest.mark.parametrize("title", ["", "ab", "x" * 51, " Reviews"])
def test_a_title_that_label_studio_would_not_take_is_refused_before_it_is_asked(stand_in, studio, title):
    with pytest.raises(FatalError, match="is not of 3 to 50 characters"):
        ensure_project(studio, title, "<View/>")
    assert stand_in.asked == []


def test_an_overlap_of_nobody_is_refused(studio):
    with pytest.raises(FatalError, match="overlap is 0"):
        ensure_project(studio, "Reviews", "<View/>", overlap=0)


def test_only_what_is_new_is_sent(stand_in, studio):
    assert send(studio, 1, tasks("a", "b")) == Sent(new=2, known=0)
    assert send(studio, 1, tasks("b", "c", "a")) == Sent(new=1, known=2)
    assert send(studio, 1, tasks("a", "b", "c")) == Sent(new=0, known=3)
    assert keys(stand_in) == ["a", "b", "c"]


def test_a_sending_that_broke_off_goes_on_where_it_was(stand_in, studio, monkeypatch):
    monkeypatch.setattr(module, "TASKS_AT_ONCE", 2)
    imports = iter(range(9))

    def broken_at_the_second(method, path):
        is_second = path.endswith("import") and next(imports) == 1
        return (502, b"", {}) if is_second else None

    stand_in.before = broken_at_the_second
    with pytest.raises(RetriableError, match="answered 502"):
        send(studio, 1, tasks("a", "b", "c", "d", "e"))
    assert keys(stand_in) == ["a", "b"]
    assert send(studio, 1, tasks("a", "b", "c", "d", "e")) == Sent(new=3, known=2)
    assert keys(stand_in) == ["a", "b", "c", "d", "e"]


def test_copies_that_a_cut_off_import_left_are_taken_out_unless_they_were_worked_on(stand_in, studio):
    worked_on = {"total_annotations": 1}
    stand_in.add([*tasks("a", "b", "c", "a", "b", "c"), {"data": {"text": "somebody's own"}, "meta": None}])
    stand_in.tasks[3] |= worked_on  # the second a
    stand_in.tasks[2] |= worked_on  # both c
    stand_in.tasks[5] |= {"cancelled_annotations": 1}
    assert send(studio, 1, tasks("a", "b", "c")) == Sent(new=0, known=3, copies=2)
    assert [task["id"] for task in stand_in.tasks] == [2, 3, 4, 6, 7]


def test_progress_is_the_projects(stand_in, studio):
    stand_in.add(tasks("a", "b"), overlap=2)
    stand_in.tasks[0]["total_annotations"] = 2
    assert progress(studio, 1).lacking == ((0, 1), (2, 1))


def test_a_count_that_the_server_lost_is_counted_again(stand_in, studio):
    stand_in.add(tasks("a", "b"), overlap=2)
    stand_in.tasks[0] |= {"total_annotations": 1, "annotations": [{"id": 1}, {"id": 2}]}
    stand_in.tasks[1] |= {"total_annotations": 1, "annotations": [{"id": 3}]}
    assert progress(studio, 1).lacking == ((0, 1), (1, 1))


def test_everything_is_taken_back_by_one_export(stand_in, studio, tmp_path):
    stand_in.add(tasks("a", "b"))
    taken = take_back(studio, 1, tmp_path / "export.json", ["a", "b"])
    assert (taken.tasks, taken.deleted) == (2, ())
    assert taken.read() == stand_in.tasks == json.loads((tmp_path / "export.json").read_text())
    assert stand_in.paths("GET").count("/api/projects/1/export") == 1
    check_nothing_deleted(taken.deleted)


def test_tasks_deleted_in_the_tool_are_told_by_key(stand_in, studio, tmp_path):
    stand_in.add(tasks("b"))
    taken = take_back(studio, 1, tmp_path / "export.json", ["c", "b", "a"])
    assert taken.deleted == ("a", "c")
    with pytest.raises(
        FatalError, match=r"2 tasks were deleted in Label Studio, of the items a, c\. Fix: clear the round's task"
    ):
        check_nothing_deleted(taken.deleted)
    with pytest.raises(FatalError, match="2 tasks were deleted in Label Studio"):
        progress(studio, 1, ["c", "b", "a"])
    assert progress(studio, 1, ["b"]).tasks == 1


@pytest.mark.parametrize(
    ("export", "refusal"),
    [
        (b'[{"id": 1, "annotations": [{"resu', (RetriableError, "no whole JSON")),
        (b"", (RetriableError, "no whole JSON")),
        (b"[]", (RetriableError, "holds 0 tasks, the project 1")),
        (b'{"detail": "later"}', (FatalError, "no list of tasks")),
    ],
)
def test_a_half_written_export_is_never_used(stand_in, studio, tmp_path, export, refusal):
    stand_in.add(tasks("a"))
    stand_in.before = lambda method, path: (200, export, {}) if path.endswith("export") else None
    (tmp_path / "export.json").write_text("the last one")
    with pytest.raises(refusal[0], match=refusal[1]):
        take_back(studio, 1, tmp_path / "export.json", ["a"])
    assert (tmp_path / "export.json").read_text() == "the last one"
    assert [path.name for path in tmp_path.iterdir()] == ["export.json"]


@given(st.lists(st.integers(0, 60), max_size=30))
def test_batches_keep_every_task_in_order_within_their_limits(sizes):
    given_tasks = [{"text": "x" * size} for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TASKS_AT_ONCE", 4)
        patch.setattr(module, "BYTES_AT_ONCE", 100)
        made = list(batches(given_tasks))
    assert [task for batch in made for task in batch] == given_tasks
    for batch in made:
        assert 1 <= len(batch) <= 4
        assert len(batch) == 1 or sum(len(json.dumps(task)) for task in batch) <= 100
