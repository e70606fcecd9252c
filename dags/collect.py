"""One Airflow DAG for each source of the catalog: read it from where the last run stopped, land what is new."""

from airflow.sdk import DAG

from include.catalog import SOURCES
from include.orchestration import assets, defaults, tasks
from include.specs import PostgresSource

for source in SOURCES:
    with DAG(**defaults.collect_dag(source)):
        asset = assets.source_asset(source.name)
        # Its own last event is read as well: what was announced before is not announced again.
        collected = tasks.collect.override(outlets=[asset], inlets=[asset])(source.name)
        if isinstance(source, PostgresSource):
            collected >> tasks.whole(source.name)
