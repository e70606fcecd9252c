"""One Airflow DAG for each dataset that declares labelling, run when a curation has told which rows have no label.

ask → answered → settle
"""

from airflow.sdk import DAG

from include.catalog import DATASETS
from include.orchestration import assets, label_defaults, labelling

for dataset in DATASETS:
    if dataset.labelling:
        name = dataset.name
        waiting, labels = assets.waiting_asset(name), assets.labels_asset(name)
        with DAG(schedule=waiting, **label_defaults.label_dag(dataset, dataset.labelling)):
            asked = labelling.ask(name)
            labelling.answered(name, asked) >> labelling.settle.override(outlets=[labels])(name, asked)
