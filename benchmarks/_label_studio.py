"""A labelling round on a real Label Studio: its items, its simulated annotators, and what is killed in between.

`python -m benchmarks._label_studio send|take URL PROJECT TASKS FILE` is the side that gets killed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from include.label.studio.connection import Studio
from include.label.studio.project import send, take_back
from include.local.home import PROJECT

CLASSES = ("good", "bad", "mixed")
TOKEN = "SLUICE_BENCH_TOKEN"  # noqa: S105  (where it is passed on)


def key(number: int) -> str:
    return f"review-{number:06}"


def label(number: int, annotator: int) -> str:
    """What this annotator says of this item; the two differ on one item in three."""
    return CLASSES[(number + annotator * (number % 3 == 0)) % len(CLASSES)]


def answer(label: str) -> list[dict[str, Any]]:
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]


def tasks(count: int) -> list[dict[str, Any]]:
    """Reviews of a few hundred characters, each with a prediction."""
    return [
        {
            "data": {"text": f"Review number {n}. " + "It came on time and does what it should. " * 8},
            "meta": {"sluice_key": key(n)},
            "predictions": [{"model_version": "rules", "score": 0.5, "result": answer(CLASSES[n % 3])}],
        }
        for n in range(count)
    ]


def annotate(url: str, token: str, annotator: int, numbers: dict[int, int]) -> None:
    """Label tasks, one request each, as the tool's own page does. `numbers`: of the items, by task id."""
    signed = {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=url, headers=signed, timeout=120, trust_env=False) as client:
        for task, number in numbers.items():
            said = {"result": answer(label(number, annotator)), "lead_time": 2.5}
            client.post(f"/api/tasks/{task}/annotations/", json=said).raise_for_status()


@contextmanager
def child(
    what: str, url: str, token: str, project: int, *, count: int, file: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """This module at work in a process of its own, which is killed at the end."""
    command = [sys.executable, "-m", "benchmarks._label_studio", what, url, str(project), str(count), str(file)]
    process = subprocess.Popen(command, cwd=PROJECT, env=os.environ | {TOKEN: token})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main(what: str, url: str, project: str, count: str, file: str) -> None:
    with Studio(url, os.environ[TOKEN]) as studio:
        if what == "send":
            send(studio, int(project), tasks(int(count)))
        else:
            take_back(studio, int(project), Path(file), ())


if __name__ == "__main__":
    main(*sys.argv[1:])
