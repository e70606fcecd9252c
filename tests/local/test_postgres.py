"""The embedded server: restarts, leftovers of killed starts, odd paths, taken ports."""

import os
import signal
import socket
import subprocess
import sys
import time

import psycopg2
import pytest

from include.core.errors import FatalError
from include.local.home import PROJECT
from include.local.postgres import EmbeddedPostgres, fix_of


def test_a_path_with_a_space_and_a_killed_starter_do_no_harm(tmp_path):
    home = tmp_path / "a path with ünïcode"
    first = EmbeddedPostgres(home)
    try:
        first.start()
        first.create_database("kept")
        assert (home / "postgres.json").stat().st_mode & 0o077 == 0

        second = EmbeddedPostgres(home)
        second.start()
        assert second.port == first.port

        second.stop()
        assert not first.running()
        second.start()
        connection = psycopg2.connect(second.url("kept"))
        with connection.cursor() as cursor:
            cursor.execute("SHOW wal_level")
            assert cursor.fetchone() == ("logical",)
            cursor.execute("SHOW server_version_num")
            assert cursor.fetchone()[0].startswith("18")
        connection.close()
    finally:
        first.destroy()
    assert not first.data.exists()


def test_a_first_start_killed_before_the_cluster_was_whole_is_repeated(tmp_path):
    killed = EmbeddedPostgres(tmp_path)
    # What such a start leaves: its password, half a cluster that already has its version, and no cluster.
    killed.state.write_text('{"password": "of the killed start"}')
    half = killed.data.with_name("data.partial-0123abcd")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(tmp_path)
    try:
        server.start()
        assert server.password == "of the killed start"
        psycopg2.connect(server.url("postgres")).close()
        assert not half.exists()
    finally:
        server.destroy()


def test_the_password_is_known_before_the_cluster_is_made_and_kept_when_that_fails(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    (server.data / "in the way").mkdir(parents=True)
    try:
        with pytest.raises(FatalError, match=r"in the way of a new cluster .* Fix: run `make clean`"):
            server.start()
        assert server.password
        assert server.state.stat().st_mode & 0o777 == 0o600
    finally:
        server.destroy()
    assert [path.name for path in server.data.parent.glob("data*")] == []


def test_a_start_killed_during_initdb_leaves_no_cluster_and_the_next_one_succeeds(tmp_path):
    code = (
        "import pathlib\nfrom include.local.postgres import EmbeddedPostgres\n"
        f"EmbeddedPostgres(pathlib.Path({str(tmp_path)!r})).start()"
    )
    server = EmbeddedPostgres(tmp_path)
    started = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, start_new_session=True)
    try:
        while not list(server.data.parent.glob("data.partial-*/PG_VERSION")):
            assert started.poll() is None
            time.sleep(0.002)
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(timeout=60)
        assert not server.data.exists()
        server.start()
        psycopg2.connect(server.url("postgres")).close()
    finally:
        server.destroy()


@pytest.mark.parametrize("left", ['{"password": "cut sh', "{}", "[1]"])
def test_a_state_that_cannot_be_used_asks_for_make_clean_which_then_works(tmp_path, left):
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    try:
        server.state.write_text(left)
        with pytest.raises(FatalError, match=r"postgres\.json .* Fix: run `make clean` to begin afresh"):
            EmbeddedPostgres(server.home).start()
        done = subprocess.run(
            [sys.executable, "-m", "include.local", "clean"], cwd=PROJECT, timeout=120, check=False,
            env={**os.environ, "SLUICE_HOME": str(tmp_path)}, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert not tmp_path.exists() and not server.data.exists() and not server.running()
    finally:
        server.destroy()


class Overtaken(EmbeddedPostgres):
    """A server whose port another program takes between the look and the start, as often as `times` says."""

    times = 1

    def _free_port(self):
        port = super()._free_port()
        if self.times:
            self.times -= 1
            self.thief = socket.create_server(("127.0.0.1", port))
        return port


def test_a_port_taken_meanwhile_is_given_up_for_another(tmp_path):
    server = Overtaken(tmp_path)
    try:
        server.start()
        assert server.port != server.thief.getsockname()[1]
        psycopg2.connect(server.url("postgres")).close()
    finally:
        server.destroy()
        server.thief.close()


def test_a_port_taken_twice_is_told_as_what_it_is(tmp_path):
    server = Overtaken(tmp_path)
    server.times = 2
    try:
        with pytest.raises(FatalError, match=r"Address already in use[\s\S]* Fix: run the command again; another"):
            server.start()
    finally:
        server.destroy()
        server.thief.close()


def test_a_setting_that_the_server_refuses_is_not_blamed_on_the_disk(tmp_path):
    server = EmbeddedPostgres(tmp_path, {"wal_level": "nonsense"})
    try:
        with pytest.raises(FatalError, match=r'"wal_level"[\s\S]* Fix: remove what it complains about, or run'):
            server.start()
    finally:
        server.destroy()


def test_a_full_disk_under_the_server_is_named(tmp_path):
    printed = 'FATAL:  could not write lock file "postmaster.pid": No space left on device'
    assert fix_of(printed, tmp_path) == f"free some space on the disk of {tmp_path}."
