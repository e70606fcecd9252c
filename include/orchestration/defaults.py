"""What every DAG and task has unless it says otherwise: owner, tags, retries, time-outs, forms."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from include.orchestration.asked import bound
from include.specs import Dataset, PostgresSource, Source

TASK_DEFAULTS: dict[str, Any] = {
    "owner": "sluice",
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
}


def collect_dag(source: Source) -> dict[str, Any]:
    """Arguments of @dag for a source."""
    return {
        "dag_id": f"collect_{source.name}",
        "schedule": source.schedule,
        "params": _collect_params(source),
        "tags": ["sluice", "collect", source.kind],
        "doc_md": _collect_doc(source),
        **common(),
    }


def reconcile_dag(source: PostgresSource) -> dict[str, Any]:
    """Arguments of @dag for the proof of a source's landing: it runs by hand alone."""
    return {
        "dag_id": f"reconcile_{source.name}",
        "schedule": None,
        "params": {bound(source): _collect_params(source)[bound(source)]},
        "tags": ["sluice", "reconcile", source.kind],
        "doc_md": _reconcile_doc(source),
        **common(),
    }


def decommission_dag(source: PostgresSource) -> dict[str, Any]:
    """Arguments of @dag for leaving a source: it runs by hand alone, and only with the source's name typed in."""
    return {
        "dag_id": f"decommission_{source.name}",
        "schedule": None,
        "params": {
            "confirmation": Param(
                "", type="string", title="Confirmation",
                description=f"There is no way back. Type {source.name} to drop its slot and its publication.",
            )
        },
        "tags": ["sluice", "decommission", source.kind],
        "doc_md": _decommission_doc(source),
        **common(),
    }  # fmt: skip


def erase_dag(source: PostgresSource) -> dict[str, Any]:
    """Arguments of @dag for erasing a subject of a source: it runs by hand alone, with the key typed in twice."""
    return {
        "dag_id": f"erase_{source.name}",
        "schedule": None,
        "params": {
            "secret_key": Param(
                "", type="string", title="Key",
                description="Whom to erase, by the key that the source knows the subject by.",
            ),
            "secret_confirmation": Param(
                "", type="string", title="Confirmation", description="There is no way back. Type the key again.",
            ),
            "secret_receipt": Param(
                "", type="string", title="Receipt",
                description="32 characters or more that nobody can guess, such as `openssl rand -hex 32` prints. "
                "Keep it: with it and the key the erasure can be checked later, without it nobody can.",
            ),
        },
        "tags": ["sluice", "erase", source.kind],
        "doc_md": _erase_doc(source),
        **common(),
    }  # fmt: skip


def curate_dag(dataset: Dataset) -> dict[str, Any]:
    """Arguments of @dag for a dataset, but for its schedule."""
    return {
        "dag_id": f"curate_{dataset.name}",
        "params": {
            "seed": Param(
                dataset.seed, type="integer", minimum=0, title="Seed",
                description="Draws the made rows: another seed, another version. The splits stay as they are.",
            ),
            "as_of_batch": Param(
                None, type=["null", "integer"], minimum=1, title="As of batch",
                description="Read the sources as they stood at this batch (sluice.batches). Empty: the newest. "
                "The version of an older batch is published, and the view stays at the newest.",
            ),
        },
        "tags": ["sluice", "curate"],
        "doc_md": _curate_doc(dataset),
        **common(waiting=timedelta(hours=dataset.gate.approve_within) if _asks(dataset) else timedelta()),
    }  # fmt: skip


def _asks(dataset: Dataset) -> bool:
    return dataset.gate.on_warning == "approve"


def common(waiting: timedelta = timedelta()) -> dict[str, Any]:
    """What all DAGs share; `waiting` is how long a run may wait for a person, besides its own time."""
    return {
        "catchup": False,
        "max_active_runs": 1,
        "default_args": TASK_DEFAULTS,
        "dagrun_timeout": timedelta(hours=6) + waiting,
    }


def _collect_params(source: Source) -> dict[str, Param]:
    if isinstance(source, PostgresSource):
        return {
            "batch_changes": Param(
                source.batch_changes, type="integer", minimum=1, title="Changes a batch",
                description="A batch ends at the first commit after so many changes.",
            ),
            "snapshot": Param(
                False, type="boolean", title="New snapshot",
                description="Take all tables anew, and make a new replication slot: where the slot is gone or the "
                "database was restored. The history goes on; rows that vanished meanwhile are closed.",
            ),
        }  # fmt: skip
    return {
        "max_pages": Param(
            source.max_pages, type="integer", minimum=1, title="Pages at most",
            description="A site with more pages and files than this is refused rather than cut off.",
        ),
        "accept_loss": Param(
            False, type="boolean", title="Accept what was lost",
            description="Land the crawl whatever it lost; one that was refused is landed as it is.",
        ),
    }  # fmt: skip


def _collect_doc(source: Source) -> str:
    with_tables = isinstance(source, PostgresSource)
    if isinstance(source, PostgresSource):
        what = f"the tables {', '.join(f'`{t}`' for t in source.tables)}: a snapshot first, then every change"
    else:
        what = f"the site behind connection `{source.connection}` with the spider `{source.spider}`"
    return (
        f"### Collect `{source.name}`\n\nReads {what}, from the position that the last batch reached, and lands "
        "it as history.\nData and position are one transaction: a run may be killed and repeated at any point.\n\n"
        "A run that finds nothing new is *skipped* and starts no curation."
        + ("\n\nA table that cannot be read is left out, and the task `whole` names it." if with_tables else "")
    )


def _reconcile_doc(source: PostgresSource) -> str:
    return (
        f"### Reconcile `{source.name}`\n\nLands what is new, then compares every table with its landing at one "
        "place in the source's log: both databases sum up their own rows, and only where the sums differ rows are "
        "compared one by one. The source may be written to meanwhile, not altered.\n\n"
        "The task is red if a table is not proven equal, and says how many of its rows are missing, too many or "
        f"different. It and `collect_{source.name}` never meet: the second one tries again. What it lands, the "
        "next collection announces."
    )


def _decommission_doc(source: PostgresSource) -> str:
    return (
        f"### Decommission `{source.name}`\n\nDrops the replication slot `{source.slot}` and the publication "
        f"`{source.publication}` at the source, which would else keep log for us until its disk is full. What was "
        "landed stays, and so do versions.\n\n"
        f"Afterwards `collect_{source.name}` refuses to go on: take the source out of "
        "`include/catalog/sources.py`. If it is to be read again after all, trigger it with *New snapshot*: the "
        "history goes on from there."
    )


def _erase_doc(source: PostgresSource) -> str:
    tables = ", ".join(f"`{table}`" for table in source.subject.held) if source.subject else "none"
    return (
        f"### Erase a subject of `{source.name}`\n\nDelete it at the source first, and run"
        f" `collect_{source.name}`. Then this removes it from the history of {tables}, from quarantine and"
        " staging, and retires every version that holds it; a dataset that asks for it is curated anew before."
        " What was answered and labelled of its rows leaves history, rounds, sheets and Label Studio, which has to"
        " be up.\n\n"
        "The last task checks the proof, which is in `sluice.erasures` and can be checked again by hand.\n\n"
        "**Airflow keeps what is typed into this form with the run: delete the run when it has succeeded.**"
        " docs/operate.md says what else to think of."
    )


def _curate_doc(dataset: Dataset) -> str:
    last = " → export" if dataset.export else ""
    asked = (
        "\n\nA warning holds the run: the task `approve` waits for an answer to its form (*Required Actions*)"
        f" for {dataset.gate.approve_within:g} hours at most; without one the run is rejected."
        if _asks(dataset)
        else ""
    )
    made = dataset.balance.method if dataset.balance else dataset.augment.recipe if dataset.augment else "none"
    return (
        f"### Curate `{dataset.name}`\n\nbuild → validate → gate → split → balance / augment (`{made}`) → audit → "
        f"publish `datasets.{dataset.name}`{last}.\n\nA candidate that the gate rejects fails the run and leaves "
        "the published version as it was; the failed task names the expectations and links to the report." + asked
    )
