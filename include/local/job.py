"""The main job: trigger every collection, follow it and the curations it starts, and say what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from include.catalog import DATASETS, SOURCES
from include.local import labelling, planted, summary
from include.local.follow import Follower, Run, wait_for_dags
from include.local.home import read_json, write_json
from include.local.labelling import Desk
from include.local.present import show
from include.local.progress import Progress, console, say
from include.local.shop import owner_url
from include.local.stack import Stack
from include.warehouse.connection import transaction


def do_the_job(stack: Stack) -> int:
    """Returns 0 if every run succeeded and all that was promised is there, else 1."""
    with transaction(stack.warehouse_url) as connection:
        before = summary.newest_batch(connection)
    collections = [f"collect_{source.name}" for source in SOURCES]
    curations = [f"curate_{dataset.name}" for dataset in DATASETS]
    labellings = [f"label_{dataset.name}" for dataset in DATASETS if dataset.labelling]
    later = [*curations, *labellings]
    say("Waiting until Airflow has read the DAGs …")
    wait_for_dags(stack.api, [*collections, *later], stack.began, stack.check_alive)
    with Progress() as progress:
        desk = Desk(
            stack.warehouse_url, stack.place.storage, owner_url(stack.postgres, stack.secrets), progress.note
        )

        def check() -> None:
            stack.check_alive()
            desk.look()

        follower = Follower(stack.api, progress, consumers(), check)
        if follower.take_up([*collections, *later]):
            progress.note("Taking up what an earlier run left unfinished, too.")
        for dag in collections:
            follower.trigger(dag)
        runs = follower.until_done()
        # News that a killed run left behind may have started a curation meanwhile.
        while follower.take_up(later):
            runs = follower.until_done()
    found = gather(stack, runs, before)
    write_json(stack.place.last_run, found)
    show(found, console)
    return 0 if found["ok"] else 1


def consumers() -> dict[str, frozenset[str]]:
    """Which curations the news of each collection starts, and which labelling a curation starts, and back."""
    started = {
        f"collect_{source.name}": frozenset(f"curate_{d.name}" for d in DATASETS if source.name in d.sources)
        for source in SOURCES
    }
    for dataset in DATASETS:
        if dataset.labelling:
            started[f"curate_{dataset.name}"] = frozenset({f"label_{dataset.name}"})
            started[f"label_{dataset.name}"] = frozenset({f"curate_{dataset.name}"})
    return started


def gather(stack: Stack, runs: Sequence[Run], before: int) -> dict[str, Any]:
    """The summary as it is written to `.local/last-run.json`."""
    edition = (read_json(stack.place.path / "site.json") or {}).get("edition", 0)
    names = [run.run for run in runs]
    shop_url = owner_url(stack.postgres, stack.secrets)
    with transaction(stack.warehouse_url) as connection:
        datasets = [
            {
                "dataset": dataset.name,
                "label": dataset.label,
                "gate": summary.judged(connection, dataset.name, names),
                "version": summary.published(connection, dataset, names),
            }
            for dataset in DATASETS
        ]
        found: dict[str, Any] = {
            "began": stack.began.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - stack.began).total_seconds(), 1),
            "runs": [{"dag": run.dag, "run": run.run, "state": run.state} for run in runs],
            "collected": summary.collected(connection, [source.name for source in SOURCES], before),
            "datasets": datasets,
            "labelled": [
                labelling.labelled(connection, dataset, names, labelling.truth(dataset, shop_url))
                for dataset in DATASETS
                if dataset.labelling
            ],
            "planted": [*planted.shop_rows(connection), *planted.photos(connection, edition)],
            "reports": str(stack.place.reports),
        }
    found["problems"] = summary.problems(found)
    found["ok"] = not found["problems"]
    return found
