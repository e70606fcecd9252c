"""One Airflow DAG for each dataset that declares an export, run by hand alone: write a version of it as files."""

from airflow.sdk import DAG

from include.catalog import DATASETS
from include.orchestration import defaults, tasks

for dataset in DATASETS:
    if dataset.export:
        with DAG(**defaults.export_dag(dataset)):
            tasks.export(dataset.name)
