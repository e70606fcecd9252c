"""Waiting for annotators of Label Studio (a stand-in): ends by itself, says what is missing, outlives outages."""

import asyncio

import pytest

from include.core.errors import FatalError, RetriableError
from include.label.studio.waiting import wait_until_labelled
from tests.label.studio.stand_in import TOKEN

TASKS = [{"meta": {"sluice_key": key}} for key in "ab"]


def wait(stand_in, token=TOKEN, *, timeout=60, **options):
    return asyncio.run(
        wait_until_labelled(stand_in.url, token, 1, interval=0.01, timeout=timeout, **options)
    )  # fmt: skip


def test_it_ends_when_the_last_annotation_is_there_and_tells_every_new_count(stand_in):
    stand_in.add(TASKS, overlap=1)
    told = []

    def annotate(progress):
        told.append(str(progress))
        for task in stand_in.tasks:
            if not task["total_annotations"]:
                task["total_annotations"] = 1
                break

    assert wait(stand_in, told=annotate).complete
    assert told == [
        "2 annotations are missing: 2 of 2 tasks are open (2 lack 1)",
        "1 annotations are missing: 1 of 2 tasks are open (1 lack 1)",
        "all 2 tasks have their annotations",
    ]


def test_when_the_time_is_out_it_says_how_many_are_missing(stand_in):
    stand_in.add(TASKS)
    seen = wait(stand_in, timeout=0.05)
    assert (seen.complete, seen.missing, seen.open) == (False, 4, 2)


def test_a_round_that_is_complete_needs_no_time(stand_in):
    assert wait(stand_in, timeout=0).complete


def test_an_outage_is_waited_out(stand_in):
    stand_in.add(TASKS, overlap=0)
    answers = iter([(502, b"", {})] * 3)
    stand_in.before = lambda method, path: next(answers, None)
    assert wait(stand_in).complete
    assert len(stand_in.asked) == 4


def test_a_server_that_never_answers_is_told(stand_in):
    stand_in.before = lambda method, path: (503, b"", {})
    with pytest.raises(RetriableError, match="answered 503"):
        wait(stand_in, timeout=0.05)


def test_an_expired_token_and_a_project_that_is_gone_end_it_at_once(stand_in):
    with pytest.raises(FatalError, match="Fix: make a new token in Label Studio"):
        wait(stand_in, "an-old-token")
    stand_in.before = lambda method, path: (404, b"{}", {})
    with pytest.raises(FatalError, match="Fix: it was deleted in Label Studio"):
        wait(stand_in)
    assert len(stand_in.asked) == 2


def test_an_interval_of_nothing_is_refused(stand_in):
    with pytest.raises(FatalError, match="interval is 0 seconds"):
        asyncio.run(wait_until_labelled(stand_in.url, TOKEN, 1, interval=0, timeout=1))
