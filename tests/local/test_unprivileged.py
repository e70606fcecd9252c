"""On a new machine several commands may start at once as root: user and programs are made once."""

import os
import pwd
import subprocess
import sys
from contextlib import suppress
from uuid import uuid4

import pytest

from include.core.errors import FatalError
from include.local import unprivileged
from include.local.home import PROJECT

ASK = """
import pathlib, sys
from include.local import unprivileged
print(unprivileged.user(sys.argv[1], pathlib.Path(sys.argv[2])).pw_uid)
"""

FILL = """
import pathlib, sys, time
from include.local import unprivileged

def copy_to(place):
    place.mkdir()
    print("filled")
    time.sleep(0.2)
    (place / "program").write_text("whole")

place = unprivileged.programs("release-1", copy_to, pathlib.Path(sys.argv[1]))
print((place / "program").read_text())
"""


def at_once(times, code, *arguments):
    """What each of so many processes prints that run the code at the same time, none of them failing."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(times)
    ]  # fmt: skip
    said = [child.communicate(timeout=60) for child in children]
    assert [(child.returncode, error) for child, (_, error) in zip(children, said, strict=True)] == [
        (0, "")
    ] * times
    return [output for output, _ in said]


@pytest.fixture
def name():
    name = f"sluice-{uuid4().hex[:8]}"
    yield name
    with suppress(KeyError):
        pwd.getpwnam(name)
        subprocess.run(["userdel", name], check=True, capture_output=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make users, and only root needs one")
def test_starts_at_once_make_one_user_that_all_of_them_know(name, tmp_path):
    said = at_once(4, ASK, name, str(tmp_path))
    assert said == [f"{pwd.getpwnam(name).pw_uid}\n"] * 4


def test_a_user_that_cannot_be_made_is_told_with_the_command_for_it(tmp_path):
    with pytest.raises(FatalError, match=r"'no such:name' .* Fix: .* `useradd --system .* no such:name` first"):
        unprivileged.user("no such:name", tmp_path)


def test_starts_at_once_copy_the_programs_once_and_all_see_them_whole(tmp_path):
    said = at_once(4, FILL, str(tmp_path))
    assert sorted(said) == ["filled\nwhole\n", *["whole\n"] * 3]
