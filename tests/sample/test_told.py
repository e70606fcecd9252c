"""A signal that comes at any moment of a wait is heard, and never blocks who waits."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STORM = """
from include.sample.told import stop_signals

told_to_stop = stop_signals()
print("ready", flush=True)
print(any([told_to_stop(0.00001) for _ in range(20000)]))
"""

WAIT = """
import sys
from include.sample.told import stop_signals

told_to_stop = stop_signals()
print(told_to_stop(0), flush=True)
print(told_to_stop(None), flush=True)
"""


def child(code):
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )


def test_a_storm_of_signals_in_the_middle_of_waiting_blocks_nothing():
    with child(STORM) as storm:
        assert storm.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 60
        while storm.poll() is None:
            storm.send_signal(signal.SIGTERM)
            if time.monotonic() > deadline:
                storm.kill()
        # At its very end Python hears no more, and a signal ends it: what it printed before is what counts.
        assert storm.stdout.read() == "True\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_signal_the_wait_ends_in_time_and_with_one_at_once(number):
    with child(WAIT) as waiting:
        assert waiting.stdout.readline() == "False\n"
        waiting.send_signal(number)
        assert waiting.communicate(timeout=60)[0] == "True\n"
        assert waiting.returncode == 0
