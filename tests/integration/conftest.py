"""One running stack for all tests that need Airflow, started as `make up` starts it; and one Label Studio."""

import subprocess
from collections.abc import Iterator

import pytest

from include.label.studio.connection import Studio
from include.local.home import PROJECT, Home
from include.local.label_studio import LabelStudio, sign_up
from include.local.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, Airflow and the sample shop, in a folder whose name has a space."""
    place = Home(tmp_path_factory.mktemp("a home"))
    place.make()
    running = Stack(place, print)
    try:
        running.start("up", None)
        yield running
    finally:
        running.stop()
        running.postgres.destroy()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    """A Label Studio, installed if it is not yet: 800 MB, from 3 seconds (all in the cache) to a minute or two."""
    subprocess.run(["make", "--silent", ".venv-labelstudio/.installed"], cwd=PROJECT, check=True, timeout=600)
    running = LabelStudio(Home(tmp_path_factory.mktemp("a home")), print)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def studio(server: LabelStudio) -> Iterator[Studio]:
    with Studio(server.url, server.token) as client:
        yield client


@pytest.fixture(scope="session")
def second(server: LabelStudio) -> str:
    """The token of a second annotator in Label Studio."""
    return sign_up(server.url, server.token, "second@example.org", "a test's own password")
