"""Reading the current state of ten million rows with five versions each, against a plain table of them."""

import time
from typing import Any

from benchmarks._databases import AT, COLUMNS, NAMES, ROW, databases, execute, scaled
from benchmarks.growth import payments
from benchmarks.harness import report
from include.core.batch import Batch
from include.warehouse.connection import transaction
from include.warehouse.landing import land

ROWS = 10_000_000
VERSIONS = 5
ROUNDS = 5
GOAL = 1.5

READ = "SELECT count(*), sum(amount), max(created), min(note) FROM {}"
CURRENT = "landing.bench_payments WHERE _seq_to IS NULL"


def run() -> dict[str, Any]:
    """Seconds of one aggregate over every current row, in turn. The versions are made by SQL, not by changes."""
    rows = scaled(ROWS)
    ours, plain = [], []
    with databases() as places:
        places.make_warehouse()
        with transaction(places.warehouse) as connection:
            land(connection, Batch("bench", None, "0", shapes=(payments(),)), AT)
        made = f"SELECT {ROW}, {{}} FROM generate_series(1, {rows}) AS n"
        columns = f"({NAMES}, _seq_from, _seq_to, _batch)"
        for version in range(1, VERSIONS + 1):
            part, end = ("past", f"{version + 1}") if version < VERSIONS else ("now", "NULL::bigint")
            execute(
                places.admin,
                f"INSERT INTO landing.bench_payments__{part} {columns} {made.format(f'{version}, {end}, 1')}",
            )
        execute(
            places.admin,
            f"CREATE TABLE public.plain ({COLUMNS}, PRIMARY KEY (id))",
            f"INSERT INTO public.plain SELECT {ROW} FROM generate_series(1, {rows}) AS n",
            "VACUUM (ANALYZE)",
            "CHECKPOINT",
        )
        for _ in range(ROUNDS):
            ours.append(_seconds(places.admin, READ.format(CURRENT)))
            plain.append(_seconds(places.admin, READ.format("public.plain")))
    return report(
        "current_state", f"seconds to read the current state of {rows:,} rows with {VERSIONS} versions each",
        ours, plain, goal=GOAL, peer="a plain table",
    )  # fmt: skip


def _seconds(url: str, query: str) -> float:
    begun = time.perf_counter()
    execute(url, query)
    return time.perf_counter() - begun
