"""Airflow's configuration: everything by environment, nothing from outside, secrets only where they belong."""

import os
import subprocess
import sys
from pathlib import Path

from include.local import airflow
from include.local.home import Home
from include.specs import PostgresSource

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"fernet": "a fernet key", "jwt": "a jwt secret", "api": "an api secret", "admin": "a password"}


def environment(tmp_path, **more):
    return airflow.environment(
        Home(tmp_path), SECRETS, database="postgresql://postgres:pw@127.0.0.1:5/airflow",
        connections={"shop": "postgres://shop_reader:pw@127.0.0.1:5/shop"}, port=8123, **more,
    )  # fmt: skip


def test_all_of_airflow_points_into_the_home_folder_and_at_the_chosen_port(tmp_path):
    found = environment(tmp_path)
    assert found["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__API__PORT"] == "8123"
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://postgres:pw@127.0.0.1:5/airflow"
    assert found["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] == str(
        tmp_path / "airflow" / "passwords.json"
    )
    assert found["AIRFLOW_CONN_SHOP"] == "postgres://shop_reader:pw@127.0.0.1:5/shop"
    assert found["SLUICE_STORAGE"] == f"file://{tmp_path}/storage"
    assert found["SLUICE_REPORTS"] == str(tmp_path / "reports")
    assert float(found["SLUICE_ANSWERS_EVERY"]) <= 5


def test_settings_of_the_caller_stay_outside_but_connections_may_come_in(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CORE__UNIT_TEST_MODE", "True")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("SLUICE_STORAGE", "s3://elsewhere")
    monkeypatch.setenv("PGPASSWORD", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("AIRFLOW_CONN_CLINIC", "postgres://clinic/exams")
    found = environment(tmp_path)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__CORE__UNIT_TEST_MODE" not in found and "PGPASSWORD" not in found
    assert not [name for name, value in found.items() if "elsewhere" in value]
    assert found["AIRFLOW_CONN_CLINIC"] == "postgres://clinic/exams"


def test_a_collector_of_lineage_hears_nothing_of_an_erasure_whose_form_names_a_subject(tmp_path, monkeypatch):
    from airflow.providers.openlineage.utils.emission_policy import resolve_dag_emission_policy

    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__EMISSION_POLICY", airflow_policy := environment(tmp_path)[
        "AIRFLOW__OPENLINEAGE__EMISSION_POLICY"])  # fmt: skip
    assert not resolve_dag_emission_policy("erase_shop").emit
    assert resolve_dag_emission_policy("curate_payment_fraud").emit
    assert airflow_policy in (ROOT / "docker-compose.yaml").read_text()


def test_programs_beside_this_python_are_found_first(tmp_path):
    assert environment(tmp_path)["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_airflow_itself_reads_these_settings(tmp_path):
    code = (
        "from airflow.configuration import conf; from airflow.models import Connection; import os\n"
        "found = Connection(uri=os.environ['AIRFLOW_CONN_SITE'])\n"
        "print(conf.get('core', 'executor'), conf.getint('api', 'port'), conf.getboolean('core', 'load_examples'),"
        " found.conn_type, found.host, found.port, found.schema)"
    )
    settings = environment(tmp_path) | {"AIRFLOW_CONN_SITE": airflow.http_uri("http://127.0.0.1:8000/")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=settings, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines()[-1].split() == [
        "LocalExecutor",
        "8123",
        "False",
        "http",
        "127.0.0.1",
        "8000",
        "http",
    ]


def test_the_key_of_a_key_domain_is_read_as_a_connection(monkeypatch):
    from include.orchestration.places import pseudonym_key

    monkeypatch.setenv("AIRFLOW_CONN_SLUICE_KEY_PEOPLE", airflow.key_connection("+/" * 22))
    source = PostgresSource(name="s", connection="s", tables=("a",), pii={"a": ("name",)}, key_domain="people")
    assert repr(pseudonym_key(source)) == "<key local of domain people>"


def test_the_admins_password_is_written_for_its_owner_alone(tmp_path):
    place = Home(tmp_path)
    place.airflow.mkdir()
    airflow.write_passwords(place, SECRETS)
    assert airflow.passwords_file(place).read_text() == '{\n  "admin": "a password"\n}\n'
    assert airflow.passwords_file(place).stat().st_mode & 0o077 == 0
