"""Label Studio of one machine: what it is started with, and what is told where it cannot be."""

import os
import sys
from pathlib import Path

import pytest

from include.core.errors import FatalError
from include.local.home import Home, read_json
from include.local.label_studio import LabelStudio, answers, environment
from tests.label.studio.stand_in import TOKEN, serving

STATE = {"port": 8123, "token": "t" * 40, "password": "a password of eight signs"}
# A program in Label Studio's place, which ends at once.
ENDS = "#!/bin/sh\necho the disk is full\nexit 3\n"


def program(folder: Path, text: str) -> Path:
    path = folder / "label-studio"
    path.write_text(text)
    path.chmod(0o700)
    return path


def test_it_sends_nothing_out_and_lets_nobody_sign_up_without_a_link():
    made = environment(Path("/data"), STATE)
    assert (made["LABEL_STUDIO_SENTRY_DSN"], made["LABEL_STUDIO_FRONTEND_SENTRY_DSN"]) == ("", "")
    assert made["LABEL_STUDIO_COLLECT_ANALYTICS"] == made["LABEL_STUDIO_LATEST_VERSION_CHECK"] == "false"
    assert made["LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK"] == "true"
    assert made["LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN"] == "true"
    assert (made["LABEL_STUDIO_DJANGO_DB"], made["LABEL_STUDIO_BASE_DATA_DIR"]) == ("sqlite", "/data")


def test_it_is_told_nothing_of_the_rest_of_the_stack(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://secret")
    monkeypatch.setenv("HOST", "somewhere")
    assert {"AIRFLOW_CONN_WAREHOUSE", "HOST"} & environment(Path("/data"), STATE).keys() == set()


def test_where_it_is_not_installed_the_command_that_does_it_is_told(tmp_path):
    server = LabelStudio(Home(tmp_path), print, tmp_path / "nothing")
    with pytest.raises(FatalError, match="install Label Studio by `make labelstudio`"):
        server.start()
    with pytest.raises(FatalError, match="There is no Label Studio here yet"):
        _ = server.url


def test_one_that_ends_is_told_with_the_end_of_its_log_and_its_secrets_are_kept(tmp_path):
    said: list[str] = []
    server = LabelStudio(Home(tmp_path), said.append, program(tmp_path, ENDS))
    for _ in range(2):
        with pytest.raises(FatalError, match=r"label-studio ended unexpectedly(.|\n)*the disk is full"):
            server.start()
    assert not server.running() and not server.stop()
    assert said == [
        f"Starting Label Studio at {server.url} (up to 80 seconds the first time) …",
        f"Starting Label Studio at {server.url} (some seconds) …",
    ]
    assert server.state.stat().st_mode & 0o777 == 0o600
    assert len(server.token) == 40


def test_no_secret_is_in_its_argument_list(tmp_path):
    tells = f"#!{sys.executable}\nimport sys\nprint(sys.argv)\n"
    server = LabelStudio(Home(tmp_path), print, program(tmp_path, tells))
    with pytest.raises(FatalError) as ended:
        server.start()
    assert "--internal-host" in str(ended.value)
    assert server.token not in str(ended.value) and server.password not in str(ended.value)


def test_stopping_ends_it_and_says_so(tmp_path):
    stays = f"#!{sys.executable}\nimport time\ntime.sleep(60)\n"
    server = LabelStudio(Home(tmp_path), print, program(tmp_path, stays))
    server._wait_until_healthy = lambda child, first: None
    server.start()
    assert server.running()
    pid = read_json(server.state)["children"][0]["pid"]
    server.start()  # leaves it as it is
    assert read_json(server.state)["children"][0]["pid"] == pid
    assert server.stop() and not server.running() and not server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_does_not_know_its_token_is_not_waited_for():
    with serving() as stand_in:
        with pytest.raises(FatalError, match="does not know the token that it was started with"):
            answers(stand_in.url, "another")
        assert answers(stand_in.url, TOKEN)
        stand_in.before = lambda method, path: (503, b"", {})
        assert not answers(stand_in.url, TOKEN)
    assert not answers(stand_in.url, TOKEN)
