"""Lineage through Airflow's own provider and the OpenLineage client, whose transport writes to a file."""

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import attr
import pytest
from psycopg2.extras import Json

from include.core.errors import GateRejected
from include.core.refs import Candidate, Exported, GateDecision, Outcome, VersionRef
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation, record

AT = datetime(2026, 5, 1, tzinfo=UTC)
LINEAGE = {
    "columns": {"id": [{"source": "shop", "table": "payments", "column": "id", "by": "identity"}]},
    "rows": [{"source": "shop", "table": "payments", "column": "state", "by": "filter"}],
    "tables": [{"source": "shop", "table": "payments", "landing": "shop_payments"}],
}
CANDIDATE = Candidate(
    dataset="fraud", run="run_1", table="x", batches={"shop": 3}, rows=7, sql_hash="s", lineage=LINEAGE
)
MANIFEST = {
    "run": "run_1", "sources": [{"source": "shop", "batch": 3}], "rows": 9, "lineage": LINEAGE,
    "columns": [{"name": "id", "type": "integer"}], "declaration": {"key": "id"},
}  # fmt: skip
VERSION = VersionRef(dataset="fraud", version=1, table="fraud_v1", fingerprint="f", rows=9, new=True, current=True)
FAILED = Validation(
    run="run_1", dataset="fraud", stage="gate", decision=GateDecision(decision="reject"), rows=9, passed=0,
    quarantined=0, reasons={}, batches={"shop": 3}, suite_hash="s", report="r", at=AT,
    outcomes=(
        Outcome(rule="known", type="in_set", column="device", severity="critical", row_level=True, success=False,
                unexpected=3),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory, airflow_home):
    """The file that all events of this process go to: the provider makes one client, at the first event."""
    file = tmp_path_factory.mktemp("lineage") / "events.json"
    with pytest.MonkeyPatch.context() as patch:
        transport = {"type": "file", "log_file_path": str(file), "append": True}
        patch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
        yield file


@pytest.fixture
def events(told):
    """Reads the events since the last time."""
    told.write_text("")
    return lambda: [json.loads(line) for line in told.read_text().splitlines()]


@pytest.fixture
def running(airflow_home):
    """A task that runs, as the worker would have it."""
    from airflow.sdk import DAG, task
    from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
    from airflow.sdk.execution_time.context import set_current_context
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    with DAG("curate_fraud", schedule=None) as dag:
        task(task_id="build")(lambda: None)()
    run = DagRun(
        dag_id="curate_fraud", run_id="run_1", logical_date=None, data_interval_start=None, data_interval_end=None,
        run_after=AT, start_date=AT, end_date=None, run_type="manual", state="running", partition_key=None,
        consumed_asset_events=[],
    )  # fmt: skip
    instance = RuntimeTaskInstance.model_construct(
        id=uuid4(), task=dag.get_task("build"), task_id="build", dag_id="curate_fraud", run_id="run_1",
        try_number=1, map_index=-1, max_tries=3, start_date=AT, state="running", hostname="here",
        dag_version_id=uuid4(), queue="default", is_mapped=False, rendered_map_index=None, sentry_integration="",
        bundle_instance=SimpleNamespace(name="dags", version=None), log_url=None,
        _ti_context_from_server=TIRunContext(dag_run=run, max_tries=3, should_retry=False),
    )  # fmt: skip
    with set_current_context(instance.get_template_context()):
        yield


@pytest.fixture
def warehouse(warehouse_url, monkeypatch):
    """The warehouse as Airflow knows it, with a version and a judgement."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE staging.made (id int)")
        cursor.execute("SELECT sluice.publish('fraud', 'made', 'f', %s, %s)", (Json(MANIFEST), AT))
        record(connection, FAILED)
    return warehouse_url.rpartition("/")[2]


def known_to_the_client(facets):
    """Each facet, made again by the client's class of it: a field that its schema lacks would be refused."""
    classes = {
        cls._get_schema(): cls
        for name, module in sys.modules.items()
        if name.startswith("openlineage.client.generated.")
        for cls in vars(module).values()
        if isinstance(cls, type) and hasattr(cls, "_get_schema")
    }
    for facet in facets.values():
        cls = classes[facet["_schemaURL"]]
        fields = {name: value for name, value in facet.items() if not name.startswith("_")}
        assert fields.keys() <= {f.name for f in attr.fields(cls)}
        cls(**fields)
    return set(facets)


def test_a_build_is_told_as_the_running_task_s(told, events, running, warehouse):
    from include.orchestration import lineage

    lineage.built(CANDIDATE)
    (event,) = events()
    assert (event["eventType"], event["job"]["name"]) == ("RUNNING", "curate_fraud.build")
    ((source,), (staged,)) = event["inputs"], event["outputs"]
    assert source["name"] == f"{warehouse}.landing.shop_payments"
    assert source["namespace"].startswith("postgres://127.0.0.1:")
    assert source["facets"]["version"]["datasetVersion"] == "3"
    assert staged["name"] == f"{warehouse}.staging.fraud"
    assert known_to_the_client(staged["facets"]) == {"schema", "version", "columnLineage"}
    assert known_to_the_client(staged["outputFacets"]) == {"outputStatistics"}
    (field,) = staged["facets"]["columnLineage"]["fields"]["id"]["inputFields"]
    assert (field["name"], field["field"]) == (source["name"], "id")
    assert field["transformations"] == [{"type": "DIRECT", "subtype": "IDENTITY"}]


def test_a_publication_tells_the_version_and_its_view(told, events, running, warehouse):
    from include.orchestration import lineage

    lineage.published(VERSION)
    (event,) = events()
    assert [output["name"] for output in event["outputs"]] == [
        f"{warehouse}.datasets.fraud_v1", f"{warehouse}.datasets.fraud",
    ]  # fmt: skip
    table = event["outputs"][0]
    assert known_to_the_client(table["facets"]) == {"schema", "version", "columnLineage", "datasetType"}
    assert table["facets"]["version"]["datasetVersion"] == "1"
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 9


def test_an_export_tells_its_files(told, events, running, warehouse):
    from include.orchestration import lineage

    lineage.exported(
        Exported(dataset="fraud", version=1, place="s3://b/exports/fraud/v1", files=5, rows=9, bytes=700, new=True)
    )
    (event,) = events()
    ((table,), (files,)) = event["inputs"], event["outputs"]
    assert table["name"] == f"{warehouse}.datasets.fraud_v1"
    assert (files["namespace"], files["name"]) == ("s3://b", "exports/fraud/v1")
    assert known_to_the_client(files["outputFacets"]) == {"outputStatistics"}


def test_a_rejection_is_told_and_stays_one(told, events, running, warehouse):
    from include.orchestration import lineage

    with pytest.raises(GateRejected), lineage.judging("fraud", "run_1", "gate"):
        raise GateRejected("3 rows are bad.")
    (event,) = events()
    ((staged,), outputs) = event["inputs"], event["outputs"]
    assert (staged["name"], outputs) == (f"{warehouse}.staging.fraud", [])
    assert known_to_the_client(staged["inputFacets"]) == {"dataQualityAssertions"}
    (assertion,) = staged["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["name"], assertion["success"], assertion["actual"]) == ("known", False, "3 unexpected rows")


def test_a_judgement_that_cannot_be_read_does_not_hide_what_the_task_fails_of(told, events, running, monkeypatch):
    from include.orchestration import lineage

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://u:p@127.0.0.1:1/warehouse")
    with pytest.raises(GateRejected), lineage.judging("fraud", "run_1", "gate"):
        raise GateRejected("3 rows are bad.")
    assert events() == []


def test_without_a_transport_nothing_is_read_and_nothing_said(monkeypatch, airflow_home):
    from include.orchestration import lineage

    monkeypatch.delenv("AIRFLOW__OPENLINEAGE__TRANSPORT", raising=False)
    assert not lineage.wanted()
    # There is no warehouse to read.
    lineage.built(CANDIDATE)
    lineage.published(VERSION)
    lineage.exported(Exported(dataset="fraud", version=1, place="s3://b/v1", files=5, rows=9, bytes=7, new=True))
    with lineage.judging("fraud", "run_1", "gate"):
        pass
