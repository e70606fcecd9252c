"""Time a change of the same batch, while the landing table grows from a thousand to ten million rows."""

import io
import itertools
import random
import statistics
import time
from collections.abc import Iterator
from typing import IO, Any

from benchmarks._databases import AT, COLUMNS, ROW, databases, execute, scaled
from benchmarks.harness import report
from include.core.batch import Batch, Column, Table, TableChanges, TableSnapshot
from include.warehouse.connection import connect, transaction
from include.warehouse.landing import land
from include.warehouse.tables import ROOM

SIZES = (1_000, 100_000, 10_000_000)
CHANGES = 10_000
ROUNDS = 7
GOAL = 1.5


def run() -> dict[str, Any]:
    """Seconds to land 10,000 upserts of the same thousand rows, into each of the tables in turn.

    How much longer it takes where the rows are drawn from the whole table is held against what a plain table of
    the same rows takes for the same upserts: then 10,000 changes touch as many pages, which a server reads, and
    logs whole the first time after each of its checkpoints, whatever the table is for.
    """
    sizes = [scaled(size) + place for place, size in enumerate(SIZES)]
    same: dict[int, list[float]] = {size: [] for size in sizes}
    drawn: dict[int, list[float]] = {size: [] for size in sizes}
    plain: dict[int, list[float]] = {size: [] for size in sizes}
    with databases() as places:
        places.make_warehouse()
        for size in sizes:
            _land(places.warehouse, Batch(_name(size), None, "0", snapshots=(_snapshot(places.warehouse, size),)))
            _make_plain(places.admin, size)
        ends = dict.fromkeys(sizes, 0)
        for number, size in itertools.product(range(ROUNDS + 1), sizes):
            for spent, among in ((same, sizes[0]), (drawn, size)):
                start, ends[size] = str(ends[size]), ends[size] + 1
                batch = Batch(_name(size), start, str(ends[size]), changes=(_changes(among, number),))
                spent[size].append(_land(places.warehouse, batch))
            plain[size].append(_upsert(places.admin, size, number))
    # The first batch after the snapshots meets cold pages in every table.
    ours, theirs = (
        {size: statistics.median(seconds[1:]) for size, seconds in spent.items()} for spent in (drawn, plain)
    )
    growth, peer = (spent[sizes[-1]] / spent[sizes[0]] for spent in (ours, theirs))
    return report(
        "growth", f"seconds to land the same {CHANGES:,} changes in {sizes[-1]:,} rows, against {sizes[0]:,} rows",
        same[sizes[-1]][1:], same[sizes[0]][1:], goal=GOAL, peer=f"{sizes[0]:,} rows", also=growth <= GOAL * peer,
        figures={
            f"seconds in {sizes[1]:,} rows": statistics.median(same[sizes[1]][1:]),
            "ratio where they are drawn from the whole table": growth,
            "the same of a plain table": peer,
            "seconds to seconds of the plain table, at the largest": ours[sizes[-1]] / theirs[sizes[-1]],
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

    def copy_to(target: IO[bytes]) -> int:
        rows = f"SELECT {ROW} FROM generate_series(1, {size}) AS n"
        connection = connect(url)
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY (SELECT {values} FROM ({rows}) AS r ({names})) TO STDOUT (FORMAT binary)",
                target,
            )
        connection.close()
        return size

    return TableSnapshot(payments(), copy_to)


def _rows(among: int, number: int) -> Iterator[list[str]]:
    draw = random.Random(f"{among} {number}")  # noqa: S311
    for _ in range(CHANGES):
        key = str(draw.randint(1, among))
        yield [key, "7", "1.50", "EUR", f"batch {number}", "t", "0.5", "2026-01-01", "a note"]


def _changes(among: int, number: int) -> TableChanges:
    changes = TableChanges(payments(), itertools.count(1))
    for row in _rows(among, number):
        changes.upsert(row)
    return changes


def _land(url: str, batch: Batch) -> float:
    begun = time.perf_counter()
    with transaction(url) as connection:
        land(connection, batch, AT)
    return time.perf_counter() - begun


def _make_plain(url: str, size: int) -> None:
    """What a landing table's open rows are, without a history: as full, with the key's index, vacuumed."""
    execute(
        url,
        f"CREATE TABLE public.{_name(size)} ({COLUMNS}) WITH (fillfactor = {ROOM})",
        f"INSERT INTO public.{_name(size)} SELECT {ROW} FROM generate_series(1, {size}) AS n",
        f"ALTER TABLE public.{_name(size)} ADD PRIMARY KEY (id)",
        f"VACUUM (ANALYZE) public.{_name(size)}",
    )


def _upsert(url: str, size: int, number: int) -> float:
    """Seconds of the upserts that `_changes` draws from the whole table; of a key's the last one alone is made."""
    rows = "".join("\t".join(row) + "\n" for row in _rows(size, number))
    assignments = ", ".join(f"{column.name} = excluded.{column.name}" for column in payments().columns[1:])
    begun = time.perf_counter()
    with transaction(url, role=None) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE fresh (LIKE public.{_name(size)})")
        cursor.copy_expert("COPY pg_temp.fresh FROM STDIN", io.StringIO(rows))
        cursor.execute(
            f"INSERT INTO public.{_name(size)} SELECT DISTINCT ON (id) * FROM pg_temp.fresh"
            f" ON CONFLICT (id) DO UPDATE SET {assignments}"
        )
    return time.perf_counter() - begun
