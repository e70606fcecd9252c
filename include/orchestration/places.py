"""Where things are: Airflow connections as URLs, the object storage, reports, suites, the code's commit."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey

if TYPE_CHECKING:
    from airflow.sdk import Connection, ObjectStoragePath

    from include.label.tools import Tool
    from include.pipeline.erase_labels import Outside
    from include.specs import Dataset, Source

PROJECT = Path(__file__).resolve().parents[2]
SUITES = PROJECT / "great_expectations" / "expectations"
WAREHOUSE = "warehouse"


def database_url(connection_id: str) -> str:
    """The libpq URL of an Airflow connection of type postgres. Raises FatalError if there is none."""
    found = _connection(connection_id)
    user, password = quote(found.login or "", safe=""), quote(found.password or "", safe="")
    return f"postgresql://{user}:{password}@{found.host}:{found.port or 5432}/{quote(found.schema or '')}"


def site_url(connection_id: str) -> str:
    """The root URL of an Airflow connection of type http. Raises FatalError if there is none."""
    found = _connection(connection_id)
    scheme = found.schema or "http"
    port = f":{found.port}" if found.port else ""
    return f"{scheme}://{found.host}{port}/"


def warehouse_url() -> str:
    return database_url(WAREHOUSE)


def pseudonym_key(source: "Source") -> PseudonymKey | None:
    """The key of the source's key domain, from the connection `sluice_key_<domain>`; None if it has no domain.

    The connection's login is the key's id, its password the key in base64. Raises FatalError if there is no
    such connection, or no key in it.
    """
    if source.key_domain is None or source.key_connection is None:
        return None
    found = _connection(source.key_connection)
    return PseudonymKey.from_text(source.key_domain, found.login or "", found.password or "")


def storage() -> "ObjectStoragePath":
    """The root of the object storage: SLUICE_STORAGE, such as s3://aws_default@bucket/sluice."""
    from airflow.sdk import ObjectStoragePath

    # Airflow takes a URI as it stands: a space that is written %20 would be another folder.
    return ObjectStoragePath(os.environ.get("SLUICE_STORAGE") or f"file://{PROJECT}/.local/storage")


def annotation_tool(dataset: "Dataset") -> "Tool":
    """Where the dataset's rows are labelled: sheets in the object storage, or the server behind its connection."""
    from include.label.tools import Server, tool
    from include.pipeline.label import labelling_of

    declared = labelling_of(dataset)
    server = None
    if declared.connection is not None:
        server = Server(site_url(declared.connection), _connection(declared.connection).password or "")
    return tool(declared, storage(), server, dataset.image)


def handed_out(source: "Source") -> "Outside":
    """Where rows of the source may have been handed out to be labelled: the storage, and annotation servers."""
    from include import catalog
    from include.pipeline.erase_labels import SERVER, Outside

    servers = {
        dataset.name: annotation_tool(dataset)
        for dataset in catalog.DATASETS
        if dataset.labelling and dataset.labelling.tool == SERVER and source.name in dataset.sources
    }
    return Outside(storage(), servers)


def reports() -> Path:
    """The folder of the validation reports: SLUICE_REPORTS, shared by workers and API server."""
    return Path(os.environ.get("SLUICE_REPORTS") or PROJECT / ".local" / "reports")


def reports_url() -> str:
    """Where the plugin serves that folder: a path below Airflow's own address, if that is configured."""
    from airflow.sdk.configuration import conf

    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/sluice/data-docs"


def code_commit() -> str:
    """The commit that runs: SLUICE_COMMIT (set in images, which have no repository), else git's HEAD."""
    if stated := os.environ.get("SLUICE_COMMIT"):
        return stated
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _connection(connection_id: str) -> "Connection":
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(connection_id)
    except AirflowNotFoundException:
        raise FatalError(
            f"There is no Airflow connection {connection_id!r}.",
            fix=f"add it in the UI (Admin, Connections) or set AIRFLOW_CONN_{connection_id.upper()}.",
        ) from None
