"""One Airflow DAG for each Postgres source, run by hand alone: prove that what was landed equals the source."""

from airflow.sdk import DAG

from include.catalog import SOURCES
from include.orchestration import defaults, tasks
from include.specs import PostgresSource

for source in SOURCES:
    if isinstance(source, PostgresSource):
        with DAG(**defaults.reconcile_dag(source)):
            tasks.reconcile(source.name)
