"""Failpoints: nothing of them is there unless a process is started to be broken, and no accident starts one so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.core import failpoints
from include.core.errors import FatalError
from include.core.failpoints import ACTIONS, SETTING, STEPS, SWITCH, SWITCHED_ON, Fault, arm, failpoint
from include.warehouse.merge import Merge

ROOT = Path(__file__).resolve().parents[2]

# A step that says when it is done, reached three times.
CHILD = """
from include.core.failpoints import failpoint

@failpoint("landing.land")
def step(number):
    print(f"done {number}", flush=True)
    return number

for number in (1, 2, 3):
    try:
        print(f"answer {step(number)}", flush=True)
    except Exception as error:
        print(f"{type(error).__name__}: {error.problem}", flush=True)
"""


def run(**settings):
    """The child's exit code, what it printed, and what it logged."""
    ended = subprocess.run(
        [sys.executable, "-c", CHILD], env=os.environ | settings, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


def broken(fault):
    return run(**{SWITCH: SWITCHED_ON, SETTING: fault})


def test_unarmed_a_step_is_the_very_function_that_was_written():
    def step():
        """A step."""

    assert failpoint("landing.land")(step) is step
    assert not hasattr(Merge.apply, "__wrapped__")


def test_reject_raises_before_the_step_at_the_asked_hit_and_once():
    code, printed, logged = broken("landing.land=reject:2")
    assert code == 0
    assert printed == [
        "done 1", "answer 1", "RetriableError: Step landing.land was broken on purpose (reject).", "done 3",
        "answer 3",
    ]  # fmt: skip
    assert "FAULTS ARE ARMED" in logged


def test_fail_raises_after_the_step_was_done():
    _, printed, _ = broken("landing.land=fail")
    assert printed[:2] == ["done 1", "RetriableError: Step landing.land was broken on purpose (fail)."]


def test_kill_ends_the_process_after_the_step_was_done():
    code, printed, _ = broken("landing.land=kill:3")
    assert (code, printed) == (-9, ["done 1", "answer 1", "done 2", "answer 2", "done 3"])


def test_hang_never_comes_back_and_does_not_do_the_step():
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], env=os.environ | {SWITCH: SWITCHED_ON, SETTING: "landing.land=hang:2"},
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = [child.stderr.readline() for _ in range(2)]
    assert "landing.land: hang" in said[1]
    child.kill()
    assert child.communicate(timeout=20)[0].splitlines() == ["done 1", "answer 1"]


def test_one_setting_alone_breaks_nothing_and_says_so():
    whole = [line for number in (1, 2, 3) for line in (f"done {number}", f"answer {number}")]
    code, printed, logged = run(**{SETTING: "landing.land=kill"})
    assert (code, printed) == (0, whole)
    assert "SLUICE_FAILPOINT is set and was ignored" in logged
    assert run(**{SWITCH: "yes", SETTING: "landing.land=kill"})[:2] == (0, whole)
    assert run(**{SWITCH: SWITCHED_ON}) == (0, whole, "")


def test_a_process_that_was_not_started_to_be_broken_cannot_be_armed():
    with pytest.raises(FatalError, match="not to be broken"):
        arm(Fault("landing.land", "kill"))
    assert failpoints.hits == {}


@pytest.mark.parametrize("text", ["landing.land", "landing.land=explode", "landing=kill", "landing.land=kill:x"])
def test_what_is_no_fault_is_refused_with_the_faults_there_are(text):
    with pytest.raises(FatalError, match=r"is no fault.*landing\.land.*reject, fail, hang, kill"):
        Fault.parse(text)


def test_a_fault_is_read_as_it_is_written():
    assert Fault.parse("landing.land=kill:12") == Fault("landing.land", "kill", 12)
    assert Fault.parse("stream.batch=hang") == Fault("stream.batch", "hang", 1)


def test_only_declared_steps_can_be_broken_and_each_is_declared_once():
    with pytest.raises(FatalError, match="no step 'landing'"):
        failpoint("landing")
    assert len(set(STEPS)) == len(STEPS)
    assert ACTIONS == ("reject", "fail", "hang", "kill")
