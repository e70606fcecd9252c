"""Children: known by pid and start time, stopped with all they started, never anybody else's."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from include.core.errors import FatalError
from include.local import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# A parent whose child moves into a process group of its own, as Airflow's tasks do, and ignores SIGTERM.
FAMILY = [
    sys.executable, "-c",
    "import os, signal, subprocess, sys, time\n"
    "code = 'import os, signal, time; os.setpgid(0, 0); signal.signal(signal.SIGTERM, signal.SIG_IGN);'"
    " 'print(os.getpid(), flush=True); time.sleep(60)'\n"
    "subprocess.Popen([sys.executable, '-c', code])\ntime.sleep(60)",
]  # fmt: skip


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(command):
        started.append(processes.start("child", command, os.environ, tmp_path, tmp_path))
        return started[-1]

    yield begin
    processes.stop(started, grace=0)


def grandchild_of(child):
    while not (text := child.tail()):
        time.sleep(0.02)
    return psutil.Process(int(text))


def test_a_child_is_alive_until_it_is_stopped(start):
    child = start(SLEEP)
    assert child.alive()
    assert processes.stop([child]) == []
    assert not child.alive()


def test_a_reused_pid_is_not_mistaken_for_the_child(start):
    child = start(SLEEP)
    other = replace(child, started=child.started - 100)
    assert not other.alive()
    assert other.members() == []
    assert processes.stop([other]) == []
    assert child.alive()


def test_grandchildren_that_ignore_the_request_are_killed(start):
    child = start(FAMILY)
    grandchild = grandchild_of(child)
    assert processes.stop([child], grace=0.5) == ["child"]
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_what_a_killed_child_started_is_still_found_and_stopped(start):
    child = start(FAMILY)
    grandchild = grandchild_of(child)
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    assert not child.alive()
    assert [process.pid for process in child.members()] == [grandchild.pid]
    processes.stop([child], grace=0.2)
    assert child.members() == []


def test_a_record_of_children_outlives_the_one_who_wrote_it(start):
    child = start(SLEEP)
    assert processes.from_json(processes.to_json([child])) == [child]


def test_a_child_that_ended_is_told_with_the_end_of_its_log(start):
    child = start([sys.executable, "-c", "print('no room left'); raise SystemExit(3)"])
    assert processes.wait(child, timeout=60) == 3
    with pytest.raises(FatalError, match=r"child ended unexpectedly. The end of .*child\.log:\nno room left"):
        processes.check_alive([child])


@pytest.mark.timeout(30)
def test_waiting_for_a_child_ends_when_the_stack_is_being_stopped(start):
    child = start(SLEEP)
    answers = iter([False, False, True])
    assert processes.wait(child, timeout=3_600, should_stop=lambda: next(answers)) is None
    assert child.alive()


def test_passwords_in_the_environment_do_not_show_in_the_list_of_processes(tmp_path):
    child = processes.start("child", SLEEP, {**os.environ, "SECRET": "hunter2"}, tmp_path, tmp_path)
    listed = subprocess.run(
        ["ps", "-o", "args=", "-p", str(child.pid)], capture_output=True, text=True, check=True
    )
    assert "hunter2" not in listed.stdout
    processes.stop([child])


def test_the_exit_code_is_kept_although_other_processes_are_started_after_the_child_has_ended(start):
    child = start([sys.executable, "-c", "raise SystemExit(3)"])
    while not psutil.pid_exists(child.pid) or psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    for _ in range(3):
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert processes.wait(child, 10) == 3
