"""A thousand validations from eight processes against one warehouse: none fails, none is lost."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import _validations
from benchmarks._databases import SCALE, Databases, databases, execute
from benchmarks.harness import report

VALIDATIONS = 1000
PROCESSES = 8


def run() -> dict[str, Any]:
    """The ratio is that of whole judgements (quarantine, passed rows, report) to those asked for."""
    each = max(1, round(VALIDATIONS * SCALE / PROCESSES))
    asked = each * PROCESSES
    with databases() as places, tempfile.TemporaryDirectory() as home:
        places.make_warehouse()
        folder = Path(home)
        for number in range(4):
            _validations.write_suite(folder, f"set_{number}")
        begun = time.perf_counter()
        ended = _race(places, folder, each)
        seconds = time.perf_counter() - begun
        whole = _whole(places, folder)
    return report(
        "parallel", f"{asked:,} validations from {PROCESSES} processes", [float(whole)], [float(asked)], goal=1.0,
        peer="asked for", unit="validations", at_least=True, also=ended == [0] * PROCESSES,
        figures={"exit codes": str(ended), "seconds": seconds, "validations a second": asked / seconds},
    )  # fmt: skip


def _race(places: Databases, folder: Path, each: int) -> list[int]:
    """The exit codes of the processes, all at once."""
    started = []
    for worker in range(PROCESSES):
        part = [str(worker), str(worker * each), str((worker + 1) * each)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._validations", *part], stdin=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(f"{places.warehouse}\n{folder}\n")
        process.stdin.close()
        started.append(process)
    try:
        return [process.wait(3600) for process in started]
    finally:
        for process in started:
            process.kill()


def _whole(places: Databases, folder: Path) -> int:
    """Judgements with their report, their passed rows and all their quarantined ones."""
    found = execute(
        places.admin,
        "SELECT dataset, report, passed FROM sluice.validations WHERE decision = 'publish' AND quarantined = 3",
    )
    kept = {
        run
        for number in range(4)
        for (run,) in execute(
            places.admin,
            f"SELECT run FROM quarantine.set_{number} GROUP BY run HAVING count(*) = {_validations.BAD}",
        )
    }
    reports = sum((folder / "reports" / path).is_file() for _, path, passed in found if passed == 17)
    ((tables,),) = execute(
        places.admin,
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging' AND tablename LIKE '%\\_\\_passed'",
    )
    return min(reports, len(kept), tables)
