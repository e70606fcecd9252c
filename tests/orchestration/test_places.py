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


def test_the_object_storage_may_be_s3():
    import fsspec

    assert fsspec.get_filesystem_class("s3").protocol == ("s3", "s3a")
