"""A version's manifest: all that is needed to say what it was made from, and to make it again."""

import platform
from importlib import metadata
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.refs import Augmented
from include.specs import Dataset
from include.warehouse.validations import Validation, recorded
from include.warehouse.versions import column_types

# What has a say in a version's bytes, or in which rows may be part of it.
LIBRARIES = (
    "albumentations",
    "great-expectations",
    "imbalanced-learn",
    "numpy",
    "opencv-python-headless",
    "psycopg2-binary",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "zlib-ng",
)


def manifest(
    connection: Connection, dataset: Dataset, augmented: Augmented, audited: Validation, code: str
) -> dict[str, Any]:
    """The manifest of `staging.<augmented.table>`; `code` is the commit that runs.

    `counts` has one entry a split, class and origin; `balance` counts train's rows by class before
    (what passed the gate) and after.
    """
    gated = augmented.gated
    with connection.cursor() as cursor:
        counts = _counts(cursor, dataset, augmented.table)
        before = _counts_by_class(cursor, dataset, gated.table)
        sources = _sources(cursor, gated.candidate.batches)
        columns = column_types(cursor, augmented.table)
        postgres = connection.get_parameter_status("server_version")
    judged = recorded(connection, gated.candidate.run, dataset.name, "gate")
    after: dict[str, int] = {}
    for entry in counts:
        if entry["split"] == "train":
            after[entry["class"]] = after.get(entry["class"], 0) + entry["rows"]
    return {
        "dataset": dataset.name,
        "run": gated.candidate.run,
        "declaration": dataset.model_dump(mode="json"),
        "seed": dataset.seed,
        "sources": sources,
        "sql_hash": gated.candidate.sql_hash,
        "lineage": gated.candidate.lineage,
        "gate": gated.decision.model_dump(mode="json")
        | {
            "suite_hash": gated.suite_hash,
            "rows": gated.candidate.rows,
            "passed": gated.passed,
            "unlabelled": gated.unlabelled,
            "quarantined": gated.quarantined,
            "quarantined_by": gated.reasons,
            "report": gated.report,
            "evidence": dict(judged.evidence) if judged else {},
        },
        "audit": audited.decision.model_dump(mode="json")
        | {"suite_hash": audited.suite_hash, "report": audited.report, "evidence": dict(audited.evidence)},
        "method": augmented.method,
        "made": augmented.made,
        "removed": augmented.removed,
        "rows": sum(entry["rows"] for entry in counts),
        "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
        "counts": counts,
        "balance": {"before": before, "after": after},
        "libraries": libraries(),
        "python": platform.python_version(),
        "postgres": postgres,
        "code": code,
    }


def libraries() -> dict[str, str]:
    """Versions of the installed libraries that have a say in a version; those that are not there are left out."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _counts(cursor: Cursor, dataset: Dataset, table: str) -> list[dict[str, Any]]:
    cursor.execute(
        sql.SQL(
            "SELECT _split, {label}::text, _origin, count(*) FROM staging.{table} GROUP BY 1, 2, 3"
            ' ORDER BY _split COLLATE "C", {label}::text COLLATE "C", _origin COLLATE "C"'
        ).format(label=sql.Identifier(dataset.label), table=sql.Identifier(table))
    )
    return [dict(zip(("split", "class", "origin", "rows"), row, strict=True)) for row in cursor.fetchall()]


def _counts_by_class(cursor: Cursor, dataset: Dataset, table: str) -> dict[str, int]:
    cursor.execute(
        sql.SQL(
            "SELECT {label}::text, count(*) FROM staging.{table} WHERE _split = 'train' GROUP BY 1 ORDER BY 1"
        ).format(label=sql.Identifier(dataset.label), table=sql.Identifier(table))
    )
    return dict(cursor.fetchall())


def _sources(cursor: Cursor, batches: dict[str, int]) -> list[dict[str, Any]]:
    cursor.execute(
        "SELECT source, batch, position_to, seq_to FROM sluice.batches WHERE batch = ANY(%s) ORDER BY source",
        (list(batches.values()),),
    )
    return [dict(zip(("source", "batch", "position", "seq_to"), row, strict=True)) for row in cursor.fetchall()]
