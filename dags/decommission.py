"""One Airflow DAG for each Postgres source, run by hand alone: drop what the source keeps for us at its server."""

from airflow.sdk import DAG

from include.catalog import SOURCES
from include.orchestration import defaults, tasks
from include.specs import PostgresSource

for source in SOURCES:
    if isinstance(source, PostgresSource):
        with DAG(**defaults.decommission_dag(source)):
            tasks.decommission(source.name)
