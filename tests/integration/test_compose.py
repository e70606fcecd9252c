"""The production shape holds together: code, paths, secrets and image tags of docker-compose.yaml."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
TEXT = COMPOSE.read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CODE = ("dags", "plugins", "include", "great_expectations")

SERVICES = yaml.safe_load(TEXT)["services"]
AIRFLOW = {name: service for name, service in SERVICES.items() if "build" in service}
# Names of variables, and what follows them: `:?why`, `:-default` or nothing.
VARIABLES = re.findall(r"\$\{([A-Z_]+)(:[-?][^}]*)?\}", re.sub(r"\$\$\{[^}]*\}", "", TEXT))
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")


def expanded(value: str) -> str:
    """The value with every variable at its default."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


def test_every_airflow_service_is_there():
    expected = {"airflow-init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert set(AIRFLOW) == expected
    assert set(SERVICES) - expected == {
        "redis", "postgres", "warehouse", "storage", "labelstudio", "labelstudio-postgres",
    }  # fmt: skip


@pytest.mark.parametrize("name", AIRFLOW)
def test_every_airflow_service_imports_the_project_and_knows_its_places(name):
    environment = AIRFLOW[name]["environment"]
    assert environment["PYTHONPATH"] == "/opt/airflow"
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["SLUICE_STORAGE"].startswith("s3://aws_default@")
    assert environment["SLUICE_REPORTS"] == "/opt/airflow/reports"
    assert {"AIRFLOW_CONN_WAREHOUSE", "AIRFLOW_CONN_AWS_DEFAULT", "GX_ANALYTICS_ENABLED"} <= set(environment)
    assert {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"} <= set(
        environment
    )


@pytest.mark.parametrize("name", AIRFLOW)
def test_every_airflow_service_shares_reports_and_logs(name):
    assert {"logs:/opt/airflow/logs", "reports:/opt/airflow/reports"} <= set(AIRFLOW[name]["volumes"])


@pytest.mark.parametrize("name", AIRFLOW)
def test_every_airflow_service_runs_the_image_that_holds_the_code(name):
    assert AIRFLOW[name]["image"] == "${SLUICE_IMAGE:-sluice:0.1.0}"
    assert AIRFLOW[name]["build"]["context"] == "."


@pytest.mark.parametrize("folder", CODE)
def test_the_image_holds_all_of_the_code(folder):
    assert re.search(rf"^COPY --chown=airflow:0 {folder} {folder}$", DOCKERFILE, re.MULTILINE)
    assert f"!{folder}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_image_is_locked_by_hashes_and_does_not_run_as_root():
    assert "--require-hashes" in DOCKERFILE
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["airflow"]


def test_the_image_takes_in_nothing_that_is_not_named():
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_airflow_and_its_image_are_of_the_locked_version():
    locked = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert locked is not None
    image = f"apache/airflow:slim-{locked[1]}-python3.12"
    assert f"${{AIRFLOW_IMAGE:-{image}}}" in TEXT
    assert f"ARG AIRFLOW_IMAGE={image}\n" in DOCKERFILE


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_tag_is_pinned_and_can_be_overridden(name):
    image = SERVICES[name]["image"]
    assert "${" in image
    assert re.fullmatch(r"[a-z/-]+:\d+(\.\d+)+(-[a-z0-9.]+)?", expanded(image))


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "airflow-init"])
def test_every_service_that_stays_is_watched(name):
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [name for name in AIRFLOW if name != "airflow-init"])
def test_airflow_starts_when_what_it_needs_is_ready(name):
    needs = {service: need["condition"] for service, need in AIRFLOW[name]["depends_on"].items()}
    assert needs["airflow-init"] == "service_completed_successfully"
    assert {needs[s] for s in ("postgres", "redis", "warehouse", "storage")} == {"service_healthy"}


def test_postgres_is_18_and_writes_a_logical_log():
    assert "wal_level=logical" in SERVICES["postgres"]["command"]
    for name in ("postgres", "warehouse", "labelstudio-postgres"):
        assert expanded(SERVICES[name]["image"]).startswith("postgres:18.")
        # From 18 on the image keeps its data below this folder, and refuses a mount on …/data.
        assert SERVICES[name]["volumes"] == [f"{name}:/var/lib/postgresql"]


def test_label_studio_is_of_the_locked_version_and_has_a_database_of_its_own():
    locked = re.search(r"^label-studio==(\S+)", (ROOT / "requirements-labelstudio.txt").read_text(), re.MULTILINE)
    service = SERVICES["labelstudio"]
    assert locked is not None
    assert expanded(service["image"]) == f"heartexlabs/label-studio:{locked[1]}"
    environment = service["environment"]
    assert environment["LABEL_STUDIO_DJANGO_DB"] == "default"  # what it calls PostgreSQL
    assert environment["LABEL_STUDIO_POSTGRE_HOST"] in service["depends_on"]
    assert (
        environment["LABEL_STUDIO_POSTGRE_PASSWORD"]
        == SERVICES["labelstudio-postgres"]["environment"]["POSTGRES_PASSWORD"]
    )


def test_label_studio_tells_its_maker_nothing_and_lets_in_whom_it_invited():
    environment = SERVICES["labelstudio"]["environment"]
    silent = ("SENTRY_DSN", "FRONTEND_SENTRY_DSN", "COLLECT_ANALYTICS", "LATEST_VERSION_CHECK")
    assert [environment[f"LABEL_STUDIO_{name}"] for name in silent] == ["", "", "false", "false"]
    assert environment["LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK"] == "true"
    assert environment["LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN"] == "true"


def test_label_studio_starts_only_where_it_is_asked_for():
    profiled = {name for name, service in SERVICES.items() if service.get("profiles") == ["labelling"]}
    assert profiled == {"labelstudio", "labelstudio-postgres"}


def test_no_secret_has_a_default():
    secrets = {(name, rest[:2]) for name, rest in VARIABLES if SECRET.search(name)}
    assert len(secrets) == 13
    assert {marker for _, marker in secrets} == {":?"}


def test_no_secret_is_written_down():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and not variable.endswith("_FILE") and value != "true":
                assert str(value).startswith("${"), (name, variable)
    assert re.findall(r"://[^:/\s]*:[^$\s]+@", TEXT) == []


def test_the_example_names_every_variable_and_gives_no_secret_a_value():
    named = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert {name for name, _ in VARIABLES} == set(named)
    required = {name for name, rest in VARIABLES if rest.startswith(":?")}
    assert {name for name in required if named[name]} == set()
    assert set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == required


def test_the_example_tells_the_defaults_as_they_are():
    named = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert named == {name: rest[2:] for name, rest in VARIABLES if rest.startswith(":-")}


def test_only_the_preparation_knows_the_administrator_of_the_warehouse():
    knowing = {name for name in AIRFLOW if "WAREHOUSE_ADMIN_PASSWORD" in str(AIRFLOW[name]["environment"])}
    assert knowing == {"airflow-init"}


def test_ports_are_open_on_this_machine_only_unless_told_otherwise():
    ports = [expanded(port) for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8080:8080", "127.0.0.1:5433:5432", "127.0.0.1:8082:8080"]


def test_docker_compose_finds_nothing_to_complain_about(tmp_path):
    docker = shutil.which("docker")
    plugin = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, timeout=30, check=False
    )
    if not plugin or plugin.returncode:
        pytest.skip("docker compose is not installed: `docker compose config` was not run")
    (tmp_path / ".env").write_text(re.sub(r"^([A-Z_]+)=$", r"\1=x", EXAMPLE, flags=re.MULTILINE))
    asked = ["compose", "--env-file", str(tmp_path / ".env"), "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run([docker, *asked], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
