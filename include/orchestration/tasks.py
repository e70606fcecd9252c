"""The tasks of the DAGs: each opens the places it needs and calls one use case. References go through XCom."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include import catalog
from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.core.refs import Augmented, BatchRef, Candidate, Gated, VersionRef
from include.orchestration import lineage, places
from include.orchestration.asked import (
    batch_as_asked,
    dataset_as_asked,
    erasure_as_asked,
    loss_as_asked,
    snapshot_as_asked,
    source_as_asked,
    version_as_asked,
)
from include.orchestration.assets import dataset_asset, source_asset
from include.orchestration.errors import told_to_airflow
from include.orchestration.metrics import gauge_of
from include.orchestration.running import Json, as_json, attempt, params, run_id, run_time
from include.specs import Dataset, PostgresSource


@task
@told_to_airflow
def collect(name: str) -> list[Json]:
    """Read the source from its stored position and land what is new; skipped if nothing is."""
    from include.pipeline.collect import collect_postgres, collect_site, news

    source = source_as_asked(catalog.source(name), params())
    warehouse, at, key = places.warehouse_url(), run_time(), places.pseudonym_key(source)
    if isinstance(source, PostgresSource):
        url, anew = places.database_url(source.connection), snapshot_as_asked(params())
        landed = collect_postgres(source, url, warehouse, at=at, key=key, anew=anew, gauge=gauge_of(name))
    else:
        url, storage, loss = places.site_url(source.connection), places.storage(), loss_as_asked(params())
        landed = collect_site(source, url, warehouse, storage, at=at, key=key, accept_loss=loss)
    _announce(name, news(warehouse, name))
    return [as_json(batch) for batch in landed]


@task(trigger_rule="none_failed")
@told_to_airflow
def whole(name: str) -> None:
    """Fail if tables of a Postgres source are left out, after the others have been landed and announced."""
    from include.pipeline.collect import refuse_incomplete

    refuse_incomplete(places.warehouse_url(), catalog.source(name))


@task
@told_to_airflow
def reconcile(name: str) -> Json:
    """Land what is new of a Postgres source, and fail if then its landing is not proven equal to it."""
    from include.pipeline.reconcile import reconcile, refuse_unequal

    source = source_as_asked(_database(name), params())
    url, key = places.database_url(source.connection), places.pseudonym_key(source)
    proof = reconcile(source, url, places.warehouse_url(), at=run_time(), key=key)
    refuse_unequal(proof)
    return as_json(proof)


@task
@told_to_airflow
def decommission(name: str) -> list[str]:
    """Drop what a Postgres source keeps for us at its server, if the form confirms it by the source's name."""
    from include.pipeline.decommission import decommission

    source = _database(name)
    url, confirmation = places.database_url(source.connection), str(params()["confirmation"])
    return decommission(source, url, confirmation=confirmation)


@task
@told_to_airflow
def survey(name: str) -> list[str]:
    """Refuse what cannot be erased; else name the DAGs that must publish without the subject first."""
    from include.pipeline.erase import survey

    source, request = _erasure(name)
    found = survey(places.warehouse_url(), source, request, catalog.DATASETS)
    return [f"curate_{dataset}" for dataset in found]


def rebuild(dags: Any) -> Any:
    """Run each of these DAGs to its end, in its own turn: two curations of a dataset never meet."""
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    return TriggerDagRunOperator.partial(
        task_id="rebuild", wait_for_completion=True, poke_interval=5, fail_when_dag_is_paused=True
    ).expand(trigger_dag_id=dags)


@task(trigger_rule="none_failed")
@told_to_airflow
def erase(name: str) -> Json:
    """Remove the subject of the form from the warehouse, and retire the versions that hold it."""
    from include.pipeline.erase import erase

    (source, request), reports = _erasure(name), places.reports()
    found = erase(
        places.warehouse_url(), source, request, datasets=catalog.DATASETS, reports=reports, at=run_time(),
        outside=places.handed_out(source),
    )  # fmt: skip
    return as_json(found)


@task
@told_to_airflow
def verify(name: str) -> Json:
    """Check the proof: the erasure was about this key, and nothing holds the subject now."""
    from include.pipeline.prove import prove

    source, request = _erasure(name)
    outside = places.handed_out(source)
    return as_json(prove(places.warehouse_url(), source, request, catalog.DATASETS, outside=outside))


@task
@told_to_airflow
def build(name: str) -> Json:
    """Run the dataset's SQL over its sources as of the pinned batches."""
    from include.pipeline.build import build

    run, as_of = run_id(), batch_as_asked(params())
    return as_json(lineage.built(build(places.warehouse_url(), _seeded(name), run, as_of_batch=as_of)))


@task
@told_to_airflow
def validate(name: str, candidate: Json) -> Json:
    """Check the candidate, quarantine its bad rows, decide, and split what passed."""
    from include.pipeline.validate import validate

    found = Candidate.model_validate(candidate)
    with lineage.judging(name, found.run, "gate"):
        return as_json(
            validate(
                places.warehouse_url(), catalog.dataset(name), found, suites=places.SUITES,
                reports=places.reports(), at=run_time(), report_url=places.reports_url(), attempt=attempt(),
            )
        )  # fmt: skip


@task
@told_to_airflow
def balance(name: str, gated: Json) -> Json:
    """Balance the train split of a table, or pass it on if the dataset declares nothing."""
    from include.pipeline import augment

    dataset = _seeded(name)
    use_case = augment.balance if dataset.balance else augment.unchanged
    return as_json(use_case(places.warehouse_url(), dataset, Gated.model_validate(gated)))


@task
@told_to_airflow
def plan_images(name: str, gated: Json) -> list[Json]:
    """Say which images of the train split are to be multiplied, in shards."""
    from include.pipeline import augment

    return augment.plan_images(places.warehouse_url(), _seeded(name), Gated.model_validate(gated))


@task
@told_to_airflow
def augment_shard(name: str, gated: Json, shard: Json) -> Json:
    """Make one shard's images."""
    from include.pipeline import augment

    found = Gated.model_validate(gated)
    return augment.augment_shard(places.warehouse_url(), _seeded(name), found, shard, places.storage())


@task
@told_to_airflow
def gather(name: str, gated: Json, shards: list[Json]) -> Json:
    """Put the real rows and every shard's made rows into one table."""
    from include.pipeline import augment

    found = Gated.model_validate(gated)
    return as_json(augment.gather(places.warehouse_url(), _seeded(name), found, list(shards)))


@task
@told_to_airflow
def audit(name: str, augmented: Json) -> Json:
    """Check the output once more: made rows, their parents, the splits, the real rows."""
    from include.pipeline.audit import audit

    made = Augmented.model_validate(augmented)
    with lineage.judging(name, made.gated.candidate.run, "audit"):
        return as_json(
            audit(
                places.warehouse_url(), _seeded(name), made, suites=places.SUITES, reports=places.reports(),
                at=run_time(), storage=places.storage(), report_url=places.reports_url(), attempt=attempt(),
            )
        )  # fmt: skip


def approve(name: str, audited: Any) -> Any:
    """Wait for a person where gate or audit hold the run; only a dataset that declares it has this task."""
    from include.orchestration.approval import approval_task

    return approval_task(name, audited)


@task
@told_to_airflow
def publish(name: str, audited: Json) -> Json:
    """Make the version visible, in one transaction."""
    from include.pipeline.publish import publish

    made, code = Augmented.model_validate(audited), places.code_commit()
    version = publish(places.warehouse_url(), _seeded(name), made, at=run_time(), code=code)
    get_current_context()["outlet_events"][dataset_asset(name)].extra = as_json(version)
    return as_json(lineage.published(version))


@task
@told_to_airflow
def export(name: str, version: Json | None = None) -> Json:
    """Write the version that was published as files; without one, that of the run's form."""
    from include.pipeline.export import export

    number = VersionRef.model_validate(version).version if version else version_as_asked(params())
    written = export(places.warehouse_url(), catalog.dataset(name), number, places.storage(), at=run_time())
    return as_json(lineage.exported(written))


@task(trigger_rule="all_done")
@told_to_airflow
def sweep(name: str) -> list[str]:
    """Drop the run's staging tables, whatever became of the run."""
    from include.warehouse.staging import sweep

    return sweep(places.warehouse_url(), name)


def _announce(source: str, newest: BatchRef | None) -> None:
    """Emit the source's asset with its newest batch, or skip the task (and so the asset) if that is told already.

    What counts is the asset's last event and not what this try landed: a try that was killed between
    landing and announcing would otherwise leave its batch untold until the next change.
    """
    context, asset = get_current_context(), source_asset(source)
    told = [(event.extra or {}).get("batch") for event in context["inlet_events"][asset].ascending(False).limit(1)]
    if newest is None or told == [newest.batch]:
        raise AirflowSkipException(f"nothing new in {source}")
    context["outlet_events"][asset].extra = as_json(newest)


def _database(name: str) -> PostgresSource:
    source = catalog.source(name)
    if not isinstance(source, PostgresSource):
        raise FatalError(
            f"Source {name!r} is no Postgres database: there is nothing to prove, to drop or to erase of it."
        )
    return source


def _erasure(name: str) -> tuple[PostgresSource, ErasureRequest]:
    """The source, and the request of the run's form; its id is the run's, so that a retry is the same request."""
    return _database(name), erasure_as_asked(f"{name}/{run_id()}", params())


def _seeded(name: str) -> Dataset:
    """The dataset as declared, with the seed that the run's form asks for."""
    return dataset_as_asked(catalog.dataset(name), params())
