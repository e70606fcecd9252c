"""What a run did, read back from the warehouse: collected, rejected, published; and whether all is as promised."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.local import labelling
from include.specs import Dataset
from include.warehouse import versions

Facts = dict[str, Any]


def newest_batch(connection: Connection) -> int:
    """The highest batch number so far: what is collected from here on is higher."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(batch), 0) FROM sluice.batches")
        (found,) = cursor.fetchone() or (0,)
    return int(found)


def collected(connection: Connection, sources: Sequence[str], after_batch: int) -> list[Facts]:
    """A row for each source: its batches after `after_batch`, their changes by table, and rejected records.

    `reasons` counts the rejected records by reason; a record with two reasons counts under both.
    """
    found = []
    for source in sources:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT batch, changes, rejected FROM sluice.batches WHERE source = %s AND batch > %s ORDER BY 1",
                (source, after_batch),
            )
            batches = cursor.fetchall()
        tables: Counter[str] = Counter()
        for _, changes, _ in batches:
            tables.update(changes)
        found.append(
            {
                "source": source,
                "batches": [batch for batch, _, _ in batches],
                "tables": dict(sorted(tables.items())),
                "rejected": sum(rejected for _, _, rejected in batches),
                "reasons": reasons_of_records(connection, source, after_batch),
            }
        )
    return found


def reasons_of_records(connection: Connection, source: str, after_batch: int) -> dict[str, int]:
    """Why records of a source never became rows, in batches after `after_batch`."""
    counts: Counter[str] = Counter()
    for _, _, reasons in rejected_records(connection, source, after_batch):
        counts.update(reasons)
    return dict(sorted(counts.items()))


def rejected_records(connection: Connection, source: str, after_batch: int) -> list[tuple[str, str, list[str]]]:
    """Table, key and reasons of the records that landing kept out, in batches after `after_batch`."""
    found: list[tuple[str, str, list[str]]] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tablename FROM pg_tables WHERE schemaname = 'quarantine'"
            " AND starts_with(tablename, %s) ORDER BY 1",
            (f"{source}_",),
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL(
                    "SELECT key, reasons FROM quarantine.{} WHERE (batches ->> %s)::bigint > %s ORDER BY key, run"
                ).format(sql.Identifier(table)),
                (source, after_batch),
            )
            name = table.removeprefix(f"{source}_")
            found += [(name, key, reasons) for key, reasons in cursor.fetchall()]
    return found


def judged(connection: Connection, dataset: str, runs: Sequence[str]) -> Facts | None:
    """What gate and audit decided on the dataset in the newest of `runs`, or None if none of them was judged."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run, decision, refusals, warnings, rows, passed, quarantined, reasons, report, batches"
            " FROM sluice.validations WHERE dataset = %s AND stage = 'gate' AND run = ANY(%s)"
            " ORDER BY judged_at DESC, run DESC LIMIT 1",
            (dataset, list(runs)),
        )
        if (row := cursor.fetchone()) is None:
            return None
        names = [column.name for column in cursor.description or ()]
        facts = dict(zip(names, row, strict=True))
        cursor.execute(
            "SELECT decision, report FROM sluice.validations WHERE dataset = %s AND stage = 'audit' AND run = %s",
            (dataset, facts["run"]),
        )
        audit = cursor.fetchone()
    reasons = sorted(facts["reasons"].items(), key=lambda item: (-item[1], item[0]))
    audited = {"decision": audit[0], "report": audit[1]} if audit else None
    return {"dataset": dataset, **facts, "reasons": dict(reasons), "audit": audited}


def published(connection: Connection, dataset: Dataset, runs: Sequence[str]) -> Facts | None:
    """The dataset's current version; `new` if one of `runs` made it. Counts are the manifest's.

    `disagreements` says where the table itself differs from its manifest, or holds made rows outside train.
    """
    version = versions.current(connection, dataset.name)
    if version is None:
        return None
    manifest = version.manifest
    counted = {(c["split"], str(c["class"]), c["origin"]): c["rows"] for c in manifest["counts"]}
    return {
        "dataset": dataset.name,
        "version": version.version,
        "table": f"datasets.{version.table}",
        "new": manifest["run"] in runs,
        "fingerprint": version.fingerprint,
        "rows": sum(counted.values()),
        "method": manifest["method"],
        "before": manifest["balance"]["before"],
        "after": manifest["balance"]["after"],
        "counts": manifest["counts"],
        "disagreements": _disagreements(counted, _count(connection, dataset, version.table)),
    }


def _count(connection: Connection, dataset: Dataset, table: str) -> Mapping[tuple[str, str, str], int]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT _split, {}::text, _origin, count(*) FROM datasets.{} GROUP BY 1, 2, 3").format(
                sql.Identifier(dataset.label), sql.Identifier(table)
            )
        )
        return {(split, label, origin): count for split, label, origin, count in cursor.fetchall()}


def _disagreements(
    manifest: Mapping[tuple[str, str, str], int], table: Mapping[tuple[str, str, str], int]
) -> list[str]:
    found = [
        f"{' '.join(cell)}: the manifest says {manifest.get(cell, 0)} rows, the table has {table.get(cell, 0)}"
        for cell in sorted(manifest.keys() | table.keys())
        if manifest.get(cell, 0) != table.get(cell, 0)
    ]
    return found + [f"made rows outside train: {' '.join(cell)}" for cell in sorted(table) if _leaks(cell)]


def _leaks(cell: tuple[str, str, str]) -> bool:
    split, _, origin = cell
    return origin != "real" and split != "train"


def problems(found: Mapping[str, Any]) -> list[str]:
    """What was promised and did not happen, in words: the run is good if there is nothing."""
    wrong = [f"the run {run['dag']} ended as {run['state']}" for run in found["runs"] if run["state"] != "success"]
    for dataset in found["datasets"]:
        if dataset["version"] is None:
            wrong.append(f"{dataset['dataset']} has no published version")
        else:
            wrong += [f"{dataset['dataset']}: {text}" for text in dataset["version"]["disagreements"]]
    for labels in found["labelled"]:
        wrong += labelling.problems(labels)
    wrong += [
        f"{piece['where']}: {piece['planted']} rows break {piece['rule']} on purpose, {piece['caught']} were"
        f" caught, {piece['matched']} of them the planted ones"
        for piece in found["planted"]
        if not piece["planted"] == piece["caught"] == piece["matched"]
    ]
    return wrong
