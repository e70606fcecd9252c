"""What the ten-thousandth run pays for reporting more than the first: validation, report, and the pages' lists."""

import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks._databases import AT, Databases, databases, execute, scaled
from benchmarks._gate import PAYMENTS, make_candidate, write_suite
from benchmarks.harness import report
from include.pipeline.validate import validate
from include.warehouse.connection import transaction
from include.warehouse.staging import sweep
from include.warehouse.validations import record, recorded

RUNS = 10_000
ROUNDS = 5
ALLOWED = 0.5
ROWS = 2000


def run() -> dict[str, Any]:
    """Seconds of a small validation and of each list, on an empty record and on one of 10,000 runs.

    A run in the record is a copy of the first in every part: outcomes, quarantined rows, page. All are of one
    dataset, and the lists are asked for as the pages ask.
    """
    runs = scaled(RUNS)
    with databases() as places, tempfile.TemporaryDirectory() as home:
        suites = write_suite(Path(home))
        places.make_warehouse()
        _validation(places, suites, "the imports")
        first = [_reporting(places, suites, f"first {number}") for number in range(ROUNDS)]
        _fill(places, suites / "reports", runs)
        last = [_reporting(places, suites, f"last {number}") for number in range(ROUNDS)]
    more = [max(0.0, sum(b.values()) - sum(a.values())) for a, b in zip(first, last, strict=True)]
    parts = {
        f"{part}, s: first, then": f"{_median(first, part):.3f}, {_median(last, part):.3f}" for part in first[0]
    }
    return report(
        "reporting", f"what run {runs:,} pays for reporting more than the first", more, [ALLOWED] * ROUNDS,
        goal=1.0, peer="allowed", figures=parts,
    )  # fmt: skip


def _median(rounds: list[dict[str, float]], part: str) -> float:
    return statistics.median(one[part] for one in rounds)


def _validation(places: Databases, suites: Path, run: str) -> float:
    at = AT + timedelta(days=1 if run.startswith("first") else 900)
    candidate = make_candidate(places, ROWS, run)
    begun = time.perf_counter()
    validate(places.warehouse, PAYMENTS, candidate, suites=suites, reports=suites / "reports", at=at)
    spent = time.perf_counter() - begun
    sweep(places.warehouse, PAYMENTS.name)
    return spent


def _reporting(places: Databases, suites: Path, run: str) -> dict[str, float]:
    """Seconds by part."""
    from include.web import queries

    spent = {"validation and report": _validation(places, suites, run)}
    with queries.reading(places.warehouse) as connection:
        begun = time.perf_counter()
        queries.latest_judgements(connection)
        queries.quarantine_news(connection)
        spent["page of datasets"] = time.perf_counter() - begun
        begun = time.perf_counter()
        queries.count_validations(connection)
        queries.validations(connection, limit=50)
        queries.validations(connection, dataset=PAYMENTS.name, limit=50)
        queries.latest_judgements(connection)
        spent["pages of reports"] = time.perf_counter() - begun
    return spent


def _fill(places: Databases, reports: Path, runs: int) -> None:
    """Copies of the first run, one an hour."""
    with transaction(places.warehouse) as connection:
        known = recorded(connection, "first 0", PAYMENTS.name, "gate")
        assert known is not None
        for number in range(runs):
            page = reports / PAYMENTS.name / f"old_{number}" / "gate.html"
            page.parent.mkdir()
            shutil.copyfile(reports / known.report, page)
            at = known.at + timedelta(days=1, minutes=number)
            path = str(page.relative_to(reports))
            record(connection, replace(known, run=f"old {number}", report=path, at=at))
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO quarantine.payments SELECT 'old ' || n, row_number, key, row, reasons, suite_hash,"
                " batches, quarantined_at FROM quarantine.payments, generate_series(0, %s) AS n"
                " WHERE run = 'first 0' AND row_number <= 10",
                (runs - 1,),
            )
    execute(places.admin, "ANALYZE sluice.validations", "ANALYZE quarantine.payments")
