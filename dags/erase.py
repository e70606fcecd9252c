"""One Airflow DAG for each source that declares a subject, run by hand alone: erase one of its subjects.

survey → rebuild the datasets that ask for it → erase → verify
"""

from airflow.sdk import DAG

from include.catalog import SOURCES
from include.orchestration import defaults, tasks
from include.specs import PostgresSource

for source in SOURCES:
    if isinstance(source, PostgresSource) and source.subject:
        with DAG(**defaults.erase_dag(source)):
            rebuilt = tasks.rebuild(tasks.survey(source.name))
            rebuilt >> tasks.erase(source.name) >> tasks.verify(source.name)
