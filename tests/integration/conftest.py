"""One running stack for all tests that need Airflow, started as `make up` starts it."""

from collections.abc import Iterator

import pytest

from include.local.home import Home
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
