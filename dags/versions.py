"""Airflow DAGs for a dataset's versions: move its view, tag and rebuild one by hand; let old ones go unasked."""

from airflow.sdk import DAG

from include.catalog import DATASETS
from include.orchestration import assets, keeping, version_defaults

for dataset in DATASETS:
    asset = assets.dataset_asset(dataset.name)
    with DAG(**version_defaults.roll_back_dag(dataset)):
        keeping.roll_back.override(outlets=[asset])(dataset.name)
    with DAG(**version_defaults.tag_dag(dataset)):
        keeping.tag(dataset.name)
    with DAG(**version_defaults.rebuild_dag(dataset)):
        keeping.rebuild(dataset.name)
    if dataset.retention:
        with DAG(schedule=asset, **version_defaults.retain_dag(dataset)):
            keeping.retain(dataset.name)
