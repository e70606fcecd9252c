"""Adds Datasets and Data Docs to Airflow's navigation. Imported by every Airflow process: nothing heavy here."""

from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

from include.web.mount import PagesOnDemand

PREFIX = "/sluice"

LAYERS = "M12 3 3 8l9 5 9-5zM3 12l9 5 9-5M3 16l9 5 9-5"
CHECKED_PAGE = "M6 3h9l4 4v14H6zM9 14l2 2 4-5"


def icon(path: str, colour: str) -> str:
    """A line drawing as a data URI, so that the navigation asks for no file."""
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke-width='1.8'"
        f" stroke-linejoin='round' stroke='{colour}'><path d='{path}'/></svg>"
    )
    return f"data:image/svg+xml,{quote(drawing)}"


def entry(name: str, page: str, path: str) -> dict[str, object]:
    """A navigation entry. The address is relative, so that it also holds where Airflow lives under a path."""
    return {
        "name": name,
        "href": f"{PREFIX.lstrip('/')}/{page}",
        "url_route": page,
        "icon": icon(path, "#7f95b5"),
        "icon_dark_mode": icon(path, "#a9bdd6"),
        "destination": "nav",
        "nav_top_level": True,
    }


class SluicePlugin(AirflowPlugin):
    """The pages of include/web, in Airflow's own frame."""

    name = "sluice"
    fastapi_apps = [{"app": PagesOnDemand(), "url_prefix": PREFIX, "name": "Sluice"}]  # noqa: RUF012
    external_views = [entry("Datasets", "datasets", LAYERS), entry("Data Docs", "data-docs", CHECKED_PAGE)]  # noqa: RUF012
