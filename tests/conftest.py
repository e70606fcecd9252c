"""What every test may ask for: a real Postgres, empty databases on it, and a prepared warehouse."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql

from include.local.postgres import EmbeddedPostgres
from include.warehouse.prepare import prepare

ROOT = Path(__file__).resolve().parents[1]

# Nothing the tests do needs to survive a power cut; they do kill processes, which this does not weaken.
FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "'128MB'"}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One embedded PostgreSQL 18 for the session (one a worker under pytest-xdist)."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), FAST)
    server.start()
    yield server
    server.destroy()


def _new_database(postgres: EmbeddedPostgres, prefix: str) -> str:
    name = f"{prefix}_{uuid4().hex[:10]}"
    postgres.create_database(name)
    return name


def _drop_database(postgres: EmbeddedPostgres, name: str) -> None:
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", (name,))
        for slot, pid in cursor.fetchall():
            if pid:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            cursor.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.close()


@pytest.fixture
def source_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of an empty database to collect from, as its superuser."""
    name = _new_database(postgres, "source")
    yield postgres.url(name)
    _drop_database(postgres, name)


@pytest.fixture
def warehouse_admin_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a prepared warehouse, as its superuser."""
    name = _new_database(postgres, "warehouse")
    prepare(postgres.url(name), login="sluice", password="a test's own password")
    yield postgres.url(name)
    _drop_database(postgres, name)


@pytest.fixture
def warehouse_url(postgres: EmbeddedPostgres, warehouse_admin_url: str) -> str:
    """The URL of a prepared warehouse, as the login that does the daily work."""
    database = warehouse_admin_url.rsplit("/", 1)[1]
    return postgres.url(database, user="sluice", password="a test's own password")


@pytest.fixture(scope="session", autouse=True)
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's files go to a folder decided before its first import; the caller's settings are not seen."""
    for name in [n for n in os.environ if n.startswith(("AIRFLOW", "GX_", "SLUICE_"))]:
        del os.environ[name]
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    return Path(os.environ["AIRFLOW_HOME"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The running stack's tests begin first, since they take longest.

    Among them the empty warehouse's are the first; last come those that kill parts of the stack, and those
    that start stacks of their own.
    """
    order = {"test_line.py": 0, "test_kills.py": 2, "test_run.py": 3}

    def place(item: pytest.Item) -> tuple[bool, int]:
        return item.get_closest_marker("stack") is None, order.get(item.path.name, 1)

    items.sort(key=place)
