"""The arguments of the DAGs for a dataset's versions: export, roll back, tag, rebuild, retain."""

from typing import Any

from airflow.sdk import Param

from include.orchestration.defaults import common
from include.specs import Dataset


def export_dag(dataset: Dataset) -> dict[str, Any]:
    """Arguments of @dag for exporting a version of a dataset by hand."""
    return {
        "dag_id": f"export_{dataset.name}",
        "schedule": None,
        "params": {
            "version": Param(
                None, type=["null", "integer"], minimum=1, title="Version",
                description="The version to write as files. Empty: the one that the dataset's view shows.",
            ),
        },
        "tags": ["sluice", "export"],
        "doc_md": _export_doc(dataset),
        **common(),
    }  # fmt: skip


def roll_back_dag(dataset: Dataset) -> dict[str, Any]:
    """Arguments of @dag for moving a dataset's view by hand: to another version, or to stay where it is."""
    return {
        "dag_id": f"roll_back_{dataset.name}",
        "schedule": None,
        "params": {
            "version": Param(
                None, type=["null", "integer"], minimum=1, title="Version",
                description=f"What datasets.{dataset.name} is to show. Empty: what it shows now.",
            ),
            "pin": Param(
                False, type="boolean", title="Pin",
                description="Stay there, whatever runs publish, until this is run again without it.",
            ),
            "why": Param("", type="string", title="Why", description="Kept with the move, as is who ran this."),
        },
        "tags": ["sluice", "versions"],
        "doc_md": (
            f"### Roll back `{dataset.name}`\n\nMoves the view `datasets.{dataset.name}` to another version. A run"
            " with newer batches moves it on again, unless it is pinned; no run shows again what was left here."
        ),
        **common(),
    }  # fmt: skip


def tag_dag(dataset: Dataset) -> dict[str, Any]:
    """Arguments of @dag for putting a tag on a version of a dataset, or taking it off."""
    return {
        "dag_id": f"tag_{dataset.name}",
        "schedule": None,
        "params": {
            "tag": Param("", type="string", title="Tag", description="Such as paper-2026."),
            "version": Param(
                None, type=["null", "integer"], minimum=1, title="Version",
                description="The version to put it on. Empty: take it off.",
            ),
            "why": Param("", type="string", title="Why", description="Kept with the tag, as is who ran this."),
        },
        "tags": ["sluice", "versions"],
        "doc_md": f"### Tag a version of `{dataset.name}`\n\nRetention keeps what is tagged.",
        **common(),
    }  # fmt: skip


def rebuild_dag(dataset: Dataset) -> dict[str, Any]:
    """Arguments of @dag for building a version of a dataset again."""
    return {
        "dag_id": f"rebuild_{dataset.name}",
        "schedule": None,
        "params": {
            "version": Param(
                None, type=["null", "integer"], minimum=1, title="Version", description="Empty: what is shown."
            )
        },
        "tags": ["sluice", "versions"],
        "doc_md": (
            f"### Rebuild `{dataset.name}`\n\nBuilds a version again from its manifest, in staging, and compares"
            " fingerprints. Nothing is published; the run fails, and says what differs, if they are not the same."
        ),
        **common(),
    }  # fmt: skip


def retain_dag(dataset: Dataset) -> dict[str, Any]:
    """Arguments of @dag for a dataset's retention, but for its schedule."""
    keep = dataset.retention.keep if dataset.retention else 0
    return {
        "dag_id": f"retain_{dataset.name}",
        "params": {
            "dry_run": Param(
                False, type="boolean", title="Dry run", description="Only tell what would be dropped, and why not."
            )
        },
        "tags": ["sluice", "versions"],
        "doc_md": (
            f"### Retain `{dataset.name}`\n\nKeeps the newest {keep} versions, and what is current, tagged, named"
            " by another version, built on or being read. All else goes, on record in `sluice.retirements`."
        ),
        **common(),
    }  # fmt: skip


def _export_doc(dataset: Dataset) -> str:
    return (
        f"### Export `{dataset.name}`\n\nWrites one version as files below the object storage:"
        f" `exports/{dataset.name}/v<N>/`. Every version is exported when it is published; this is for those"
        " before, and for one whose files were lost.\n\nA version that lies there whole is verified and left as it"
        " is."
    )
