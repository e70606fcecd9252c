"""`make run` itself: Ctrl-C ends everything it started; what `kill -9` leaves, the next command stops."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from include.local import processes
from include.local.home import PROJECT, Home, read_json
from include.local.postgres import EmbeddedPostgres

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(900)]

HEALTHY = "Waiting until Airflow has read the DAGs"
COMPONENTS = {"shop-site", "shop-traffic", "api-server", "scheduler", "dag-processor", "triggerer"}
SECONDS = 300


def sluice(place, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "include.local", *arguments], cwd=PROJECT, timeout=120, capture_output=True,
        env={**os.environ, "SLUICE_HOME": str(place.path)}, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Home(tmp_path_factory.mktemp("a run"))
    yield place
    sluice(place, "clean")


@contextmanager
def run_under_way(place, output):
    """`make run` in a session of its own, its output in a file."""
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "include.local", "run"], cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, "SLUICE_HOME": str(place.path)}, start_new_session=True,
            # Whoever runs the tests in the background has them ignore Ctrl-C, which a child inherits.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(process, output, condition):
    for _ in range(SECONDS * 4):
        if condition():
            return
        if process.poll() is not None:
            pytest.fail(f"it ended with {process.returncode}:\n{output.read_text()}")
        time.sleep(0.25)
    pytest.fail(f"not within {SECONDS} seconds:\n{output.read_text()}")


def children(place):
    return processes.from_json((read_json(place.processes) or {}).get("children", []))


def test_ctrl_c_does_not_wait_for_the_migration_to_end(place, tmp_path):
    output = tmp_path / "output"
    with run_under_way(place, output) as process:
        wait_until(process, output, lambda: "db-migrate" in {child.name for child in children(place)})
        known = children(place)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
    assert not (place.airflow / "migrated.json").exists()
    assert [child.name for child in known if child.members()] == []
    assert not EmbeddedPostgres(place.postgres).running()


def test_ctrl_c_stops_a_healthy_run_and_leaves_nothing_behind(place, tmp_path):
    output = tmp_path / "output"
    with run_under_way(place, output) as process:
        wait_until(process, output, lambda: HEALTHY in output.read_text())
        known = children(place)
        assert {child.name for child in known} == COMPONENTS
        assert all(child.alive() for child in known)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
    assert output.read_text().endswith("Stopping …\n\nInterrupted; everything is stopped.\n")
    assert [child.name for child in known if child.members()] == []
    assert not EmbeddedPostgres(place.postgres).running()
    assert not place.processes.exists()


def test_what_a_killed_run_left_is_stopped_by_the_next_command(place, tmp_path):
    output = tmp_path / "output"
    with run_under_way(place, output) as process:
        wait_until(process, output, lambda: {child.name for child in children(place)} == COMPONENTS)
        process.kill()
        process.wait(timeout=60)
    known = children(place)
    assert all(child.alive() for child in known)
    assert EmbeddedPostgres(place.postgres).running()
    done = sluice(place, "down")
    assert (done.returncode, done.stdout) == (0, "Stopping …\nEverything is stopped.\n")
    assert [child.name for child in known if child.members()] == []
    assert not EmbeddedPostgres(place.postgres).running()
    assert sluice(place, "down").stdout == "Nothing runs.\n"
