"""Airflow on one machine: its whole configuration as environment variables, and its four components."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from include.local.home import PROJECT, Home, write_json

ADMIN = "admin"
# The id of the one key that stands for every key domain here: domains are kept apart by what is hashed.
KEY_ID = "local"
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
# OpenLineage, if the caller configures it, is told the form of every run: not of those that name a subject.
UNTOLD = [{"scope": {"dag_id": "erase_.*"}, "match_mode": "regex", "controls": {"emit": False}, "locked": True}]
# Two cores are shared by the tasks, the database and four components.
PARALLEL_TASKS = 4


def environment(
    place: Home, secrets: Mapping[str, str], *, database: str, connections: Mapping[str, str], port: int
) -> dict[str, str]:
    """What every Airflow process is started with; there is no airflow.cfg to edit.

    `database` is the libpq URL of the metadata, `connections` are Airflow's connection URIs by id,
    `port` is where the API server listens on 127.0.0.1.
    """
    server = f"http://127.0.0.1:{port}"
    settings: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": PROJECT / "dags",
            "plugins_folder": PROJECT / "plugins",
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "executor": "LocalExecutor",
            "parallelism": PARALLEL_TASKS,
            "fernet_key": secrets["fernet"],
            "execution_api_server_url": f"{server}/execution/",
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": passwords_file(place),
            # A name lookup of this machine can hang where there is no network.
            "hostname_callable": "socket.gethostname",
            "min_serialized_dag_update_interval": 5,
        },
        "database": {"sql_alchemy_conn": database.replace("postgresql://", "postgresql+psycopg2://", 1)},
        "api": {"host": "127.0.0.1", "port": port, "base_url": server, "workers": 1, "secret_key": secrets["api"]},
        "api_auth": {"jwt_secret": secrets["jwt"]},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.5,
            # Tasks of a killed run are taken up again in a minute rather than five.
            "orphaned_tasks_check_interval": 15,
            "task_instance_heartbeat_timeout": 60,
            # So soon is it noticed that nobody answered in time.
            "trigger_timeout_check_interval": 5,
        },
        "dag_processor": {"refresh_interval": 10, "min_file_process_interval": 10},
        "openlineage": {"namespace": "sluice", "emission_policy": json.dumps(UNTOLD)},
        "logging": {"base_log_folder": place.airflow / "logs", "colored_console_log": False},
    }
    configured = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
        for section, options in settings.items()
        for name, value in options.items()
    }
    return {
        **_inherited(),
        **configured,
        **{f"AIRFLOW_CONN_{name.upper()}": uri for name, uri in connections.items()},
        "AIRFLOW_HOME": str(place.airflow),
        "PYTHONPATH": str(PROJECT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SLUICE_STORAGE": f"file://{place.storage}",
        "SLUICE_REPORTS": str(place.reports),
        # Simulated annotators answer at once.
        "SLUICE_ANSWERS_EVERY": "2",
    }


def _inherited() -> dict[str, str]:
    """The caller's environment without settings that would reach into this stack; own connections may come in."""
    foreign = ("AIRFLOW_", "_AIRFLOW", "SLUICE_", "GX_", "PG", "PYTHON")
    welcome = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(welcome) or not name.startswith(foreign)
    }


def passwords_file(place: Home) -> Path:
    return place.airflow / "passwords.json"


def write_passwords(place: Home, secrets: Mapping[str, str]) -> None:
    """Give the admin the generated password, where Airflow's SimpleAuthManager reads it."""
    write_json(passwords_file(place), {ADMIN: secrets["admin"]})


def command(*arguments: str) -> list[str]:
    """Airflow's command line under this very Python: a script's first line breaks at a path with a space."""
    return [sys.executable, "-m", "airflow", *arguments]


def postgres_uri(url: str) -> str:
    """An Airflow connection URI for a libpq URL; they differ in the scheme's name alone."""
    return url.replace("postgresql://", "postgres://", 1)


def key_connection(secret: str) -> str:
    """An Airflow connection that holds a pseudonym key, which a URI would have to quote."""
    return json.dumps({"conn_type": "generic", "login": KEY_ID, "password": secret})


def http_uri(url: str) -> str:
    """An Airflow connection URI for a site's root URL, its scheme kept where Airflow's HTTP hook reads it."""
    scheme, rest = url.rstrip("/").split("://", 1)
    return f"http://{rest}/{quote(scheme)}"
