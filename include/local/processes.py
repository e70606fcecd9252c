"""Children that outlive their starter: started in sessions of their own, known again, stopped for good."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from include.core.errors import FatalError

GRACE_SECONDS = 12.0


@dataclass(frozen=True)
class Child:
    """A process by its identity: a pid may be used again, a pid with its start time (epoch seconds) is not."""

    name: str
    pid: int
    started: float
    log: str

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and self._is(process)
        except psutil.NoSuchProcess:
            return False

    def tail(self, lines: int = 25) -> str:
        """The end of what it printed."""
        path = Path(self.log)
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.rstrip().splitlines()[-lines:])

    def _is(self, process: psutil.Process) -> bool:
        # The clock that start times are counted from may be corrected by a little, never by seconds in a blink.
        return abs(process.create_time() - self.started) < 2

    def members(self) -> list[psutil.Process]:
        """Every living process of its session: itself, and what it started, also after its own death."""
        if psutil.pid_exists(self.pid) and not self._still_or_zombie():
            return []
        found = []
        for process in psutil.process_iter():
            try:
                ours = os.getsid(process.pid) == self.pid and process.create_time() >= self.started - 2
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, PermissionError, psutil.Error):
                continue
        return found

    def _still_or_zombie(self) -> bool:
        try:
            return self._is(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return True


# The children of this very process. A Popen that nobody holds is collected by the next Popen of any thread,
# and its exit code with it.
_own: dict[int, subprocess.Popen[bytes]] = {}


def start(name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path, logs: Path) -> Child:
    """Start `command` in a session of its own, its output appended to `<logs>/<name>.log`.

    The log of the start before is kept beside it as `<name>.1.log`.
    """
    log = logs / f"{name}.log"
    if log.exists():
        log.replace(logs / f"{name}.1.log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=dict(environment), cwd=cwd, start_new_session=True,
        )  # fmt: skip
    _own[process.pid] = process
    try:
        started = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    return Child(name, process.pid, started, str(log))


def wait(child: Child, timeout: float, should_stop: Callable[[], bool] = lambda: False) -> int | None:
    """The exit code of a child of this very process.

    None if it still ran after `timeout` seconds, or when `should_stop` said that nobody waits for it anymore.
    """
    deadline, process = time.monotonic() + timeout, _own[child.pid]
    while time.monotonic() < deadline and not should_stop():
        if (code := process.poll()) is not None:
            return code
        time.sleep(0.1)
    return None


def stop(children: Iterable[Child], grace: float = GRACE_SECONDS) -> list[str]:
    """Ask every child to end, then kill what is left of their sessions; returns whom it had to kill."""
    known = list(children)
    for child in known:
        if child.alive():
            _signal(psutil.Process(child.pid), signal.SIGTERM)
    deadline = time.monotonic() + grace
    left = {child.name: child.members() for child in known}
    while any(left.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
        _reap(known)
        left = {child.name: child.members() for child in known}
    for members in left.values():
        for process in members:
            _signal(process, signal.SIGKILL)
    psutil.wait_procs([process for members in left.values() for process in members], timeout=5)
    _reap(known)
    return [name for name, members in left.items() if members]


def kill(child: Child) -> None:
    """`kill -9` the child and every process of its session, with no chance to tidy up."""
    members = child.members()
    for process in members:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(members, timeout=5)
    _reap([child])


def check_alive(children: Iterable[Child]) -> None:
    """Raises FatalError with the end of its log if one of the children has ended."""
    for child in children:
        if not child.alive():
            printed = child.tail() or "(nothing was printed)"
            raise FatalError(
                f"{child.name} ended unexpectedly. The end of {child.log}:\n{printed}",
                fix="remove what the log complains about and run the command again.",
            )


def to_json(children: Iterable[Child]) -> list[dict[str, Any]]:
    return [asdict(child) for child in children]


def from_json(entries: Iterable[dict[str, Any]]) -> list[Child]:
    return [Child(**entry) for entry in entries]


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _reap(children: Iterable[Child]) -> None:
    """Collect the exit codes of those that are our own children, so that no zombie keeps their pid."""
    for child in children:
        if (process := _own.get(child.pid)) is not None:
            process.poll()
