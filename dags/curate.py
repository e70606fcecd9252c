"""One Airflow DAG for each dataset of the catalog, run when any of its sources has something new.

build → validate and gate → (labelled) → balance or augment → audit → (approve) → publish → export
"""

from airflow.sdk import DAG

from include.catalog import DATASETS
from include.orchestration import assets, defaults, labelling, tasks

for dataset in DATASETS:
    name = dataset.name
    with DAG(schedule=assets.any_source_of(dataset), **defaults.curate_dag(dataset)):
        candidate = tasks.build(name)
        gated = tasks.validate(name, candidate)
        if dataset.labelling:
            waiting = assets.waiting_asset(name)
            gated = labelling.labelled(name, labelling.set_aside.override(outlets=[waiting])(name, gated))
        if dataset.augment:
            shards = tasks.plan_images(name, gated)
            pieces = tasks.augment_shard.partial(name=name, gated=gated).expand(shard=shards)
            made = tasks.gather(name, gated, pieces)
        else:
            made = tasks.balance(name, gated)
        audited = tasks.audit(name, made)
        version = tasks.publish.override(outlets=[assets.dataset_asset(name)])(name, audited)
        if dataset.gate.on_warning == "approve":
            tasks.approve(name, audited) >> version
        version >> tasks.sweep(name).as_teardown()
        if dataset.export:
            tasks.export(name, version)
