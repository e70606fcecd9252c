"""From a manifest to what the pages show of where each column came from: pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# How a column had a say in another without being part of it (`warehouse.column_lineage`).
INDIRECT = ("window", "filter")


@dataclass(frozen=True, slots=True)
class Traced:
    """A column with the source columns that it was made of, and those that decided what it was made of.

    Each is its name (`shop.payments.amount`) and how it was used.
    """

    name: str
    made_of: list[tuple[str, str]]
    decided_by: list[tuple[str, str]]


def traced(manifest: Mapping[str, Any]) -> list[Traced]:
    """The dataset's own columns in their order; none where the manifest knows of no lineage."""
    columns = (manifest.get("lineage") or {}).get("columns", {})
    found = []
    # The columns' own list has their order: in the database's JSON an object has none.
    for name in [column["name"] for column in manifest.get("columns", ()) if column["name"] in columns]:
        told = [(_named(source), source["by"]) for source in columns[name]]
        found.append(
            Traced(
                name=name,
                made_of=[(of, by) for of, by in told if by not in INDIRECT],
                decided_by=[(of, by) for of, by in told if by in INDIRECT],
            )
        )
    return found


def rows_decided_by(manifest: Mapping[str, Any]) -> list[str]:
    """The source columns whose values decided which rows there are: joins and conditions."""
    return [_named(source) for source in (manifest.get("lineage") or {}).get("rows", ())]


def _named(source: Mapping[str, str]) -> str:
    return f"{source['source']}.{source['table']}.{source['column']}"
