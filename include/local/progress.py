"""What a person sees while it works: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from include.local.follow import Run, Task

STYLES = {"success": "green", "failed": "bold red", "running": "cyan", "up_for_retry": "yellow", "skipped": "dim"}
MARKS = {"success": "✓", "failed": "✗", "running": "▸", "up_for_retry": "↻", "skipped": "–"}
QUIET = frozenset({"waiting", "scheduled", "queued"})

console = Console(highlight=False)


def say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


class Progress:
    """Every task of the runs that are followed. `update` shows the newest state, `note` a message of its own."""

    def __init__(self, out: Console = console) -> None:
        self.out = out
        self.began = time.monotonic()
        self._seen: dict[tuple[str, str, str], str] = {}
        self._live = Live(console=out, refresh_per_second=4, transient=False) if out.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def note(self, text: str) -> None:
        self.out.print(text, markup=False, soft_wrap=True)

    def update(self, runs: Sequence["Run"]) -> None:
        if self._live:
            self._live.update(self._table(runs))
            return
        for run in runs:
            for task in run.tasks:
                self._print_change(run, task)

    def _print_change(self, run: "Run", task: "Task") -> None:
        key = (run.dag, run.run, task.label)
        if task.state in QUIET or self._seen.get(key) == task.state:
            return
        self._seen[key] = task.state
        took = f"  {task.seconds:.1f} s" if task.seconds and task.state != "running" else ""
        elapsed = time.monotonic() - self.began
        self.out.print(
            f"{elapsed:6.1f} s  {run.dag} · {task.label}: {task.state}{took}", markup=False, soft_wrap=True
        )

    def _table(self, runs: Sequence["Run"]) -> Table:
        table = Table("run", "task", "state", "seconds", box=None, pad_edge=False)
        for run in runs:
            for number, task in enumerate(run.tasks):
                style = STYLES.get(task.state, "dim")
                state = Text(f"{MARKS.get(task.state, '·')} {task.state}", style=style)
                seconds = f"{task.seconds:.1f}" if task.seconds else ""
                table.add_row("" if number else run.dag, task.label, state, Text(seconds, justify="right"))
        elapsed = time.monotonic() - self.began
        table.caption = f"{elapsed:.0f} s"
        return table
