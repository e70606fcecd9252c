"""One small validation after another in a process of its own: `benchmarks.parallel` starts eight of these."""

import json
import sys
from pathlib import Path

from benchmarks._databases import AT
from include.core.refs import Candidate
from include.pipeline.validate import validate
from include.specs import Dataset, GatePolicy
from include.warehouse.connection import transaction
from include.warehouse.staging import table_name

BAD = 3


def dataset(name: str) -> Dataset:
    return Dataset(
        name=name, sources=("shop",), key="id", numeric=("amount",), label="fraud",
        gate=GatePolicy(max_rejected=0.5),
    )  # fmt: skip


def write_suite(folder: Path, name: str) -> None:
    count = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "severity": "critical"}
    value = {"column": "amount", "min_value": 0}
    rule = {"type": "expect_column_values_to_be_between", "kwargs": value, "severity": "critical"}
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "expectations": [count, rule]}))


def judge(warehouse_url: str, folder: Path, name: str, run: str) -> None:
    """Judge twenty rows of which BAD are bad."""
    table = table_name(name, run)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE staging."{table}" (id int, amount int, fraud int)')
        cursor.execute(
            f'INSERT INTO staging."{table}"'
            " SELECT n, CASE WHEN n <= %s THEN -1 ELSE n END, n %% 2 FROM generate_series(1, 20) AS n",
            (BAD,),
        )
    candidate = Candidate(dataset=name, run=run, table=table, batches={"shop": 1}, rows=20, sql_hash="s")
    validate(warehouse_url, dataset(name), candidate, suites=folder, reports=folder / "reports", at=AT)


def main(worker: str, first: str, last: str) -> None:
    # The URL comes by standard input: an argument list is open to every user of the machine.
    warehouse_url, folder = sys.stdin.read().splitlines()
    for number in range(int(first), int(last)):
        judge(warehouse_url, Path(folder), f"set_{number % 4}", f"worker {worker}, {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
