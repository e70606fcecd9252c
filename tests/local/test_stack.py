"""The stack: what is being stopped starts nothing more, and every disk it writes to must have room."""

import pytest

from include.core.errors import FatalError
from include.local.home import Home
from include.local.stack import Stack


def test_a_stack_that_is_being_stopped_starts_no_component_and_says_what_to_do(tmp_path):
    stack = Stack(Home(tmp_path), print)
    stack.stop()
    with pytest.raises(FatalError, match=r"scheduler was not started: .* Fix: run the command again\."):
        stack.start_again("scheduler")


def test_the_disk_of_the_servers_data_must_have_room_wherever_it_is(tmp_path):
    server = Stack(Home(tmp_path), print).postgres
    server.check_room()
    with pytest.raises(FatalError, match=r"1\.5 GiB free; .* Fix: free some space, or ") as caught:
        server.check_room({server.data.parent: 3 * 1024**3 // 2}.__getitem__)
    assert f"The disk of {server.data.parent} has" in caught.value.problem
    assert ("root" in caught.value.fix) == server.as_root
