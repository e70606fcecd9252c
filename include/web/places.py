"""Where the pages find what they show, seen from Airflow's API server."""

import os
from pathlib import Path
from urllib.parse import quote

from include.core.errors import FatalError

PROJECT = Path(__file__).resolve().parents[2]
CONNECTION = "warehouse"


def reports_root() -> Path:
    """The folder of the validation reports: SLUICE_REPORTS, shared by workers and API server."""
    return Path(os.environ.get("SLUICE_REPORTS") or PROJECT / ".local" / "reports")


def warehouse_url() -> str:
    """The libpq URL of the Airflow connection `warehouse`. Raises FatalError if there is none."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        raise FatalError(
            f"There is no Airflow connection {CONNECTION!r}.",
            fix=f"add it under Admin → Connections, or set AIRFLOW_CONN_{CONNECTION.upper()}.",
        ) from None
    user, password = quote(found.login or "", safe=""), quote(found.password or "", safe="")
    return f"postgresql://{user}:{password}@{found.host}:{found.port or 5432}/{quote(found.schema or '')}"
