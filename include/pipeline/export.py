"""Write a version as files: Parquet by split, and what describes it, whole or not at all."""

import json
import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError, RetriableError
from include.core.refs import Exported
from include.publish import arrow_types, card, croissant, delivery, parquet
from include.publish.contents import SPLITS, Contents
from include.publish.pictures import genuine
from include.specs import Dataset, Export
from include.warehouse import exports
from include.warehouse.connection import transaction
from include.warehouse.files import fetch_image
from include.warehouse.versions import Version, column_types

log = logging.getLogger(__name__)

# Of the form of `manifest.json`, for those who read it later.
FORM = 1


def export(
    warehouse_url: str,
    dataset: Dataset,
    version: int | None,
    storage: Any,
    *,
    at: datetime,
    patience: float = 60,
) -> Exported:
    """Write the version (None: the current one) to `exports/<dataset>/v<N>/` below `storage`, and record it.

    The same version gives the same bytes, whenever and wherever. One that lies there whole is verified and left
    as it is. Raises FatalError for a dataset that declares no export, a version that is not there or is retired,
    files that have changed, and a place that holds another version of that number; RetriableError if another
    export or an erasure holds the version for longer than `patience` seconds. The version itself is never touched.
    """
    if dataset.export is None:
        raise FatalError(
            f"Dataset {dataset.name} declares no export.", fix="declare export=Export() in catalog/datasets.py."
        )
    try:
        with transaction(warehouse_url) as connection:
            held = exports.hold(connection, dataset.name, version, patience)
            place = delivery.place_of(storage, dataset.name, held.version)
            manifest = delivery.found(place)
            if there := manifest is not None:
                _refuse_another(place, manifest, held)
                delivery.verify(place, manifest)
            else:
                with delivery.staged(place) as folder:
                    manifest = _write(
                        connection, warehouse_url, held, dataset.export, storage=storage, folder=folder
                    )
                    delivery.deliver(folder, place)
            exports.record(connection, held, delivery.uri(place), manifest["files"], at)
    except psycopg2.errors.LockNotAvailable as error:
        raise RetriableError(
            f"A version of {dataset.name} is being exported or erased for longer than {patience:g} s.",
            fix="wait for it to end, and run again.",
        ) from error
    log.info("%s is %s %s", held.table, "whole at" if there else "written to", delivery.uri(place))
    files = manifest["files"]
    return Exported(
        dataset=dataset.name,
        version=held.version,
        place=delivery.uri(place),
        files=len(files),
        rows=sum(file.get("rows", 0) for file in files),
        bytes=sum(file["bytes"] for file in files),
        new=not there,
    )


def _write(
    connection: Connection, url: str, version: Version, declared: Export, *, storage: Any, folder: Path
) -> dict[str, Any]:
    """All files of the export, the manifest last; returns the manifest."""
    with connection.cursor() as cursor:
        types = column_types(cursor, version.table, "datasets")
        floats = declared.decimals == "float"
        readings = arrow_types.readings(cursor, version.table, types, floats=floats)
    image = version.manifest["declaration"].get("image") if declared.images == "embed" else None

    def fetch(path: str) -> bytes:
        return genuine(path, fetch_image(storage, path, path))

    files = [
        file
        for split in SPLITS
        for file in parquet.write(
            connection, url, version.table, readings, split, folder=folder, image=image, fetch=fetch
        )
    ]
    contents = Contents(
        dataset=version.dataset,
        version=version.version,
        fingerprint=version.fingerprint,
        published_at=version.published_at,
        manifest=version.manifest,
        declared=declared,
        columns=tuple(reading.column for reading in readings),
        files=tuple(files),
    )
    _refuse_other_count(version, contents.rows)
    described = _described(contents)
    for name, text in described.items():
        (folder / name).write_text(text, encoding="utf-8")
    manifest = {
        "form": FORM,
        "dataset": version.dataset,
        "version": version.version,
        "fingerprint": version.fingerprint,
        "files": [asdict(file) for file in files] + [_sealed(folder, name) for name in described],
        "columns": [asdict(column) for column in contents.columns],
        "export": declared.model_dump(mode="json"),
        "manifest": version.manifest,
    }
    (folder / delivery.MANIFEST).write_text(_json(manifest), encoding="utf-8")
    return manifest


def _described(contents: Contents) -> dict[str, str]:
    """What describes the files, by name, as far as it is declared."""
    found = {}
    if "croissant" in contents.declared.formats:
        found["croissant.json"] = _json(croissant.croissant(contents))
    if "card" in contents.declared.formats:
        found["README.md"] = card.card(contents)
    return found


def _sealed(folder: Path, name: str) -> dict[str, Any]:
    size, digest = delivery.seal(folder / name)
    return {"path": name, "bytes": size, "sha256": digest}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def _refuse_another(place: Any, manifest: dict[str, Any], version: Version) -> None:
    if manifest["fingerprint"] != version.fingerprint:
        raise FatalError(
            f"{delivery.uri(place)} holds other rows than {version.table}: the export of another warehouse.",
            fix="move that folder away, or give this warehouse a storage of its own (SLUICE_STORAGE).",
        )


def _refuse_other_count(version: Version, written: int) -> None:
    if written != version.manifest["rows"]:
        raise FatalError(
            f"{version.table} has {version.manifest['rows']} rows by its manifest, {written} in its three splits.",
            fix="look for rows whose _split is none of train, validation and test.",
        )
