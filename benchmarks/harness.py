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
    name: str, question: str, ours: list[float], against: list[float], *, goal: float, peer: str, unit: str = "s",
    higher_is_better: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Print the table and keep `results/<name>.json`; `ratio` is the median of ours/against by round.

    It is to be at most `goal`, or at least that where `higher_is_better`.
    """
    ratio = statistics.median(a / b for a, b in zip(ours, against, strict=True))
    holds = ratio >= goal if higher_is_better else ratio <= goal
    result = {
        "question": question,
        "ours": statistics.median(ours),
        "against": statistics.median(against),
        "ratio": ratio,
        "goal": goal,
        "holds": holds,
        "unit": unit,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }
    table = Table(title=question)
    for column in ("", "min", "median", "max"):
        table.add_column(column, justify="left" if not column else "right")
    for label, values in (("Sluice", ours), (peer, against)):
        row = (min(values), statistics.median(values), max(values))
        table.add_row(label, *(f"{value:.2f} {unit}" for value in row))
    sign = "≥" if higher_is_better else "≤"
    table.add_row("ratio", "", f"{ratio:.2f}", f"goal {sign} {goal:g}: {'holds' if holds else 'missed'}")
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    return result
