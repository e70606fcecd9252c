"""The plugin: two entries in the navigation, nothing heavy in every Airflow process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HEAVY = "pandas numpy sklearn imblearn cv2 albumentations great_expectations scrapy pyarrow fastapi psycopg2"

SCRIPT = f"""
import sys
sys.path.insert(0, "plugins")
from airflow.plugins_manager import AirflowPlugin
before = set(sys.modules)
import sluice_plugin
added = {{name.split(".")[0] for name in set(sys.modules) - before}}
print(sorted(added & set({HEAVY.split()!r}) | ({{"sqlalchemy"}} & added)))
plugin = sluice_plugin.SluicePlugin
print([(view["name"], view["href"], view["url_route"]) for view in plugin.external_views])
print([(app["name"], app["url_prefix"]) for app in plugin.fastapi_apps])
"""

REQUEST = """
import asyncio, os, sys
sys.path.insert(0, "plugins")
os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient
client = TestClient(create_app(apps="core"))
pages = ("/sluice/datasets", "/sluice/data-docs", "/sluice/reports/x.html")
print([client.get(path).status_code for path in pages])
"""


def run(script: str, tmp_path: Path) -> list[str]:
    settings = {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    settings |= {"AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"), "PATH": os.environ["PATH"]}
    settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path}/airflow.db"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()


def test_importing_the_plugin_loads_nothing_heavy_and_adds_two_entries(tmp_path):
    assert run(SCRIPT, tmp_path)[-3:] == [
        "[]",
        "[('Datasets', 'sluice/datasets', 'datasets'), ('Data Docs', 'sluice/data-docs', 'data-docs')]",
        "[('Sluice', '/sluice')]",
    ]


def test_airflow_mounts_the_pages_and_keeps_strangers_out(tmp_path):
    assert run(REQUEST, tmp_path)[-1] == "[401, 401, 401]"


def test_only_one_module_lies_in_the_plugins_folder():
    assert [path.name for path in (ROOT / "plugins").glob("**/*.py")] == ["sluice_plugin.py"]
