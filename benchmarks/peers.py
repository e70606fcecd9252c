"""The same snapshot and the same changes by Sluice, by dlt, and by pandas."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._databases import Databases, databases, execute, scaled
from benchmarks.harness import report

# Smaller than in the other benchmarks, since the peers are slow.
ROWS = CHANGES = 500_000
ROUNDS = 3
GOAL = 5.0
DLT = ("dlt[postgres,sql_database]==1.31.0", "sqlalchemy==2.0.58", "pyarrow==26.0.1", "psycopg2-binary==2.9.13")
NOT_MEASURED = "not measured: it is fetched from a repository, not a package"


def run() -> dict[str, Any]:
    """Rows and changes a second of each, in turn; the ratio is that to the fastest peer of the snapshot.

    pandas gets the changes for nothing: it reads the rows that they touched and appends them, it neither
    finds out which they are nor what was deleted.
    """
    rows, changes = scaled(ROWS), scaled(CHANGES)
    spent: dict[str, list[float]] = {name: [] for name in ("ours", "dlt", "pandas", "our changes", "its changes")}
    with databases() as places, tempfile.TemporaryDirectory() as home:
        python = _install(Path(home))
        for _ in range(ROUNDS):
            places.make_source(rows)
            places.make_warehouse()
            spent["ours"].append(rows / places.collect())
            if python:
                spent["dlt"].append(rows / _dlt(python, places))
            spent["pandas"].append(rows / _pandas(places, "SELECT * FROM payments"))
            places.change(changes)
            spent["our changes"].append(changes / places.collect())
            touched = f"SELECT * FROM payments WHERE status LIKE 'x%%' OR id > {rows}"
            ((count,),) = execute(places.source, f"SELECT count(*) FROM ({touched.replace('%%', '%')}) AS t")
            spent["its changes"].append(count / _pandas(places, touched))
    medians = {name: statistics.median(values) for name, values in spent.items() if values}
    fastest = max(("dlt", "pandas"), key=lambda name: medians.get(name, 0.0))
    of_changes = medians["our changes"] / medians["its changes"]
    return report(
        "peers", f"rows a second of a first snapshot, {rows:,} rows × 9 columns", spent["ours"], spent[fastest],
        goal=GOAL, peer=fastest, unit="rows/s", at_least=True, also=of_changes >= GOAL,
        figures={
            "dlt sql_database with pyarrow, rows/s": medians.get("dlt", "not available"),
            "pandas read_sql and to_sql, rows/s": medians["pandas"],
            f"Sluice, changes/s of {changes:,}": medians["our changes"],
            "pandas, changed rows/s": medians["its changes"],
            "ratio of the changes": of_changes,
            "dlt pg_replication": NOT_MEASURED,
        },
    )  # fmt: skip


def _install(home: Path) -> Path | None:
    """An environment of its own with dlt; None if it cannot be installed."""
    subprocess.run([sys.executable, "-m", "venv", str(home / "dlt")], check=True, timeout=300)
    python = home / "dlt" / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *DLT]
    done = subprocess.run(command, capture_output=True, timeout=900, check=False)
    return python if done.returncode == 0 else None


def _dlt(python: Path, places: Databases) -> float:
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("_dlt.py"))], input=f"{places.source}\n{places.admin}",
        capture_output=True, text=True, timeout=1800, check=True,
        env={"PATH": os.environ.get("PATH", ""), "RUNTIME__DLTHUB_TELEMETRY": "false"},
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def _pandas(places: Databases, query: str) -> float:
    import pandas as pd
    from sqlalchemy import create_engine

    execute(places.admin, "DROP TABLE IF EXISTS public.pandas")
    read, write = (
        create_engine(url.replace("postgresql://", "postgresql+psycopg2://", 1))
        for url in (places.source, places.admin)
    )
    begun = time.perf_counter()
    pd.read_sql(query, read).to_sql("pandas", write, index=False, if_exists="append", chunksize=10_000)
    spent = time.perf_counter() - begun
    read.dispose()
    write.dispose()
    return spent
