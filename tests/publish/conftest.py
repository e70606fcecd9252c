"""Versions with rows of our choosing, as publication leaves them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from psycopg2.extras import Json

from include.warehouse.connection import transaction

Publish = Callable[..., str]


@pytest.fixture
def publish(warehouse_url: str) -> Publish:
    """Makes `datasets.<dataset>_v1` of `columns` and `rows` (SQL), with `_id` and `_split` if they name none."""

    def made(columns: str, *rows: str, dataset: str = "t") -> str:
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE staging.made (_id text, _split text, {columns})")
            for row in rows:
                cursor.execute(f"INSERT INTO staging.made VALUES {row}")
            at = datetime(2026, 5, 1, tzinfo=UTC)
            cursor.execute("SELECT sluice.publish(%s, 'made', 'f', %s, %s)", (dataset, Json({}), at))
        return f"{dataset}_v1"

    return made
