"""The DAGs of the catalog: they parse, declare what every DAG must, stay light, and draw the line."""

import ast
import os
import runpy
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from include.catalog import DATASETS, SOURCES
from include.specs import PostgresSource

ROOT = Path(__file__).resolve().parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = {
    "pandas", "numpy", "sklearn", "imblearn", "cv2", "albumentations", "great_expectations", "scrapy", "pyarrow",
    "adbc_driver_postgresql",
}  # fmt: skip
DECLARATIONS = {"include.catalog", "include.orchestration", "include.web", "include.specs", "airflow"}


@pytest.fixture(scope="module")
def dags(airflow_home):
    """Every DAG by id, loaded as Airflow's own processor loads it."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


def test_every_source_and_every_dataset_has_its_dag(dags):
    expected = {f"collect_{s.name}" for s in SOURCES} | {f"curate_{d.name}" for d in DATASETS}
    expected |= {f"decommission_{s.name}" for s in SOURCES if isinstance(s, PostgresSource)}
    expected |= {f"reconcile_{s.name}" for s in SOURCES if isinstance(s, PostgresSource)}
    expected |= {f"erase_{s.name}" for s in SOURCES if isinstance(s, PostgresSource) and s.subject}
    expected |= {f"export_{d.name}" for d in DATASETS if d.export}
    expected |= {f"{what}_{d.name}" for d in DATASETS for what in ("roll_back", "tag", "rebuild")}
    expected |= {f"retain_{d.name}" for d in DATASETS if d.retention}
    expected |= {f"label_{d.name}" for d in DATASETS if d.labelling}
    assert set(dags) == expected


def test_a_decommission_runs_by_hand_alone_and_asks_for_a_confirmation(dags):
    dag = dags["decommission_shop"]
    assert not dag.timetable.can_be_scheduled and not dag.timetable.asset_condition
    assert dict(dag.params) == {"confirmation": ""}
    assert [task.task_id for task in dag.tasks] == ["decommission"]


def test_a_reconciliation_runs_by_hand_alone_and_asks_for_the_size_of_what_it_lands(dags):
    dag = dags["reconcile_shop"]
    assert not dag.timetable.can_be_scheduled and not dag.timetable.asset_condition
    assert dict(dag.params) == {"batch_changes": 100_000}
    assert [(task.task_id, task.outlets) for task in dag.tasks] == [("reconcile", [])]


def test_a_view_is_moved_and_a_version_tagged_by_hand_alone_and_who_reads_the_dataset_is_told_of_a_move(dags):
    move, tag, rebuild = (dags[f"{what}_payment_fraud"] for what in ("roll_back", "tag", "rebuild"))
    assert dict(rebuild.params) == {"version": None}
    for dag in (move, tag, rebuild):
        assert not dag.timetable.can_be_scheduled and not dag.timetable.asset_condition
    assert dict(move.params) == {"version": None, "pin": False, "why": ""}
    assert dict(tag.params) == {"tag": "", "version": None, "why": ""}
    assert [asset.name for asset in move.get_task("roll_back").outlets] == ["dataset_payment_fraud"]


def test_a_retention_follows_each_publication_of_its_dataset(airflow_home, monkeypatch):
    from airflow.sdk import DAG

    from include import catalog
    from include.specs import Retention

    kept = catalog.DATASETS[0].model_copy(update={"retention": Retention(keep=3)})
    monkeypatch.setattr(catalog, "DATASETS", (kept,))
    made = runpy.run_path(str(ROOT / "dags" / "versions.py"))
    assert isinstance(made["DAG"], type(DAG)) and made["dataset"] == kept
    from include.orchestration import assets, keeping, version_defaults

    with DAG(schedule=assets.dataset_asset(kept.name), **version_defaults.retain_dag(kept)) as dag:
        keeping.retain(kept.name)
    assert dict(dag.params) == {"dry_run": False} and "newest 3 versions" in dag.doc_md
    assert [task.task_id for task in dag.tasks] == ["retain"]


def test_an_erasure_runs_by_hand_alone_rebuilds_what_asks_for_it_and_ends_with_its_proof(dags):
    dag = dags["erase_shop"]
    assert not dag.timetable.can_be_scheduled and not dag.timetable.asset_condition
    assert dict(dag.params) == {"secret_key": "", "secret_confirmation": "", "secret_receipt": ""}
    line = ["survey", "rebuild", "erase", "verify"]
    assert [task.task_id for task in dag.topological_sort()] == line
    for before, after in pairwise(line):
        assert dag.get_task(before).downstream_task_ids == {after}
    rebuild, erase = dag.get_task("rebuild"), dag.get_task("erase")
    assert rebuild.is_mapped and rebuild.partial_kwargs["wait_for_completion"]
    # Without a dataset to rebuild that task is skipped; where one fails nothing is erased.
    assert erase.trigger_rule == "none_failed"


def test_what_is_typed_into_an_erasure_s_form_is_masked_where_airflow_logs_its_requests(dags):
    from airflow._shared.secrets_masker import redact

    typed = dict.fromkeys(dags["erase_shop"].params, "42")
    assert redact(typed, "conf") == dict.fromkeys(typed, "***")


def test_a_form_has_the_fields_that_its_tasks_take_and_no_others(dags):
    from include.orchestration.asked import bound

    for source in SOURCES:
        more = "snapshot" if isinstance(source, PostgresSource) else "accept_loss"
        assert set(dags[f"collect_{source.name}"].params) == {bound(source), more}
    for dataset in DATASETS:
        assert set(dags[f"curate_{dataset.name}"].params) == {"seed", "as_of_batch"}


def test_every_dag_has_owner_tags_docs_form_retries_time_outs_and_one_active_run(dags):
    for dag in dags.values():
        assert "sluice" in dag.tags
        assert dag.doc_md
        assert len(dag.params) > 0
        assert dag.max_active_runs == 1
        assert dag.dagrun_timeout
        for task in dag.tasks:
            assert task.owner == "sluice" and task.retry_exponential_backoff, task
            assert task.retries >= 1 and task.execution_timeout, task


@pytest.mark.parametrize("name", [dataset.name for dataset in DATASETS])
def test_a_curation_draws_the_line(dags, name):
    dag = dags[f"curate_{name}"]
    line = ["build", "validate", "audit", "publish", "sweep"]
    for before, after in pairwise(line):
        assert after in {t.task_id for t in dag.get_task(before).get_flat_relatives(upstream=False)}
    assert dag.get_task("sweep").is_teardown
    assert [asset.name for asset in dag.get_task("publish").outlets] == [f"dataset_{name}"]


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_a_dataset_that_declares_an_export_is_exported_after_it_is_published(dags, dataset):
    published = dags[f"curate_{dataset.name}"].get_task("publish")
    assert ("export" in published.downstream_task_ids) == (dataset.export is not None)


def test_an_older_version_is_exported_by_hand_alone(dags):
    dag = dags["export_payment_fraud"]
    assert not dag.timetable.can_be_scheduled and not dag.timetable.asset_condition
    assert dict(dag.params) == {"version": None}
    assert [task.task_id for task in dag.tasks] == ["export"]


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_only_a_dataset_that_declares_it_waits_for_a_person_between_audit_and_publish(dags, dataset):
    dag = dags[f"curate_{dataset.name}"]
    if dataset.gate.on_warning == "publish":
        assert "approve" not in dag.task_ids
        return
    approve, publish = dag.get_task("approve"), dag.get_task("publish")
    within = timedelta(hours=dataset.gate.approve_within)
    assert (approve.upstream_task_ids, approve.downstream_task_ids) == ({"audit"}, {"publish"})
    assert (approve.response_timeout, approve.trigger_rule, publish.trigger_rule) == (
        within, "all_success", "all_success",
    )  # fmt: skip
    # Airflow would answer a defaulted question itself when the time is up.
    assert approve.defaults is None
    # The run's own time does not end while a person may still answer.
    assert dag.dagrun_timeout == within + timedelta(hours=6)


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda p: p.stem)
def test_a_dag_file_is_short_and_only_declares(path):
    text = path.read_text()
    assert len(text.splitlines()) < 60
    assert "dag" in text and "airflow" in text, "Airflow skips files without these words"
    imported = {n.module for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)}
    assert {m for m in imported if not any(m == d or m.startswith(f"{d}.") for d in DECLARATIONS)} == set()


def test_no_dag_file_imports_anything_heavy(tmp_path):
    # Airflow itself may bring a heavy library in; only what the files add counts.
    code = (
        "import sys, runpy\nfrom airflow.sdk import DAG, Asset, Param, task\n"
        "for path in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    runpy.run_path(path)\n"
        "    print(path, *sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, DAG_FILES)],
        capture_output=True, text=True, timeout=120, env=environment, check=True,
    )  # fmt: skip
    added = {Path(path).stem: HEAVY & set(modules) for path, *modules in map(str.split, done.stdout.splitlines())}
    assert added == {path.stem: set() for path in DAG_FILES}


def test_a_dataset_that_declares_labelling_has_its_stage_between_gate_and_split_and_a_dag_of_its_own(
    airflow_home, monkeypatch
):
    from include import catalog
    from tests.pipeline.reviews import REVIEWS

    bounds = {"budget": 900, "validation": 100, "target": 0.9, "patience": 3}
    reviews = REVIEWS.model_copy(update={"labelling": REVIEWS.labelling.model_copy(update=bounds)})
    monkeypatch.setattr(catalog, "DATASETS", (reviews,))
    curate = runpy.run_path(str(ROOT / "dags" / "curate.py"))["version"].operator.dag
    line = ["build", "validate", "set_aside", "labelled", "balance", "audit", "publish", "sweep"]
    assert [task.task_id for task in curate.topological_sort()] == line
    assert [asset.name for asset in curate.get_task("set_aside").outlets] == ["waiting_reviews"]
    starts = {asset.name for asset in curate.timetable.asset_condition.objects}
    assert starts == {"source_shop", "source_labels_reviews"}
    label = runpy.run_path(str(ROOT / "dags" / "label.py"))["asked"].operator.dag
    assert [task.task_id for task in label.topological_sort()] == ["ask", "answered", "settle"]
    assert label.timetable.asset_condition.name == "waiting_reviews"
    assert [asset.name for asset in label.get_task("settle").outlets] == ["source_labels_reviews"]
    assert REVIEWS.labelling.question in label.doc_md
    assert (
        "until 900 rows were asked about or a model is right in 0.9 of 100 validation rows or 3 rounds brought it"
        " no 0.002 more or no row waits" in label.doc_md
    )
