"""The folder .local/: owner-only, with room, one command at a time, secrets made once."""

import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from include.core.errors import FatalError
from include.local.home import PROJECT, Home, check_room, load_secrets, only_one, read_json, write_json


def test_the_folder_and_its_secrets_are_open_to_their_owner_alone(tmp_path):
    place = Home(tmp_path / "a path with spaces" / ".local")
    place.make()
    secrets = load_secrets(place)
    assert place.path.stat().st_mode & 0o777 == 0o700
    assert place.secrets.stat().st_mode & 0o777 == 0o600
    assert sorted(secrets) == ["admin", "api", "fernet", "jwt", "pseudonyms", "shop", "shop_reader", "warehouse"]
    assert len(set(secrets.values())) == len(secrets)
    Fernet(secrets["fernet"])


def test_secrets_are_made_once_and_a_new_kind_is_added(tmp_path):
    place = Home(tmp_path)
    first = load_secrets(place)
    write_json(place.secrets, {name: value for name, value in first.items() if name != "shop"})
    second = load_secrets(place)
    assert load_secrets(place) == second
    assert {name: second[name] for name in first if name != "shop"} == {
        n: v for n, v in first.items() if n != "shop"
    }
    assert second["shop"] != first["shop"]


def test_a_full_disk_is_told_before_anything_starts(tmp_path):
    check_room(tmp_path, 2 * 1024**3)
    with pytest.raises(FatalError, match=r"has 1\.5 GiB free; .* need 2 GiB\. Fix: free some space"):
        check_room(tmp_path, 3 * 1024**3 // 2)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FatalError, match=r"cannot be used: Not a directory\. Fix:"):
        Home(tmp_path / "file" / ".local").make()


def test_a_second_command_at_the_same_time_is_refused_and_the_first_is_named(tmp_path):
    place = Home(tmp_path)
    with only_one(place, "run"):
        with pytest.raises(FatalError, match=r"at work in .*: `make run`, process \d+\. Fix: wait for it"):
            with only_one(place, "up"):
                pass
    with only_one(place, "up"):
        pass


def test_a_killed_command_leaves_no_lock(tmp_path):
    code = (
        "import os, pathlib, signal\nfrom include.local.home import Home, only_one\n"
        f"with only_one(Home(pathlib.Path({str(tmp_path)!r})), 'run'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=60, check=False)
    with only_one(Home(tmp_path), "run"):
        pass


def test_a_full_disk_keeps_no_command_from_its_lock(tmp_path):
    # No file of this process may grow: a disk that has no byte left.
    code = (
        "import pathlib, resource\nfrom include.local.home import Home, only_one\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        f"with only_one(Home(pathlib.Path({str(tmp_path)!r})), 'clean'): pass"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=PROJECT, timeout=60, check=False, stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_file_cut_short_counts_as_not_there(tmp_path):
    (tmp_path / "state.json").write_text('{"children": [')
    assert read_json(tmp_path / "state.json") is None
    assert read_json(tmp_path / "nothing.json") is None
