"""A project's tasks: counted, keyed, and listed as they were at one time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.core.errors import FatalError, RetriableError
from include.label.studio import tasks as module
from include.label.studio.tasks import Progress, key_of, keyed, listing


def task(overlap, total, cancelled=0):
    return {"overlap": overlap, "total_annotations": total, "cancelled_annotations": cancelled}


def test_progress_says_how_many_tasks_lack_how_many_annotations():
    progress = Progress.of([task(2, 0), task(2, 1, 1), task(2, 1), task(2, 2), task(2, 5)])
    assert progress == Progress(((0, 2), (1, 2), (2, 1)), skipped=1)
    assert (progress.tasks, progress.open, progress.missing, progress.complete) == (5, 3, 4, False)
    assert str(progress) == (
        "4 annotations are missing: 3 of 5 tasks are open (2 lack 1, 1 lack 2); skipped 1 times"
    )


def test_progress_is_complete_when_nothing_is_missing():
    assert str(Progress.of([task(1, 1), task(1, 2)])) == "all 2 tasks have their annotations"
    assert Progress.of([]).complete


@given(st.lists(st.builds(task, st.integers(1, 4), st.integers(0, 6), st.integers(0, 2))))
def test_progress_counts_every_task_once_in_any_order(tasks):
    progress = Progress.of(tasks)
    assert progress == Progress.of(tasks[::-1])
    assert progress.tasks == len(tasks)
    assert progress.missing == sum(max(0, t["overlap"] - t["total_annotations"]) for t in tasks)
    assert progress.complete == (progress.open == 0)


def test_the_key_is_the_metas_or_else_the_datas():
    assert key_of({"meta": {"sluice_key": "a"}, "data": {"sluice_key": "b"}}) == "a"
    assert key_of({"meta": None, "data": {"sluice_key": 7}}) == "7"
    assert key_of({"meta": {"other": 1}, "data": {"text": "x"}}) is None


def test_a_task_without_a_key_and_a_key_of_two_tasks_are_refused():
    with pytest.raises(FatalError, match=r"A task has no item's key\. Fix: write the key into the task's meta"):
        keyed([{"data": {}}])
    with pytest.raises(FatalError, match="Two tasks are of item 'a'"):
        keyed([{"meta": {"sluice_key": "a"}}] * 2)


def pages_of(*answers):
    waiting = iter(answers)
    return lambda path, query: next(waiting)


def page(total, *numbers):
    return {"total": total, "tasks": [{"id": number} for number in numbers]}


def test_pages_are_put_together_by_id():
    found = listing(pages_of(page(3, 3, 1), page(3, 2)), 1, ("meta",))
    assert [task["id"] for task in found] == [1, 2, 3]


def test_a_listing_asks_for_no_more_than_it_needs():
    asked = []

    def get(path, query):
        asked.append((path, query))
        return page(1, 9)

    assert listing(get, 4, ("meta",)) == [{"id": 9}]
    assert asked == [
        ("/api/tasks", {"project": 4, "page": 1, "page_size": module.PAGE, "include": "id,meta"}),
    ]


@pytest.mark.parametrize("answers", [(page(3, 1, 2), page(2, 3)), (page(3, 1, 2), page(3))])
def test_a_project_that_changes_while_it_is_listed_is_listed_again(answers):
    with pytest.raises(RetriableError, match="changed while they were listed"):
        listing(pages_of(*answers), 1, ())


def test_an_empty_project_has_no_tasks():
    assert listing(pages_of(page(0)), 1, ()) == []
