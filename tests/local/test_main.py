"""The commands: mistakes and collisions are told in one sentence with a fix, never in a stack trace."""

import os
import socket
import subprocess
import sys

import pytest

from include.local.home import PROJECT, Home, only_one, write_json
from include.local.postgres import EmbeddedPostgres
from include.local.stack import Stack


def sluice(home, *arguments, text=None):
    return subprocess.run(
        [sys.executable, "-m", "include.local", *arguments], cwd=PROJECT, timeout=120, capture_output=True,
        env={**os.environ, "SLUICE_HOME": str(home)}, input=text, text=True, check=False,
    )  # fmt: skip


def test_psql_before_anything_was_collected_says_what_to_do_first(tmp_path):
    done = sluice(tmp_path / "home", "psql")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "\nThere is no warehouse yet.\nFix: run `make run` first.\n"


def test_a_busy_port_is_told_before_anything_is_started(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = sluice(tmp_path / "home", "up", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"\nPort {port} of 127.0.0.1 is taken by another program.\nFix: choose another: make up PORT=8081\n"
    )
    assert not (tmp_path / "home" / "postgres" / "postgres.json").exists()


def test_two_commands_at_once_are_refused(tmp_path):
    place = Home(tmp_path)
    place.make()
    with only_one(place, "run"):
        for command in ("run", "up", "down", "clean", "labelstudio"):
            done = sluice(tmp_path, command)
            assert done.returncode == 1
            assert "Another Sluice command is at work" in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_the_system_refuses_is_told_without_a_stack_trace(tmp_path):
    place = Home(tmp_path)
    place.make()
    place.processes.mkdir()
    done = sluice(tmp_path, "down")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"\nThe operating system refused {place.processes}: Is a directory.\n"
        "Fix: remove the cause and run the command again.\n"
    )


def test_what_the_database_refuses_is_told_without_a_stack_trace_and_nothing_is_left_running(tmp_path):
    place = Home(tmp_path)
    server = EmbeddedPostgres(place.postgres)
    server.start()
    try:
        write_json(server.state, {"password": "not the server's", "port": server.port})
        done = sluice(tmp_path, "run")
        assert done.returncode == 1
        assert "\nPostgreSQL refused: " in done.stderr and "password authentication failed" in done.stderr
        assert f"\nFix: see {server.log}, remove the cause" in done.stderr and "Traceback" not in done.stderr
        assert not server.running()
    finally:
        server.destroy()


def test_down_and_clean_have_nothing_to_do_where_nothing_is(tmp_path):
    assert sluice(tmp_path / "home", "down").stdout == "Nothing runs.\n"
    assert sluice(tmp_path / "home", "clean").returncode == 0
    assert not (tmp_path / "home").exists()


def test_psql_starts_the_server_for_a_statement_and_clean_removes_everything(tmp_path):
    place = Home(tmp_path / "a home")
    place.make()
    server = EmbeddedPostgres(place.postgres)
    server.start()
    stack = Stack(place, print)
    stack.take_over()
    stack.prepare_databases()
    server.stop()

    done = sluice(place.path, "psql", "-c", "SELECT current_user, count(*) FROM sluice.batches")
    assert done.stdout.split() == [
        "current_user",
        "|",
        "count",
        "--------------+-------",
        "sluice",
        "|",
        "0",
        "(1",
        "row)",
    ]
    assert sluice(place.path, "psql", text="SELECT 6 * 7 AS answer;\n").stdout.split()[2] == "42"
    assert sluice(place.path, "psql", "-c", "SELECT nonsense").returncode != 0
    assert not server.running()

    assert sluice(place.path, "clean").returncode == 0
    assert not place.path.exists() and not server.data.exists()


def test_a_list_of_processes_from_before_a_reboot_harms_nobody(tmp_path):
    place = Home(tmp_path)
    place.make()
    mine = {"name": "scheduler", "pid": os.getpid(), "started": 1_000_000_000.0, "log": "gone"}
    write_json(place.processes, {"mode": "up", "port": 8080, "children": [mine]})
    assert sluice(tmp_path, "down").stdout == "Nothing runs.\n"
    assert not place.processes.exists()


@pytest.mark.parametrize("port", ["80", "web", "70000"])
def test_a_port_that_cannot_be_is_refused(tmp_path, port):
    done = sluice(tmp_path, "up", "--port", port)
    assert done.returncode == 2
    assert f"a port is a number from 1024 to 65535, not '{port}'" in done.stderr
