"""The memory that a run needs from build to publish, as its table grows from 1 million to 20 million rows."""

import json
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks._databases import Databases, databases, execute, scaled
from benchmarks.harness import report

QUESTION = "peak memory of a run from build to publish, 20 million rows against 1 million"
GOAL = 1.1
FEW, MANY = scaled(1_000_000), scaled(20_000_000)
# A row in fifty is bad.
LANDED = """
SET ROLE sluice_writer;
CREATE TABLE landing.shop_payments (id int, customer int, amount numeric(12,2), note text, fraud boolean,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_payments SELECT n, n %% 50000, CASE WHEN n %% 50 = 0 THEN -1 ELSE n %% 1000 / 7.0 END,
    'note number ' || n, n %% 10 = 0, 1, NULL, 1 FROM generate_series(1, %s) AS n;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'a', 1, 1, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'payments', 1, 'shop_payments', '[{"name": "id"},
    {"name": "customer"}, {"name": "amount"}, {"name": "note"}, {"name": "fraud"}]', '{id}');
ANALYZE landing.shop_payments;
"""
RULES = (
    ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ("expect_column_values_to_be_unique", {"column": "id"}),
    ("expect_column_values_to_not_be_null", {"column": "customer"}),
    ("expect_column_values_to_be_between", {"column": "amount", "min_value": 0}),
    ("expect_column_values_to_match_regex", {"column": "note", "regex": "^note"}),
)


def run() -> dict[str, Any]:
    with databases() as places:
        few, many = (_peak(places, rows) for rows in (FEW, MANY))
    return report("memory", QUESTION, [many], [few], goal=GOAL, peer=f"{FEW:,} rows", unit="MiB")


def _peak(places: Databases, rows: int) -> float:
    """MiB that the run's process held at most; the server's own memory is what its settings allow."""
    places.make_warehouse()
    execute(places.admin, LANDED % rows)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory"], input=places.warehouse, text=True, capture_output=True,
        check=True, cwd=Path(__file__).parents[1], timeout=3600,
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def _line(warehouse: str) -> None:
    """The run, by its use cases."""
    from include.pipeline.audit import audit
    from include.pipeline.augment import unchanged
    from include.pipeline.build import build
    from include.pipeline.publish import publish
    from include.pipeline.validate import validate
    from include.specs import Dataset

    at = datetime(2026, 1, 1, tzinfo=UTC)
    dataset = Dataset(name="fraud", sources=("shop",), key="id", group="customer", numeric=("amount",),
                      passthrough=("note",), label="fraud")  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suite, rules in (("fraud", RULES), ("fraud_audit", RULES[:1])):
            entries = [{"type": kind, "kwargs": kwargs} for kind, kwargs in rules]
            (folder / f"{suite}.json").write_text(json.dumps({"expectations": entries}))
        (folder / "fraud.sql").write_text("SELECT * FROM {{ source('shop', 'payments') }} AS landed")
        judging: dict[str, Any] = {"suites": folder, "reports": folder / "reports", "at": at}
        candidate = build(warehouse, dataset, "r", sql_folder=folder)
        made = unchanged(warehouse, dataset, validate(warehouse, dataset, candidate, **judging))
        publish(warehouse, dataset, audit(warehouse, dataset, made, **judging), at=at, code="x")


if __name__ == "__main__":
    _line(sys.stdin.read())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
