"""A round of two annotators through a real Label Studio: none lost, and how fast the answers come back."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import _label_studio as round_
from benchmarks._databases import scaled
from benchmarks.harness import report
from include.label.studio.connection import Studio
from include.label.studio.interface import Question, Shown, interface
from include.label.studio.project import Taken, ensure_project, progress, send, take_back
from include.label.studio.tasks import key_of, listing
from include.local.home import PROJECT, Home
from include.local.label_studio import PROGRAM, LabelStudio, sign_up

TASKS = scaled(5_000)
QUESTION = f"Label Studio: {TASKS:,} tasks × 2 annotators sent, annotated and taken back, killed in between"
GOAL = 2.0
ROUNDS = 3
# Of the SDK's listing; 0 is its own size. The largest one is its best.
PAGE_SIZES = (0, 100, 1_000)
ANNOTATORS = ("sluice", "second")


def run() -> dict[str, Any]:
    with running() as server, Studio(server.url, server.token) as studio, tempfile.TemporaryDirectory() as folder:
        second = sign_up(server.url, server.token, "second@example.org", "a benchmark's own")
        shown = interface([Shown("text")], [Question("text", labels=round_.CLASSES)])
        project = ensure_project(studio, "Benchmark", shown, overlap=len(ANNOTATORS))
        seconds = {"send, killed once": _send(studio, server.token, project)}
        seconds["annotate by REST"] = _annotate(studio, (server.token, second), project)
        done = progress(studio, project)
        left_half = _killed_taking(studio, server.token, project, Path(folder))
        ours, taken = _take(studio, project, Path(folder))
        export = taken.read()
        sdk = _sdk(server, project)
    peers = {size: [seconds for seconds, _ in runs] for size, runs in sdk.items()}
    best = min(peers, key=lambda size: statistics.median(peers[size]))
    figures: dict[str, Any] = {
        "labels lost or wrong": _lost(export),
        "progress told": str(done),
        "tasks missing": len(taken.deleted),
        "a killed export left a file": left_half,
        "annotations taken back": sum(len(task["annotations"]) for task in export),
        "annotations that the SDK listed": min(count for runs in sdk.values() for _, count in runs),
    }
    annotations = TASKS * len(ANNOTATORS)
    whole = (0, f"all {TASKS:,} tasks have their annotations", 0, False, annotations, annotations)
    return report(
        "label_studio", QUESTION, peers[best], ours, goal=GOAL, peer="Sluice: one export", at_least=True,
        ours_name=f"SDK's listing, {best or 'its own'} tasks a page", also=tuple(figures.values()) == whole,
        figures=figures
        | {f"seconds to {what}": value for what, value in seconds.items()}
        | {f"SDK's seconds at {size or 'its own'} a page": statistics.median(s) for size, s in peers.items()},
    )  # fmt: skip


@contextmanager
def running() -> Iterator[LabelStudio]:
    """A server of its own, with nothing in it; Label Studio is installed if it is not yet."""
    if not PROGRAM.exists():
        subprocess.run(["make", "--silent", f"{PROGRAM.parents[1].name}/.installed"], cwd=PROJECT, check=True)
    home = Home(Path(tempfile.mkdtemp(prefix="sluice-bench-")))
    server = LabelStudio(home, print)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home.path)


def _send(studio: Studio, token: str, project: int) -> float:
    """Seconds to send every task, by a process that is killed when a third has arrived, and by this one."""
    begun = time.perf_counter()
    with round_.child("send", studio.url, token, project, count=TASKS, file=Path(os.devnull)) as sending:
        while progress(studio, project).tasks < TASKS // 3 and sending.poll() is None:
            time.sleep(0.1)
        assert sending.poll() is None, "it ended before it was killed"
    sent = send(studio, project, round_.tasks(TASKS))
    print(f"killed with {sent.known:,} tasks there; then {sent.new:,} sent, {sent.copies} copies taken out")
    spent = time.perf_counter() - begun
    again = send(studio, project, round_.tasks(TASKS))
    assert (again.new, again.known) == (0, TASKS)
    return spent


def _annotate(studio: Studio, tokens: tuple[str, ...], project: int) -> float:
    begun = time.perf_counter()
    numbers = {round_.key(number): number for number in range(TASKS)}
    there = {task["id"]: numbers[key_of(task) or ""] for task in listing(studio.get, project, ("meta",))}
    with ThreadPoolExecutor(len(tokens)) as pool:
        people = [pool.submit(round_.annotate, studio.url, token, who, there) for who, token in enumerate(tokens)]
        for person in people:
            person.result()
    return time.perf_counter() - begun


def _killed_taking(studio: Studio, token: str, project: int, folder: Path) -> bool:
    """Whether a killed export left a file that looks whole."""
    with round_.child("take", studio.url, token, project, count=TASKS, file=folder / "killed.json") as taking:
        while not (folder / "killed.json.partial").exists() and taking.poll() is None:
            time.sleep(0.02)
        assert taking.poll() is None, "it ended before it was killed"
    return (folder / "killed.json").exists()


def _take(studio: Studio, project: int, folder: Path) -> tuple[list[float], Taken]:
    """Seconds to the annotations in memory, from a file that was checked to be whole."""
    seconds = []
    for number in range(ROUNDS):
        begun = time.perf_counter()
        taken = take_back(studio, project, folder / f"{number}.json", map(round_.key, range(TASKS)))
        taken.read()
        seconds.append(time.perf_counter() - begun)
    return seconds, taken


def _sdk(server: LabelStudio, project: int) -> dict[int, list[tuple[float, int]]]:
    """For each page size: seconds and the number of annotations, ROUNDS times."""
    command = [str(PROGRAM.with_name("python")), str(Path(__file__).with_name("_label_studio_sdk.py"))]
    sizes = [str(size) for size in PAGE_SIZES] * ROUNDS
    done = subprocess.run(
        [*command, server.url, str(project), *sizes], check=True, capture_output=True, text=True, timeout=3600,
        env={"PATH": os.environ.get("PATH", ""), round_.TOKEN: server.token, "NO_PROXY": "*"},
    )  # fmt: skip
    found: dict[int, list[tuple[float, int]]] = {}
    for size, (seconds, count) in zip(sizes, json.loads(done.stdout), strict=True):
        found.setdefault(int(size), []).append((seconds, count))
    return found


def _lost(export: list[dict[str, Any]]) -> int:
    """How many of the labels that were given are not in the export just as their annotator gave them."""
    given = {
        (round_.key(n), who): round_.label(n, who) for n in range(TASKS) for who in range(len(ANNOTATORS))
    }  # fmt: skip
    said = [(key_of(task), annotation) for task in export for annotation in task["annotations"]]
    people = sorted({annotation["completed_by"] for _, annotation in said})
    back = {
        (key, people.index(annotation["completed_by"])): annotation["result"][0]["value"]["choices"]
        for key, annotation in said
    }
    return sum(back.get(asked) != [label] for asked, label in given.items())
