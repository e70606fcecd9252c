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
