"""What builds, judgements, publications and exports say to collectors of lineage, in the words of OpenLineage.

Plain values only: `{"name": …, "facets": {…}}` (and a `namespace`, where it is not the warehouse's), each facet
with the fields that its schema asks for. A table is named `<database>.<schema>.<table>` within the namespace of
its server (openlineage.io/docs/spec/naming). In staging a dataset has one name for all runs, and the run as its
version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from include.core.refs import Candidate, Exported, Outcome, VersionRef
from include.warehouse.validations import Validation

Described = dict[str, Any]

# How a column came from another (`warehouse.column_lineage.KINDS`), as type and subtype of a transformation.
TRANSFORMATIONS = {
    "identity": ("DIRECT", "IDENTITY"),
    "transformation": ("DIRECT", "TRANSFORMATION"),
    "aggregation": ("DIRECT", "AGGREGATION"),
    "window": ("INDIRECT", "WINDOW"),
    "filter": ("INDIRECT", "FILTER"),
}
SEVERITIES = {"critical": "error", "warning": "warn", "info": "info"}


class Where(NamedTuple):
    """The warehouse's server, as a namespace, and its database."""

    namespace: str
    database: str

    def name(self, schema: str, table: str) -> str:
        return f"{self.database}.{schema}.{table}"


@dataclass(frozen=True, slots=True)
class Event:
    """What one task read and wrote."""

    inputs: list[Described]
    outputs: list[Described]


def built(where: Where, candidate: Candidate) -> Event:
    """The sources' tables, as of their batches, became the dataset in staging."""
    facets = {
        "schema": {"fields": [{"name": name} for name in candidate.lineage.get("columns", {})]},
        "version": {"datasetVersion": candidate.run},
        **_column_lineage(where, candidate.lineage, {}),
        "outputStatistics": {"rowCount": candidate.rows},
    }
    return Event(_tables(where, candidate.lineage, candidate.batches), [_staged(where, candidate.dataset, facets)])


def judged(where: Where, validation: Validation) -> Event:
    """The dataset in staging was held against its suite, or was audited; a rejection too is told."""
    facets = {
        "version": {"datasetVersion": validation.run},
        "dataQualityAssertions": {"assertions": list(map(_assertion, validation.outcomes))},
    }
    return Event([_staged(where, validation.dataset, facets)], [])


def published(where: Where, manifest: Mapping[str, Any], version: VersionRef) -> Event:
    """The dataset in staging, and so the sources' tables, became a version; the view, where it shows it, too."""
    batches = {source["source"]: source["batch"] for source in manifest["sources"]}
    facets = {
        "schema": {"fields": [{"name": c["name"], "type": c["type"]} for c in manifest["columns"]]},
        "version": {"datasetVersion": str(version.version)},
        **_column_lineage(where, manifest["lineage"], manifest["declaration"]),
    }
    rows = {"outputStatistics": {"rowCount": manifest["rows"]}}
    table, view = {"datasetType": {"datasetType": "TABLE"}}, {"datasetType": {"datasetType": "VIEW"}}
    outputs = [_described(where.name("datasets", version.table), facets | rows | table)]
    if version.current:
        outputs.append(_described(where.name("datasets", version.dataset), facets | view))
    staged = _staged(where, version.dataset, {"version": {"datasetVersion": manifest["run"]}})
    return Event([staged, *_tables(where, manifest["lineage"], batches)], outputs)


def exported(where: Where, export: Exported) -> Event:
    """A version became files."""
    place = urlsplit(export.place)
    files = _described(
        place.path if place.scheme == "file" else place.path.lstrip("/"),
        {
            "version": {"datasetVersion": str(export.version)},
            "datasetType": {"datasetType": "FILE"},
            "outputStatistics": {"rowCount": export.rows, "size": export.bytes, "fileCount": export.files},
        },
    )
    namespace = "file" if place.scheme == "file" else f"{place.scheme}://{place.netloc}"
    version = where.name("datasets", f"{export.dataset}_v{export.version}")
    read = _described(version, {"version": {"datasetVersion": str(export.version)}})
    return Event([read], [files | {"namespace": namespace}])


def _staged(where: Where, dataset: str, facets: Described) -> Described:
    return _described(where.name("staging", dataset), facets)


def _described(name: str, facets: Described) -> Described:
    return {"name": name, "facets": facets}


def _tables(where: Where, lineage: Mapping[str, Any], batches: Mapping[str, int]) -> list[Described]:
    """The landing tables that were read; their version is the batch."""
    return [
        _described(
            where.name("landing", table["landing"]),
            {"version": {"datasetVersion": str(batches[table["source"]])}},
        )
        for table in lineage.get("tables", ())
    ]


def _column_lineage(where: Where, lineage: Mapping[str, Any], declaration: Mapping[str, Any]) -> Described:
    """The facet, if the lineage is known; a version's `_id` is of its key, its `_split` of its group."""
    if not lineage:
        return {}
    names = {(t["source"], t["table"]): where.name("landing", t["landing"]) for t in lineage["tables"]}
    columns = dict(lineage["columns"])
    for made, role in (("_id", "key"), ("_split", "group")):
        if of := declaration.get(role) or declaration.get("key"):
            columns[made] = [{**source, "by": "transformation"} for source in columns.get(of, ())]

    def inputs(sources: Iterable[Mapping[str, str]]) -> list[Described]:
        return [
            {
                "namespace": where.namespace,
                "name": names[source["source"], source["table"]],
                "field": source["column"],
                "transformations": [dict(zip(("type", "subtype"), TRANSFORMATIONS[source["by"]], strict=True))],
            }
            for source in sources
        ]

    fields = {name: {"inputFields": inputs(sources)} for name, sources in columns.items() if sources}
    return {"columnLineage": {"fields": fields, "dataset": inputs(lineage["rows"])}}


def _assertion(outcome: Outcome) -> Described:
    actual = outcome.exception or outcome.observed
    if actual is None and outcome.unexpected is not None:
        actual = f"{outcome.unexpected} unexpected rows"
    return {
        "assertion": outcome.type,
        "success": outcome.success and outcome.exception is None,
        "column": outcome.column,
        "severity": SEVERITIES.get(outcome.severity, outcome.severity),
        "name": outcome.rule,
        "actual": actual,
    }
