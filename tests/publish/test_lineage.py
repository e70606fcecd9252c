"""What collectors of lineage are told: tables, versions, columns, assertions, in OpenLineage's own words."""

from datetime import UTC, datetime

import pytest

from include.core.refs import Candidate, Exported, GateDecision, Outcome, VersionRef
from include.publish.lineage import Where, built, exported, judged, published
from include.warehouse.validations import Validation

HERE = Where("postgres://db:5432", "warehouse")


def source(column, by):
    return {"source": "shop", "table": "payments", "column": column, "by": by}


LINEAGE = {
    "columns": {
        "id": [source("id", "identity")],
        "mean": [source("amount", "aggregation"), source("at", "window")],
    },
    "rows": [source("state", "filter")],
    "tables": [{"source": "shop", "table": "payments", "landing": "shop_payments"}],
}
CANDIDATE = Candidate(
    dataset="fraud", run="run_1", table="fraud__run_1", batches={"shop": 3}, rows=7, sql_hash="s", lineage=LINEAGE
)
MANIFEST = {
    "run": "run_1", "sources": [{"source": "shop", "batch": 3}], "rows": 9, "lineage": LINEAGE,
    "columns": [{"name": "id", "type": "integer"}, {"name": "mean", "type": "numeric"}],
    "declaration": {"key": "id", "group": None},
}  # fmt: skip
VERSION = VersionRef(dataset="fraud", version=2, table="fraud_v2", fingerprint="f", rows=9, new=True, current=True)
LANDING = {"name": "warehouse.landing.shop_payments", "facets": {"version": {"datasetVersion": "3"}}}


def field(column, kind, subtype):
    return {
        "namespace": "postgres://db:5432", "name": "warehouse.landing.shop_payments", "field": column,
        "transformations": [{"type": kind, "subtype": subtype}],
    }  # fmt: skip


COLUMNS = {
    "id": {"inputFields": [field("id", "DIRECT", "IDENTITY")]},
    "mean": {"inputFields": [field("amount", "DIRECT", "AGGREGATION"), field("at", "INDIRECT", "WINDOW")]},
}
ROWS = [field("state", "INDIRECT", "FILTER")]


def test_a_build_leads_from_the_landing_tables_to_the_dataset_in_staging():
    event = built(HERE, CANDIDATE)
    assert event.inputs == [LANDING]
    assert event.outputs == [
        {
            "name": "warehouse.staging.fraud",
            "facets": {
                "schema": {"fields": [{"name": "id"}, {"name": "mean"}]},
                "version": {"datasetVersion": "run_1"},
                "columnLineage": {"fields": COLUMNS, "dataset": ROWS},
                "outputStatistics": {"rowCount": 7},
            },
        }
    ]


def test_a_publication_leads_to_the_version_and_to_the_view_that_shows_it():
    event = published(HERE, MANIFEST, VERSION)
    assert event.inputs == [
        {"name": "warehouse.staging.fraud", "facets": {"version": {"datasetVersion": "run_1"}}}, LANDING,
    ]  # fmt: skip
    of_key = {"inputFields": [field("id", "DIRECT", "TRANSFORMATION")]}
    shared = {
        "schema": {"fields": [{"name": "id", "type": "integer"}, {"name": "mean", "type": "numeric"}]},
        "version": {"datasetVersion": "2"},
        "columnLineage": {"fields": COLUMNS | {"_id": of_key, "_split": of_key}, "dataset": ROWS},
    }
    table = {"outputStatistics": {"rowCount": 9}, "datasetType": {"datasetType": "TABLE"}}
    assert event.outputs == [
        {"name": "warehouse.datasets.fraud_v2", "facets": shared | table},
        {"name": "warehouse.datasets.fraud", "facets": shared | {"datasetType": {"datasetType": "VIEW"}}},
    ]


def test_a_view_that_stays_at_a_newer_version_is_no_output():
    event = published(HERE, MANIFEST, VERSION.model_copy(update={"current": False}))
    assert [output["name"] for output in event.outputs] == ["warehouse.datasets.fraud_v2"]


@pytest.mark.parametrize(
    ("place", "namespace", "name"),
    [
        ("file:///srv/exports/fraud/v2", "file", "/srv/exports/fraud/v2"),
        ("s3://bucket/sluice/exports/fraud/v2", "s3://bucket", "sluice/exports/fraud/v2"),
    ],
)
def test_an_export_leads_from_the_version_to_its_files(place, namespace, name):
    event = exported(HERE, Exported(dataset="fraud", version=2, place=place, files=5, rows=9, bytes=700, new=True))
    assert [read["name"] for read in event.inputs] == ["warehouse.datasets.fraud_v2"]
    assert event.outputs == [
        {
            "name": name,
            "namespace": namespace,
            "facets": {
                "version": {"datasetVersion": "2"},
                "datasetType": {"datasetType": "FILE"},
                "outputStatistics": {"rowCount": 9, "size": 700, "fileCount": 5},
            },
        }
    ]


def test_a_dataset_of_unknown_lineage_is_told_without_it():
    event = built(HERE, CANDIDATE.model_copy(update={"lineage": {}}))
    assert (event.inputs, "columnLineage" in event.outputs[0]["facets"]) == ([], False)


def test_a_judgement_tells_every_expectation_and_how_it_came_out():
    outcomes = (
        Outcome(rule="enough_rows", type="count", column=None, severity="critical", row_level=False, success=True,
                observed="979"),
        Outcome(rule="device_known", type="in_set", column="device", severity="warning", row_level=True,
                success=False, unexpected=3),
        Outcome(rule="broken", type="x", column=None, severity="info", row_level=False, success=True,
                exception="no such column"),
    )  # fmt: skip
    judgement = Validation(
        run="run_1", dataset="fraud", stage="gate", decision=GateDecision(decision="reject"), rows=9, passed=0,
        quarantined=0, reasons={}, outcomes=outcomes, batches={"shop": 3}, suite_hash="s", report="r",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    ((told,), outputs) = (judged(HERE, judgement).inputs, judged(HERE, judgement).outputs)
    assert (told["name"], outputs) == ("warehouse.staging.fraud", [])
    assert told["facets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "count", "success": True, "column": None, "severity": "error", "name": "enough_rows",
         "actual": "979"},
        {"assertion": "in_set", "success": False, "column": "device", "severity": "warn", "name": "device_known",
         "actual": "3 unexpected rows"},
        {"assertion": "x", "success": False, "column": None, "severity": "info", "name": "broken",
         "actual": "no such column"},
    ]  # fmt: skip
