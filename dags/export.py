"""One Airflow DAG for each dataset that declares an export, run by hand alone: write a version of it as files."""

from airflow.sdk import DAG

from include.catalog import DATASETS
from include.orchestration import tasks, version_defaults

for dataset in DATASETS:
    if dataset.export:
        with DAG(**version_defaults.export_dag(dataset)):
            tasks.export(dataset.name)
