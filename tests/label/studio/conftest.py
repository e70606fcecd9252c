"""A stand-in for Label Studio, and a client of it whose pauses are written down and not waited for."""

from collections.abc import Iterator

import pytest

from include.label.studio.connection import Studio
from tests.label.studio.stand_in import TOKEN, StandIn, serving


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving() as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def studio(stand_in: StandIn, pauses: list[float]) -> Iterator[Studio]:
    with Studio(stand_in.url, TOKEN, pause=pauses.append) as client:
        yield client
