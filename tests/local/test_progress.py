"""What is seen during a run where there is no terminal: a line for each change, and no control codes."""

import re
from io import StringIO

from rich.console import Console

from include.local.follow import Run, Task
from include.local.progress import Progress


def run(*states):
    tasks = [
        Task(name, state, attempt=1, map_index=index, seconds=seconds) for name, state, index, seconds in states
    ]
    return Run("collect_shop", "r1", "running", tasks)


def printed(*rounds, note=None):
    """The lines without their leading seconds, which are the clock's."""
    out = StringIO()
    with Progress(Console(file=out, highlight=False, width=40)) as progress:
        for runs in rounds:
            progress.update(runs)
        if note:
            progress.note(note)
    return [re.sub(r"^ *\d+\.\d s  ", "", line) for line in out.getvalue().splitlines()]


def test_a_change_of_a_task_is_a_line_and_no_change_is_none():
    begun = [run(("read", "running", -1, 0.4), ("land", "waiting", -1, None))]
    later = [run(("read", "success", -1, 2.5), ("land", "running", -1, 0.1))]
    assert printed(begun, begun, later, later) == [
        "collect_shop · read: running",
        "collect_shop · read: success  2.5 s",
        "collect_shop · land: running",
    ]


def test_tasks_that_only_wait_their_turn_are_not_worth_a_line():
    states = ("waiting", "scheduled", "queued")
    assert printed([run(*((f"t{i}", state, -1, None) for i, state in enumerate(states)))]) == []


def test_mapped_tasks_are_told_apart():
    assert printed([run(("make", "success", 0, 1.0), ("make", "failed", 1, None))]) == [
        "collect_shop · make[0]: success  1.0 s",
        "collect_shop · make[1]: failed",
    ]


def test_a_note_is_printed_whole_and_as_it_is():
    note = "curate [bold]x[/bold] failed: a line that is much longer than the forty columns of this console"
    assert printed(note=note) == [note]
