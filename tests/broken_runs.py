"""Runs that are broken on purpose: a process forks one for each fault, so that what is slow to import is so once.

`python -m tests.broken_runs module:function` is that process. A line of its input is a case as JSON, with which
the function is called in a fork. If the run hangs, the answer is "hangs", and the run is killed when another line
comes. The last line of an answer has the run's exit code, and how often it reached each step.
"""

import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

from include.core import failpoints
from include.core.errors import RetriableError
from include.core.failpoints import SWITCH, SWITCHED_ON

ROOT = Path(__file__).resolve().parents[1]


class BrokenRuns:
    """The process that forks a run for each fault; `function` is `module:name`."""

    def __init__(self, function):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.broken_runs", function], env=os.environ | {SWITCH: SWITCHED_ON},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def run(self, case, fault, while_it_hangs=lambda: None):
        """Let a run meet the fault (None: no fault); its exit code and how often it reached each step."""
        self._say(case=case, fault=fault)
        if (heard := self._hear()) == "hangs":
            while_it_hangs()
            self._say(enough=True)
            heard = self._hear()
        return heard

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)

    def _say(self, **line):
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _hear(self):
        return json.loads(self._process.stdout.readline())


def forked(function, told, tells):
    """The forked process: exit code 0 if the run ended well, 1 if it raised what was to be raised."""
    logging.basicConfig(
        stream=os.fdopen(os.dup(tells), "w"), level=logging.CRITICAL, format="%(message)s", force=True
    )
    code = 3
    try:
        if told["fault"]:
            failpoints.arm(failpoints.Fault.parse(told["fault"]))
        function(told["case"])
        code = 0
    except RetriableError as error:
        code = 1 if "broken on purpose" in error.problem else 2
        if code == 2:
            traceback.print_exc()
    except Exception:
        traceback.print_exc()
    finally:
        os.write(tells, f"\n{json.dumps(dict(failpoints.hits))}\n".encode())
        os._exit(code)


def answer(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main():
    module, name = sys.argv[1].split(":")
    function = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        heard, tells = os.pipe()
        if (child := os.fork()) == 0:
            os.close(heard)
            forked(function, json.loads(line), tells)
        os.close(tells)
        reached = {}
        with os.fdopen(heard) as said:
            for told in said:
                if told.endswith(": hang\n"):
                    answer("hangs")
                    sys.stdin.readline()
                    os.kill(child, signal.SIGKILL)
                if told.startswith("{"):
                    reached = json.loads(told)
        answer([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), reached])


if __name__ == "__main__":
    main()
