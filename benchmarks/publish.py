"""Publishing: the proof, the manifest and the hand-over of a version, against copying its rows in SQL.

The audit reckons the fingerprint that publishing proves: its seal is timed too, and told beside the ratio.
"""

import statistics
import time
from typing import Any

from benchmarks._databases import AT, Databases, databases, execute, scaled
from benchmarks.harness import report
from include.core.refs import Augmented, Candidate, Gated, GateDecision
from include.pipeline.audit import seal
from include.pipeline.publish import publish
from include.specs import Balance, Dataset
from include.warehouse.connection import transaction
from include.warehouse.seal import Seal
from include.warehouse.staging import hold
from include.warehouse.validations import Validation, record

ROWS = 5_000_000
GOAL = 2.0
ROUNDS = 3
MADE = """
CREATE TABLE staging.made AS SELECT n AS payment_id, n % 50000 AS customer_id,
    timestamptz '2026-01-01Z' + n * interval '1 second' AS paid_at, (n % 100000 / 100.0)::numeric(12, 2) AS amount,
    n % 24 AS hour, n % 900 AS account_age_days, n * 0.37::float8 AS amount_to_usual,
    (ARRAY['card', 'cash', 'wire'])[1 + n % 3] AS method, 'ref ' || n AS reference, n % 50 = 0 AS is_fraud,
    n::text AS _id, (ARRAY['train', 'train', 'train', 'validation', 'test'])[1 + n % 5] AS _split,
    CASE WHEN n % 50 = 0 THEN 'smote' ELSE 'real' END AS _origin,
    CASE WHEN n % 50 = 0 THEN ARRAY[(n - 1)::text, (n + 1)::text] ELSE '{{}}' END AS _parents,
    CASE WHEN n % 50 = 0 THEN 'smote' END AS _method,
    CASE WHEN n % 50 = 0 THEN jsonb_build_object('weight', n / 5e6, 'ratio', 0.5) END AS _params,
    CASE WHEN n % 50 = 0 THEN 7::bigint END AS _seed
FROM generate_series(1, {rows}) AS n
"""


def run() -> dict[str, Any]:
    """Each round copies the table, seals the copy, and publishes it as the first version of its own dataset."""
    rows = scaled(ROWS)
    with databases() as found:
        found.make_warehouse()
        execute(found.warehouse, "SET ROLE sluice_writer", MADE.format(rows=rows))
        execute(found.admin, "VACUUM (ANALYZE) staging.made", "CHECKPOINT")
        rounds = [_round(found, number, rows) for number in range(ROUNDS + 1)][1:]
    copied, sealed, published = map(list, zip(*rounds, strict=True))
    question = f"publish {rows:,} rows, against CREATE TABLE AS of the same rows"
    both = [a + b for a, b in zip(sealed, published, strict=True)]
    figures = {
        "seconds of the fingerprint and its marks, in the audit": statistics.median(sealed),
        "their ratio to CREATE TABLE AS": _ratio(sealed, copied),
        "ratio of both, sealing and publishing": _ratio(both, copied),
    }
    return report("publish", question, published, copied, goal=GOAL, peer="CREATE TABLE AS", figures=figures)


def _ratio(ours: list[float], against: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, against, strict=True))


def _round(found: Databases, number: int, rows: int) -> tuple[float, float, float]:
    copied = _copy(found, number)
    sealed, what = _seal(found, number)
    return copied, sealed, _publish(found, number, rows, what)


def _copy(found: Databases, number: int) -> float:
    execute(found.admin, "CHECKPOINT")
    begun = time.perf_counter()
    execute(found.warehouse, "SET ROLE sluice_writer", f"CREATE TABLE staging.copy_{number} AS TABLE staging.made")
    return time.perf_counter() - begun


def _seal(found: Databases, number: int) -> tuple[float, Seal]:
    """What the audit does for publishing, but alone: in the audit others look at the table meanwhile."""
    execute(found.admin, "CHECKPOINT")
    begun = time.perf_counter()
    with transaction(found.warehouse) as connection:
        hold(connection.cursor(), f"copy_{number}", "SHARE", patience=30)
        what = seal(connection, f"copy_{number}")
    return time.perf_counter() - begun, what


def _publish(found: Databases, number: int, rows: int, what: Seal) -> float:
    dataset = Dataset(
        name=f"payments_{number}", sources=("shop",), key="payment_id", numeric=("amount", "hour"),
        label="is_fraud", balance=Balance(method="smote"),
    )  # fmt: skip
    passed = GateDecision(decision="publish")
    candidate = Candidate(
        dataset=dataset.name, run="run", table="made", batches={"shop": 1}, rows=rows, sql_hash="5" * 64
    )  # fmt: skip
    gated = Gated(
        candidate=candidate, table="made", passed=rows, quarantined=0, reasons={}, decision=passed,
        suite_hash="6" * 64, report="",
    )  # fmt: skip
    audited = Validation(
        run="run", dataset=dataset.name, stage="audit", decision=passed, rows=rows, passed=rows, quarantined=0,
        reasons={}, outcomes=(), batches={"shop": 1}, suite_hash="6" * 64, report="", at=AT,
        seal=what,
    )  # fmt: skip
    with transaction(found.warehouse) as connection:
        record(connection, audited)
    execute(found.admin, "CHECKPOINT")
    begun = time.perf_counter()
    made = Augmented(gated=gated, table=f"copy_{number}", method="smote", made=0, removed=0)
    publish(found.warehouse, dataset, made, at=AT, code="benchmark")
    return time.perf_counter() - begun
