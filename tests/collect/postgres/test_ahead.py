"""One item is made ahead of its use, never more, and none is used out of turn."""

import threading

import pytest

from include.collect.postgres.ahead import Ahead

SECONDS = 20


def test_items_come_in_order_and_each_is_made_while_the_one_before_is_used():
    ahead, made, used = Ahead(), [threading.Event() for _ in range(4)], []

    def items():
        for number in range(4):
            made[number].set()
            yield number

    for number in ahead.over(items()):
        used.append(number)
        if number < 3:
            assert made[number + 1].wait(SECONDS)
        assert number > 1 or not made[number + 2].is_set()
    assert used == [0, 1, 2, 3]


def test_what_waits_for_the_items_before_goes_on_only_when_they_have_been_used():
    ahead, seen, used = Ahead(), [], []

    def items():
        for number in range(5):
            ahead.wait_until_used()
            seen.append(list(used))
            yield number

    for number in ahead.over(items()):
        used.append(number)
    assert seen == [[], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_a_failure_comes_after_the_items_that_were_made_before_it():
    def items():
        yield "a"
        raise ValueError("torn")

    going = Ahead().over(items())
    assert next(going) == "a"
    with pytest.raises(ValueError, match="torn"):
        next(going)


def test_who_leaves_early_waits_until_nothing_is_made_any_more():
    ahead, ended = Ahead(), []

    def items():
        try:
            while not ahead.stopped:
                yield "again"
        finally:
            ended.append(threading.current_thread().name)

    going = ahead.over(items())
    next(going)
    going.close()
    ahead.stop()
    assert ended == ["reading ahead"]
