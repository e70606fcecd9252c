"""Airflow DAGs for a dataset's versions: move its view, tag and rebuild one by hand; let old ones go unasked."""

from airflow.sdk import DAG

from include.catalog import DATASETS
from include.orchestration import assets, defaults, keeping

for dataset in DATASETS:
    asset = assets.dataset_asset(dataset.name)
    with DAG(**defaults.roll_back_dag(dataset)):
        keeping.roll_back.override(outlets=[asset])(dataset.name)
    with DAG(**defaults.tag_dag(dataset)):
        keeping.tag(dataset.name)
    with DAG(**defaults.rebuild_dag(dataset)):
        keeping.rebuild(dataset.name)
    if dataset.retention:
        with DAG(schedule=asset, **defaults.retain_dag(dataset)):
            keeping.retain(dataset.name)
