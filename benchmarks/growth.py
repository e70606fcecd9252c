"""Time a change of the same batch, while the landing table grows from a thousand to ten million rows."""

import itertools
import random
import statistics
import time
from collections.abc import Sequence
from typing import IO, Any

from benchmarks._databases import AT, COLUMNS, ROW, databases, scaled
from benchmarks.harness import report
from include.core.batch import Batch, Column, Table, TableChanges, TableSnapshot
from include.warehouse.connection import connect, transaction
from include.warehouse.landing import land

SIZES = (1_000, 100_000, 10_000_000)
CHANGES = 10_000
ROUNDS = 7
GOAL = 1.5


def run() -> dict[str, Any]:
    """Seconds to land 10,000 upserts of the same thousand rows, into each of the tables in turn.

    How much longer it takes where the rows are drawn from the whole table is told besides: then 10,000 changes
    touch as many pages, which a server reads and logs whole the first time after each of its checkpoints.
    """
    sizes = [scaled(size) + place for place, size in enumerate(SIZES)]
    spent: dict[tuple[bool, int], list[float]] = {}
    with databases() as places:
        places.make_warehouse()
        for size in sizes:
            _land(places.warehouse, Batch(_name(size), None, "0", snapshots=(_snapshot(places.warehouse, size),)))
        ends = dict.fromkeys(sizes, 0)
        for number, whole, size in itertools.product(range(ROUNDS + 1), (False, True), sizes):
            changes = _changes(size if whole else sizes[0], number)
            start, ends[size] = str(ends[size]), ends[size] + 1
            batch = Batch(_name(size), start, str(ends[size]), changes=(changes,))
            spent.setdefault((whole, size), []).append(_land(places.warehouse, batch))
    # The first batch after the snapshots meets cold pages in every table.
    same = [spent[False, size][1:] for size in sizes]
    drawn = {size: statistics.median(spent[True, size][1:]) for size in sizes}
    return report(
        "growth", f"seconds to land the same {CHANGES:,} changes in {sizes[-1]:,} rows, against {sizes[0]:,} rows",
        same[-1], same[0], goal=GOAL, peer=f"{sizes[0]:,} rows",
        figures={
            f"seconds in {sizes[1]:,} rows": statistics.median(same[1]),
            "ratio where they are drawn from the whole table": drawn[sizes[-1]] / drawn[sizes[0]],
        },
    )  # fmt: skip


def _name(size: int) -> str:
    return f"rows{size}"


def payments() -> Table:
    """The table of payments as it is landed."""
    columns = (definition.replace(" NOT NULL", "").split(maxsplit=1) for definition in _definitions())
    return Table("payments", tuple(Column(name, kind) for name, kind in columns), ("id",))


def _definitions() -> list[str]:
    # numeric(12,2) holds a comma of its own.
    return [part.strip().replace(";", ",") for part in COLUMNS.replace("(12,2)", "(12;2)").split(",")]


def _snapshot(url: str, size: int) -> TableSnapshot:
    """Rows that the database makes up."""
    kinds = [column.type for column in payments().columns]
    values = ", ".join(f"v{n}::{kind}" for n, kind in enumerate(kinds))
    names = ", ".join(f"v{n}" for n in range(len(kinds)))

    def copy_to(target: IO[bytes], constants: Sequence[int | None]) -> int:
        own = "".join(f", {'NULL' if constant is None else constant}::bigint" for constant in constants)
        rows = f"SELECT {ROW} FROM generate_series(1, {size}) AS n"
        connection = connect(url)
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY (SELECT {values}{own} FROM ({rows}) AS r ({names})) TO STDOUT (FORMAT binary)",
                target,
            )
        connection.close()
        return size

    return TableSnapshot(payments(), copy_to)


def _changes(among: int, number: int) -> TableChanges:
    draw = random.Random(f"{among} {number}")  # noqa: S311
    changes = TableChanges(payments(), itertools.count(1))
    for _ in range(CHANGES):
        key = str(draw.randint(1, among))
        changes.upsert([key, "7", "1.50", "EUR", f"batch {number}", "t", "0.5", "2026-01-01", "a note"])
    return changes


def _land(url: str, batch: Batch) -> float:
    begun = time.perf_counter()
    with transaction(url) as connection:
        land(connection, batch, AT)
    return time.perf_counter() - begun
