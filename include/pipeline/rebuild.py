"""Build a version again from its manifest, in staging, and compare fingerprints; nothing is published."""

import json
import logging
import platform
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from pydantic import ValidationError

from include.core.errors import FatalError
from include.core.refs import Augmented, Candidate, Gated, GateDecision, Rebuilt
from include.pipeline import augment
from include.pipeline.build import build
from include.publish.fingerprint import fingerprint
from include.publish.manifest import libraries
from include.specs import Dataset
from include.validate.suite import Suite, load_suite
from include.warehouse import versions
from include.warehouse.connection import transaction
from include.warehouse.diff import Side, diff
from include.warehouse.staging import count_rows, table_name
from include.warehouse.texts import kept

log = logging.getLogger(__name__)


def rebuild(warehouse_url: str, dataset: str, version: int | None, *, run: str, storage: Any = None) -> Rebuilt:
    """Build a version (None: the current one) again as `run`; is its fingerprint the same, and what differs?

    Everything comes from the manifest and what it names: the batches as history has them, the declaration
    and seed of then, the SQL and the suite as they were kept. What the catalog says now has no part in it, and no
    judgement, quarantine or version is written. `storage` is the root of the object storage, for images.

    Raises FatalError for a version that is not there, or whose manifest names what is not there any more.
    """
    with transaction(warehouse_url) as connection:
        found = _version(connection, dataset, version)
        declared = _declared(found)
        template = _text(connection, found, "SQL", found.manifest["sql_hash"])
        suite = _text(connection, found, "suite", found.manifest["gate"]["suite_hash"])
        notes = [*_installed(connection, found), *_erased(connection, found)]
    try:
        with TemporaryDirectory(prefix="sluice-rebuild-") as folder:
            (Path(folder) / f"{dataset}.sql").write_text(template)
            (Path(folder) / f"{dataset}.json").write_text(json.dumps({"expectations": json.loads(suite)}))
            batches = {source["source"]: source["batch"] for source in found.manifest["sources"]}
            candidate = build(warehouse_url, declared, run, batches=batches, sql_folder=Path(folder))
            judged = load_suite(Path(folder), dataset, declared.columns)
        gated, told = _pass(warehouse_url, declared, candidate, judged)
        made = _make(warehouse_url, declared, gated, storage)
        with transaction(warehouse_url) as connection:
            digest = fingerprint(connection, made.table)
            with connection.cursor() as cursor:
                rows = count_rows(cursor, made.table)
            differing = _differing(connection, found, made.table) if digest != found.fingerprint else []
    finally:
        _drop(warehouse_url, declared, run)
    notes += told + _counted(found, gated, made, rows) + differing
    if digest != found.fingerprint and notes == differing:
        notes = [
            "nothing that the manifest names differs: a step that made this version is not repeatable",
            *differing,
        ]
    log.info("%s built again: %s, %s then", found.table, digest, found.fingerprint)
    return Rebuilt(
        dataset=dataset,
        version=found.version,
        fingerprint=found.fingerprint,
        found=digest,
        rows=rows,
        notes=tuple(notes),
    )


def refuse_other(rebuilt: Rebuilt) -> Rebuilt:
    """The same, if the version is. Raises FatalError with what differs if it is not."""
    if not rebuilt.same:
        raise FatalError(
            f"{rebuilt.dataset}_v{rebuilt.version} has the fingerprint {rebuilt.fingerprint[:12]}, and was built"
            f" again with {rebuilt.found[:12]}: {'; '.join(rebuilt.notes)}.",
            fix="restore what differs, such as the libraries of requirements.txt at the manifest's commit.",
        )
    return rebuilt


def _version(connection: Connection, dataset: str, version: int | None) -> versions.Version:
    known = versions.list_versions(connection, dataset)
    for found in known:
        if found.current if version is None else found.version == version:
            return found
    there = ", ".join(str(found.version) for found in known) or "none"
    named = "no current version" if version is None else f"no version {version}"
    raise FatalError(f"Dataset {dataset} has {named}; there is {there}.", fix="name one of these.")


def _declared(found: versions.Version) -> Dataset:
    try:
        return Dataset.model_validate(found.manifest.get("declaration", {}))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise FatalError(
            f"The declaration in the manifest of {found.table} is none of this release: {faults}.",
            fix="check out the commit that the manifest names as code, and rebuild with it.",
        ) from error


def _text(connection: Connection, found: versions.Version, what: str, digest: str) -> str:
    if (content := kept(connection, digest)) is None:
        raise FatalError(
            f"The {what} of {found.table} (sha256 {digest[:12]}) is not in sluice.texts.",
            fix="it was published before texts were kept: check out the commit that the manifest names as code.",
        )
    return content


def _installed(connection: Connection, found: versions.Version) -> list[str]:
    """What is installed in another release than the version was made with."""
    then = {
        **found.manifest["libraries"],
        "Python": found.manifest["python"],
        "Postgres": found.manifest["postgres"],
    }
    now: dict[str, Any] = {**libraries(), "Python": platform.python_version()}
    now["Postgres"] = connection.get_parameter_status("server_version")
    return [
        f"{name} was {then.get(name, 'not installed')}, is {now.get(name, 'not installed')}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def _erased(connection: Connection, found: versions.Version) -> list[str]:
    """The erasures since: history has lost the rows of their subjects."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT request, source FROM sluice.erasures WHERE source = ANY(%s) AND erased_at >= %s"
            " ORDER BY erased_at",
            ([source["source"] for source in found.manifest["sources"]], found.published_at),
        )
        return [f"{source} has lost the rows of a subject by {request}" for request, source in cursor.fetchall()]


def _pass(warehouse_url: str, declared: Dataset, candidate: Candidate, suite: Suite) -> tuple[Gated, list[str]]:
    """What the suite lets through, as the gate did; and the rules that could not be judged."""
    from include.pipeline.label import part_labelled
    from include.pipeline.part import Parting, check_and_part

    parting = Parting(declared, candidate, suite)
    with transaction(warehouse_url) as connection:
        checked, parted, _ = check_and_part(warehouse_url, connection, parting, candidate.run, lambda parted: None)
    gated = Gated(
        candidate=candidate,
        table=parting.passed,
        passed=parted.passed,
        quarantined=parted.verdict.rejected,
        reasons=parted.verdict.reasons,
        decision=GateDecision(decision="publish"),
        suite_hash=suite.hash,
        report="",
    )
    if declared.labelling:
        with transaction(warehouse_url) as connection:
            gated = part_labelled(connection, declared, gated)
    return gated, [f"the rule {o.rule} cannot be judged: {o.exception}" for o in checked.outcomes if o.exception]


def _make(warehouse_url: str, declared: Dataset, gated: Gated, storage: Any) -> Augmented:
    if declared.augment is None:
        return augment.balance(warehouse_url, declared, gated)
    if storage is None:
        raise FatalError(
            f"{declared.name} has made images, and no object storage was given.", fix="give storage, its root."
        )
    plan = augment.plan_images(warehouse_url, declared, gated)
    shards = [augment.augment_shard(warehouse_url, declared, gated, shard, storage) for shard in plan]
    return augment.gather(warehouse_url, declared, gated, shards)


def _counted(found: versions.Version, gated: Gated, made: Augmented, rows: int) -> list[str]:
    """Which step had other numbers of rows than then."""
    then, gate = found.manifest, found.manifest["gate"]
    steps = [
        ("rows were built", gate["rows"], gated.candidate.rows),
        ("rows passed the gate", gate["passed"], gated.passed),
        ("rows were made", then["made"], made.made),
        ("rows are in the version", then["rows"], rows),
    ]
    return [f"{before} {what} then, {after} now" for what, before, after in steps if before != after]


def _differing(connection: Connection, found: versions.Version, made: str) -> list[str]:
    """How many rows are others than the version's, and in which columns, while its table is there."""
    if found.retired_at is not None:
        return []
    label = found.manifest["declaration"]["label"]
    seen = diff(connection, Side("datasets", found.table, label), Side("staging", made, label))
    rows = ", ".join(f"{seen.count(kind)} {kind}" for kind in ("added", "removed", "changed"))
    cells = ", ".join(f"{name} {count}" for name, count in seen.cells.items())
    return [f"of the version's rows: {rows}" + (f" (changed cells: {cells})" if cells else "")]


def _drop(warehouse_url: str, declared: Dataset, run: str) -> None:
    shards = declared.augment.shards if declared.augment else 0
    parts = ("", "bad", "passed", "labelled", "version", *(f"shard_{number}" for number in range(shards)))
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        for part in parts:
            table = sql.Identifier("staging", table_name(declared.name, run, part))
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
