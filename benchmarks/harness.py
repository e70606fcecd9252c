"""What every benchmark shares: medians, a table, and a JSON result."""

import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def report(
    name: str,
    question: str,
    ours: list[float],
    against: list[float],
    *,
    goal: float,
    peer: str,
    ours_name: str = "Sluice",
    unit: str = "s",
    at_least: bool = False,
    also: bool = True,
    figures: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Print the table and keep `results/<name>.json`; `ratio` is the median of ours/against by round.

    It holds if the ratio is at most the goal, or with `at_least` at least, and the further condition `also` is
    met. `figures` are kept and printed besides. Where the question is how many times faster Sluice is, `ours` are
    the peer's seconds and `against` are ours; `ours_name` and `peer` say so in the table.
    """
    ratio = statistics.median(a / b for a, b in zip(ours, against, strict=True))
    result = {
        "question": question,
        "ours": statistics.median(ours),
        "against": statistics.median(against),
        "ratio": ratio,
        "goal": goal,
        "holds": (ratio >= goal if at_least else ratio <= goal) and also,
        "unit": unit,
        **(figures or {}),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }
    table = Table(title=question)
    for column in ("", "min", "median", "max"):
        table.add_column(column, justify="left" if not column else "right")
    for label, values in ((ours_name, ours), (peer, against)):
        row = (min(values), statistics.median(values), max(values))
        table.add_row(label, *(f"{value:,.{0 if value >= 1000 else 2}f} {unit}" for value in row))
    sign = "≥" if at_least else "≤"
    table.add_row("ratio", "", f"{ratio:.2f}", f"goal {sign} {goal:g}: {'holds' if result['holds'] else 'missed'}")
    Console().print(table)
    for label, value in (figures or {}).items():
        Console().print(f"  {label}: {value:,.4g}" if isinstance(value, float) else f"  {label}: {value}")
    keep(name, result)
    return result


def keep(name: str, result: dict[str, Any]) -> None:
    """Write `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
