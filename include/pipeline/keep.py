"""Decide what is shown and kept of a dataset's versions: roll back, pin, tag, retain."""

import logging
from datetime import datetime

from include.core.errors import FatalError
from include.core.refs import Retained, Shown
from include.specs import Dataset
from include.warehouse import pointer, versions
from include.warehouse import tags as tagging
from include.warehouse.connection import transaction
from include.warehouse.retention import drop_old, kept_for

log = logging.getLogger(__name__)


def roll_back(warehouse_url: str, dataset: str, version: int | None, *, pin: bool, who: str, why: str) -> Shown:
    """Let the dataset's view show `version`, or the one it shows (None), and stay there if it is pinned.

    Without `pin` the next run with newer batches moves the view on; none shows again what was left here. Who did
    it and why is on record. Raises FatalError without a reason, and for a version that cannot be shown.
    """
    _refuse_silence(why)
    with transaction(warehouse_url) as connection:
        current = versions.current(connection, dataset)
        if current is None:
            raise FatalError(
                f"Dataset {dataset} shows no version that could be left.", fix=f"run curate_{dataset}."
            )
        if version is None and not pin:
            pointer.unpin(connection, dataset, who=who, why=why)
        else:
            shown = current.version if version is None else version
            pointer.roll_back(connection, dataset, shown, pin=pin, who=who, why=why)
    shown = current.version if version is None else version
    log.info("datasets.%s shows version %s instead of %s", dataset, shown, current.version)
    return Shown(dataset=dataset, version=shown, was=current.version, pinned=pin)


def tag(
    warehouse_url: str, dataset: str, name: str, version: int | None, *, who: str, why: str, at: datetime
) -> dict[int, list[str]]:
    """Put the tag on the version, or take it off (None); returns the dataset's tags by version."""
    _refuse_silence(why)
    with transaction(warehouse_url) as connection:
        if version is None:
            tagging.untag(connection, dataset, name, who=who, why=why, at=at)
        else:
            tagging.tag(connection, dataset, version, name, who=who, why=why, at=at)
        return tagging.tags(connection, dataset)


def retain(warehouse_url: str, dataset: Dataset, *, at: datetime, dry_run: bool = False) -> Retained:
    """Drop the dataset's versions that its retention does not keep, oldest first; each is on record.

    Kept are the newest ones, what is current, tagged, named by the manifest of a version that is there, built on
    by others, or being read. With `dry_run` this is only told. Raises FatalError for a dataset without retention.
    """
    if dataset.retention is None:
        raise FatalError(
            f"Dataset {dataset.name} declares no retention: every version is kept.",
            fix="declare retention=Retention(keep=…) in catalog/datasets.py.",
        )
    keep, dropped, kept = dataset.retention.keep, [], {}
    with transaction(warehouse_url) as connection:
        there = [v.version for v in versions.list_versions(connection, dataset.name) if v.retired_at is None]
    for version in sorted(there):
        with transaction(warehouse_url) as connection:
            if dry_run:
                reason = kept_for(connection, dataset.name, version, keep)
            else:
                reason = drop_old(connection, dataset.name, version, keep, at)
        if reason is None:
            dropped.append(version)
        else:
            kept[version] = reason
    log.info("%s of %s: %s; kept %s", "would drop" if dry_run else "dropped", dataset.name, dropped, kept)
    return Retained(dataset=dataset.name, dry_run=dry_run, dropped=tuple(dropped), kept=kept)


def _refuse_silence(why: str) -> None:
    if not why.strip():
        raise FatalError("Who moves a view or a tag says why: the reason is empty.", fix="give a reason.")
