"""Adds Datasets and Data Docs to Airflow's navigation. Imported by every Airflow process: nothing heavy here."""

from airflow.plugins_manager import AirflowPlugin

from include.web.mount import PagesOnDemand

PREFIX = "/sluice"


def entry(name: str, page: str) -> dict[str, object]:
    """A navigation entry. The address is relative, so that it also holds where Airflow lives under a path."""
    return {
        "name": name,
        "href": f"{PREFIX.lstrip('/')}/{page}",
        "url_route": page,
        "destination": "nav",
        "nav_top_level": True,
    }


class SluicePlugin(AirflowPlugin):
    """The pages of include/web, in Airflow's own frame."""

    name = "sluice"
    fastapi_apps = [{"app": PagesOnDemand(), "url_prefix": PREFIX, "name": "Sluice"}]  # noqa: RUF012
    external_views = [entry("Datasets", "datasets"), entry("Data Docs", "data-docs")]  # noqa: RUF012
