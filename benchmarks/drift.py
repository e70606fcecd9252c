"""How often a run without drift raises an alarm, where 1 % is stated, and how often one with drift does."""

import itertools
import math
import multiprocessing
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._databases import SCALE
from benchmarks._summaries import summary_of, summary_of_words
from benchmarks.harness import keep
from include.core.summary import Moments, Summary
from include.validate.drift import comparable, p_values

QUESTION = "runs without drift that raise an alarm, as a share of the 1 % that are stated"
STATED = 0.01
GOAL = (0.7, 1.3)
# Rows of the published version and of the new ones; then columns, and runs.
SIZES = ((200, 200), (20_000, 2_000), (1_000_000, 1_000_000))
COLUMNS = {1: 20_000, 10: 20_000, 100: 10_000}
UNEVEN = ((1_000_000, 200), {1: 20_000, 10: 20_000})
POWER_RUNS = 300
# From here on counts are drawn by bin, which is all that a summary sees of the rows; bins of some tenth of their
# numbers, which are many times finer than the ten that are compared.
BY_BIN = 2_000
COARSE = 7
PART = 500
Draw = np.random.Generator
Column = Callable[[Draw, int], Any]


def _masked(values: np.ndarray, share: float, draw: Draw) -> np.ndarray:
    return np.ma.masked_array(values, draw.random(len(values)) < share)


def _words(draw: Draw, size: int, shares: tuple[float, ...]) -> list[str]:
    return [f"w{n}" for n in draw.choice(len(shares), size, p=shares).tolist()]


ZIPF = tuple((1 / n) / sum(1 / m for m in range(1, 201)) for n in range(1, 201))
FIVE = (0.5, 0.3, 0.15, 0.04, 0.01)
KINDS: Mapping[str, Column] = {
    "normal": lambda draw, size: draw.normal(0, 1, size),
    "lognormal": lambda draw, size: draw.lognormal(3, 1, size),
    "poisson": lambda draw, size: draw.poisson(3, size).astype(float),
    "gamma, 3 % missing": lambda draw, size: _masked(draw.gamma(2, 1, size), 0.03, draw),
    "zero in 70 %": lambda draw, size: draw.exponential(1, size) * (draw.random(size) > 0.7),
    "5 words": partial(_words, shares=FIVE),
    "200 words": partial(_words, shares=ZIPF),
    "flag of 1 %": lambda draw, size: (draw.random(size) < 0.01).astype(float),
}
# What becomes of one column in ten: which one, and its rows instead.
DRIFTS: Mapping[str, tuple[str, Column]] = {
    "mean + 0.1 sd": ("normal", lambda draw, size: draw.normal(0.1, 1, size)),
    "mean + 0.3 sd": ("normal", lambda draw, size: draw.normal(0.3, 1, size)),
    "sd x 1.2": ("normal", lambda draw, size: draw.normal(0, 1.2, size)),
    "missing 3 % → 8 %": ("gamma, 3 % missing", lambda draw, size: _masked(draw.gamma(2, 1, size), 0.08, draw)),
    "50 % → 40 % of a word": ("5 words", partial(_words, shares=(0.4, 0.4, 0.15, 0.04, 0.01))),
    "a new word, 3 %": ("5 words", partial(_words, shares=(0.5, 0.3, 0.15, 0.01, 0.01, 0.03))),
    "flag of 1 % → 2 %": ("flag of 1 %", lambda draw, size: (draw.random(size) < 0.02).astype(float)),
}


def run() -> dict[str, Any]:
    """False alarms by rows and columns, also of columns that depend on each other; then the power."""
    cells = [(rows, columns, runs) for columns, runs in COLUMNS.items() for rows in SIZES]
    cells += [(UNEVEN[0], columns, runs) for columns, runs in UNEVEN[1].items()]
    jobs: list[tuple[Any, ...]] = [("alarms", *cell, None) for cell in cells]
    jobs += [("alike", (1_000, 1_000), 10, 3_000, share) for share in (0.5, 0.9)]
    jobs += [("power", rows, 10, POWER_RUNS, drift) for drift in DRIFTS for rows in (*SIZES, UNEVEN[0])]
    jobs.sort(key=lambda job: job[2])
    # Many small parts, so that all cores are busy to the end.
    parts = [(job, part) for job in jobs for part in range(max(1, _runs(job) // PART))]
    found: dict[tuple[Any, ...], list[int]] = {}
    with multiprocessing.Pool() as pool:
        for (job, _), (runs, alarms) in zip(parts, pool.imap(_part, parts), strict=True):
            total = found.setdefault(job, [0, 0])
            total[0], total[1] = total[0] + runs, total[1] + alarms
            print(f"{sum(r for r, _ in found.values()):,} runs: {job} {total[1]} of {total[0]}", flush=True)
    return _report(found)


def _runs(job: tuple[Any, ...]) -> int:
    return max(1, round(job[3] * SCALE))


def _part(what: tuple[tuple[Any, ...], int]) -> tuple[int, int]:
    """(runs, alarms) of a part of a job."""
    job, number = what
    kind, (before, after), columns, _, more = job
    parts = max(1, _runs(job) // PART)
    runs = _runs(job) // parts
    draw = np.random.default_rng([number, before, after, columns, len(str(more)), ord(kind[1])])
    alarms = 0
    for place in range(runs):
        if kind == "alike":
            pairs = comparable(_alike(draw, before, columns, more), _alike(draw, after, columns, more))
        else:
            drift = more if kind == "power" else None
            names = list(itertools.islice(itertools.cycle(KINDS), place, place + columns))
            pairs = comparable(_sample(draw, before, names, None), _sample(draw, after, names, drift))
        told = p_values(pairs, STATED, str(job), number, place)
        alarms += bool(told.drifted)
    return runs, alarms


def _sample(draw: Draw, size: int, names: list[str], drift: str | None) -> dict[str, Summary]:
    drifting = names.index(DRIFTS[drift][0]) if drift is not None else None
    return {
        str(n): _summary(drift if drift and n == drifting else name, draw, size) for n, name in enumerate(names)
    }


def _column(name: str) -> Column:
    return DRIFTS[name][1] if name in DRIFTS else KINDS[name]


def _summary(name: str, draw: Draw, size: int) -> Summary:
    if size < BY_BIN:
        return _of(_column(name)(draw, size))
    whole = _population(name)
    cells = [*whole.bins.values(), whole.nulls]
    counts = draw.multinomial(size, np.array(cells) / whole.rows).tolist()
    held = dict(zip(whole.bins, counts, strict=False))
    kept = {place: rows for place, rows in held.items() if rows}
    if whole.kind == "word":
        names = {n: rows for n, rows in zip(whole.named, counts, strict=False) if rows}
        return Summary("word", size, counts[-1], kept, whole.level, named=names)
    return Summary("number", size, counts[-1], kept, whole.level, moments=Moments(size - counts[-1], 0, 1, 0, 1))


@cache
def _population(name: str) -> Summary:
    """The summary of two million rows of a column, which later samples are drawn from; words by their names."""
    whole = _of(_column(name)(np.random.default_rng(1), 2_000_000))
    if whole.kind == "number":
        level = max(whole.level, COARSE)
        return Summary("number", whole.rows, whole.nulls, dict(sorted(whole.at(level).items())), level)
    return Summary("word", whole.rows, whole.nulls, dict(enumerate(whole.named.values())), 0, named=whole.named)


def _of(values: Any) -> Summary:
    return summary_of_words(values) if isinstance(values, list) else summary_of(values)


def _alike(draw: Draw, size: int, columns: int, share: float) -> dict[str, Summary]:
    """Normal columns, each two of which correlate by `share`."""
    common = draw.normal(0, 1, size)
    own = draw.normal(0, 1, (columns, size))
    rows = math.sqrt(share) * common + math.sqrt(1 - share) * own
    return {str(place): summary_of(values) for place, values in enumerate(rows)}


def _report(found: Mapping[tuple[Any, ...], list[int]]) -> dict[str, Any]:
    told = [
        {"what": kind, "published": rows[0], "new": rows[1], "columns": columns, "of": more,
         "runs": runs, "rate": alarms / runs, "error": math.sqrt(alarms * (runs - alarms) / runs) / runs}
        for (kind, rows, columns, _, more), (runs, alarms) in found.items()
    ]  # fmt: skip
    rates = [each["rate"] / STATED for each in told if each["what"] == "alarms"]
    worst = max(rates, key=lambda rate: abs(rate - 1))
    result = {
        "question": QUESTION, "ours": worst * STATED, "against": STATED, "ratio": worst, "goal": GOAL,
        "holds": all(GOAL[0] <= rate <= GOAL[1] for rate in rates), "unit": "alarms a run", "cells": told,
    }  # fmt: skip
    table = Table(title=QUESTION)
    for column in ("", "published", "new", "columns", "runs", "alarms", "± 1.96 s.e."):
        table.add_column(column, justify="left" if not column else "right")
    for each in told:
        label = {"alarms": "no drift", "alike": f"no drift, correlated {each['of']}"}.get(each["what"], each["of"])
        table.add_row(
            str(label), f"{each['published']:,}", f"{each['new']:,}", str(each["columns"]), f"{each['runs']:,}",
            f"{each['rate']:.2%}", f"{1.96 * each['error']:.2%}",
        )  # fmt: skip
    table.add_row("worst", "", "", "", "", f"{worst:.2f}", f"goal {GOAL[0]} to {GOAL[1]}")
    Console(width=120).print(table)
    keep("drift", result)
    return result
