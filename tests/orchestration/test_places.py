"""Where tasks and pages find warehouse and reports."""

from pathlib import Path

import pytest


def test_the_warehouse_is_an_airflow_connection_and_its_password_may_hold_anything(monkeypatch, airflow_home):
    from include.orchestration.places import warehouse_url

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://sluice:p%40ss%2Fw%3Ard@db:5433/warehouse")
    assert warehouse_url() == "postgresql://sluice:p%40ss%2Fw%3Ard@db:5433/warehouse"


@pytest.mark.parametrize(("value", "expected"), [("/srv/reports", "/srv/reports"), ("", "reports")])
def test_reports_are_where_the_environment_says_else_in_the_project(monkeypatch, value, expected):
    from include.orchestration.places import reports

    monkeypatch.setenv("SLUICE_REPORTS", value)
    assert str(reports()).endswith(expected)
    assert isinstance(reports(), Path)


def test_a_storage_whose_path_has_a_space_lies_in_that_very_folder(monkeypatch, airflow_home, tmp_path):
    from include.local import airflow
    from include.local.home import Home
    from include.orchestration.places import storage

    home = Home(tmp_path / "a home")
    found = airflow.environment(
        home, {"fernet": "", "jwt": "", "api": "", "admin": ""}, database="", connections={}, port=1
    )
    monkeypatch.setenv("SLUICE_STORAGE", found["SLUICE_STORAGE"])
    (storage() / "images").mkdir(parents=True)
    assert (home.storage / "images").is_dir()


def test_the_object_storage_may_be_s3():
    import fsspec

    assert fsspec.get_filesystem_class("s3").protocol == ("s3", "s3a")


def test_the_key_of_a_domain_is_a_connection_whose_login_is_the_key_s_id(monkeypatch, airflow_home):
    from include.core.errors import FatalError
    from include.core.pseudonyms import PseudonymKey
    from include.orchestration.places import pseudonym_key
    from include.specs import PostgresSource

    def source(domain, pii):
        return PostgresSource(name="shop", connection="shop", tables=("a",), pii=pii, key_domain=domain)

    given = (
        '{"conn_type": "generic", "login": "2026-11", "password": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}'
    )
    monkeypatch.setenv("AIRFLOW_CONN_SLUICE_KEY_PEOPLE", given)
    key = pseudonym_key(source("people", {"a": ("mail",)}))
    assert (key.domain, key.id) == ("people", "2026-11")
    assert key.pseudonym(b"42") == PseudonymKey("people", "2026-11", bytes(range(32))).pseudonym(b"42")
    with pytest.raises(FatalError, match="There is no Airflow connection 'sluice_key_patients'"):
        pseudonym_key(source("patients", {"a": ("mail",)}))
    assert pseudonym_key(source(None, {})) is None
    monkeypatch.setenv("AIRFLOW_CONN_SLUICE_KEY_PATIENTS", '{"conn_type": "generic", "password": "AAEC"}')
    with pytest.raises(FatalError, match="unusable id ''"):
        pseudonym_key(source("patients", {"a": ("mail",)}))
