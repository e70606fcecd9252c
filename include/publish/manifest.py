"""A version's manifest: all that is needed to say what it was made from, and to make it again."""

import platform
from collections import Counter
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Counted:
    """A table's rows by split, class and origin, and by the number of the transaction that wrote them."""

    entries: tuple[dict[str, Any], ...]
    writers: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(self.writers.values())


def manifest(
    connection: Connection,
    dataset: Dataset,
    augmented: Augmented,
    audited: Validation,
    *,
    counted: Counted,
    code: str,
) -> dict[str, Any]:
    """The manifest of `staging.<augmented.table>`, whose rows are `counted`; `code` is the commit that runs.

    `counts` has one entry a split, class and origin; `balance` counts train's rows by class before
    (what passed the gate) and after.
    """
    gated = augmented.gated
    with connection.cursor() as cursor:
        before = _counts_by_class(cursor, dataset, gated.table)
        sources = _sources(cursor, gated.candidate.batches)
        columns = column_types(cursor, augmented.table)
        postgres = connection.get_parameter_status("server_version")
    judged = recorded(connection, gated.candidate.run, dataset.name, "gate")
    after: dict[str, int] = {}
    for entry in counted.entries:
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
        "rows": counted.rows,
        "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
        "counts": list(counted.entries),
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


def count(cursor: Cursor, dataset: Dataset, table: str) -> Counted:
    """Count the rows of `staging.<table>`, in one scan for both counts."""
    cursor.execute(
        sql.SQL(
            "SELECT _split, {label}::text, _origin, xmin::text, count(*) FROM staging.{table}"
            " GROUP BY _split, {label}::text, _origin, xmin"
            ' ORDER BY _split COLLATE "C", {label}::text COLLATE "C", _origin COLLATE "C"'
        ).format(label=sql.Identifier(dataset.label), table=sql.Identifier(table))
    )
    kinds: Counter[tuple[str, str, str]] = Counter()
    writers: Counter[str] = Counter()
    for split, label, origin, writer, rows in cursor.fetchall():
        kinds[split, label, origin] += rows
        writers[writer] += rows
    entries = ({"split": s, "class": c, "origin": o, "rows": rows} for (s, c, o), rows in kinds.items())
    return Counted(tuple(entries), dict(writers))


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
