"""A labelling round in Label Studio: its project, its tasks sent once, its answers taken back in one piece."""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.core.errors import FatalError, RetriableError
from include.label.studio.connection import Studio
from include.label.studio.tasks import PATH, Progress, Task, counted, key_of, keyed, listing

# An import is one transaction of the server: small enough to be answered soon.
TASKS_AT_ONCE = 500
BYTES_AT_ONCE = 8_000_000
SHORTEST_TITLE, LONGEST_TITLE = 3, 50


@dataclass(frozen=True, slots=True)
class Sent:
    """How many tasks were sent now, how many were there before, and how many copies were taken out."""

    new: int
    known: int
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """An export, whole: a file of JSON, how many tasks it holds, and the keys of sent items it does not hold."""

    path: Path
    tasks: int
    deleted: tuple[str, ...]

    def read(self) -> list[dict[str, Any]]:
        """The tasks as Label Studio's dicts, each with its annotations."""
        return list(json.loads(self.path.read_bytes()))


def ensure_project(studio: Studio, title: str, interface: str, *, overlap: int = 1, guideline: str = "") -> int:
    """The id of the project with this title, made or brought up to date: its interface, overlap and guideline.

    Raises FatalError if several have the title, and if annotations forbid the change of the interface.
    """
    if not SHORTEST_TITLE <= len(title) <= LONGEST_TITLE or title != title.strip():
        raise FatalError(
            f"The title {title!r} is not of {SHORTEST_TITLE} to {LONGEST_TITLE} characters, or has space around.",
            fix="choose another title.",
        )
    if overlap < 1:
        raise FatalError(f"overlap is {overlap}: a task needs one annotator at least.", fix="declare 1 or more.")
    wanted = {
        "label_config": interface,
        "maximum_annotations": overlap,
        "expert_instruction": guideline,
        "show_instruction": bool(guideline),
    }
    found = _titled(studio, title, tuple(wanted))
    if len(found) > 1:
        numbers = ", ".join(str(project["id"]) for project in found)
        raise FatalError(
            f"{len(found)} projects in Label Studio are titled {title!r}: {numbers}.",
            fix="rename all but the one to go on with.",
        )
    if not found:
        return int(studio.post("/api/projects/", {"title": title, **wanted})["id"])
    project = int(found[0]["id"])
    if changed := {name: value for name, value in wanted.items() if found[0].get(name) != value}:
        studio.patch(f"/api/projects/{project}/", changed)
    return project


def find_project(studio: Studio, title: str) -> int:
    """The id of the project with this title. Raises FatalError if there is none, or several."""
    found = _titled(studio, title, ())
    if len(found) != 1:
        raise FatalError(
            f"Label Studio has {len(found)} projects titled {title!r}.",
            fix="give the project its title back, or take the round back by hand from an export.",
        )
    return int(found[0]["id"])


def send(studio: Studio, project: int, tasks: Iterable[Task]) -> Sent:
    """Send the tasks whose items the project does not hold yet, with their predictions.

    A task is Label Studio's dict with its item's key as `sluice_key` in its meta. A call that was killed or cut
    off is made good by the next one: what arrived is not sent again, and if an import of the first was still
    under way while the second looked, its copies without annotations are taken out.
    """
    wanted = keyed(tasks)
    held = {key for task in _held(studio, project) if (key := key_of(task)) is not None}
    new = [task for key, task in wanted.items() if key not in held]
    for batch in batches(new):
        # Not tried again here: without an answer, nobody knows if it was carried out.
        studio.post(f"/api/projects/{project}/import", batch)
    return Sent(len(new), len(wanted) - len(new), _remove_copies(studio, project))


def progress(studio: Studio, project: int, sent: Iterable[str] = ()) -> Progress:
    """How far the project is. Raises FatalError if an item of those that were `sent` has no task any more."""
    tasks = counted(studio.get, project)
    check_nothing_deleted(_deleted(sent, tasks))
    return Progress.of(tasks)


def take_back(studio: Studio, project: int, to: Path, sent: Iterable[str]) -> Taken:
    """Everything that everyone said, in one export into the file `to`, which appears only when it is whole.

    `sent` are the keys of the items asked for; those that have no task anymore are told. Raises RetriableError
    if the export is cut short, or holds another number of tasks than the project.
    """
    partial = to.with_name(f"{to.name}.partial")
    try:
        studio.download(
            f"/api/projects/{project}/export", {"exportType": "JSON", "download_all_tasks": "true"}, partial
        )
        tasks = _whole(partial)
        expected = int(studio.get(f"/api/projects/{project}/")["task_number"])
        if len(tasks) != expected:
            raise RetriableError(
                f"The export of project {project} holds {len(tasks)} tasks, the project {expected}.",
                fix="take it back again: tasks came or went meanwhile.",
            )
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)
    return Taken(to, len(tasks), _deleted(sent, tasks))


def holding(studio: Studio, title: str, theirs: Callable[[str], bool]) -> list[int] | None:
    """The tasks of the items whose key is `theirs`, in all projects with this title; None if there is none."""
    projects = [int(project["id"]) for project in _titled(studio, title, ())]
    tasks = [task for project in projects for task in listing(studio.get, project, ("meta", "data"))]
    found = [int(task["id"]) for task in tasks if (key := key_of(task)) is not None and theirs(key)]
    return found if projects else None


def forget(studio: Studio, title: str, theirs: Callable[[str], bool]) -> int | None:
    """Delete those tasks and their annotations; how many there were. What is cut off, the next call makes good."""
    found = holding(studio, title, theirs)
    for task in found or ():
        studio.delete(f"{PATH}/{task}/")
    return None if found is None else len(found)


def people(studio: Studio) -> dict[int, str]:
    """Who may have labelled: e-mail addresses by the number that an export calls a user by."""
    return {int(user["id"]): str(user["email"]) for user in studio.get("/api/users/")}


def check_nothing_deleted(deleted: Sequence[str]) -> None:
    """Raises FatalError naming the items, of which the tasks were deleted in the tool."""
    if deleted:
        raise FatalError(
            f"{len(deleted)} tasks were deleted in Label Studio, of the items "
            f"{', '.join(deleted[:10])}{' …' if len(deleted) > 10 else ''}.",
            fix="clear the round's task `ask`, which sends them again and nothing else; let annotators skip what"
            " they cannot label.",
        )


def batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Tasks in their order, in lists of TASKS_AT_ONCE and about BYTES_AT_ONCE at the most."""
    batch: list[Task] = []
    size = 0
    for task in tasks:
        length = len(json.dumps(task))
        if batch and (len(batch) == TASKS_AT_ONCE or size + length > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += length
    if batch:
        yield batch


def _titled(studio: Studio, title: str, fields: Iterable[str]) -> list[Mapping[str, Any]]:
    """The projects with exactly this title; the server's own search finds parts of titles, too."""
    found: list[Mapping[str, Any]] = []
    for page in itertools.count(1):
        answer = studio.get(
            "/api/projects/",
            {"title": title, "page": page, "page_size": 100, "include": ",".join(("id", "title", *fields))},
        )
        found += [project for project in answer["results"] if project["title"] == title]
        if not answer["next"]:
            break
    return found


def _held(studio: Studio, project: int) -> list[dict[str, Any]]:
    """The project's tasks. Their data, which may be pictures, are asked for only where a key is in no meta."""
    fields = ("meta", "total_annotations", "cancelled_annotations")
    found = listing(studio.get, project, fields)
    if all(key_of(task) is not None for task in found):
        return found
    return listing(studio.get, project, ("data", *fields))


def _remove_copies(studio: Studio, project: int) -> int:
    """Of several tasks of one item, keep those that were worked on, or else the first; returns how many went."""
    by_key: dict[str, list[dict[str, Any]]] = {}
    for task in _held(studio, project):
        if (key := key_of(task)) is not None:
            by_key.setdefault(key, []).append(task)
    copies = []
    for tasks in by_key.values():
        untouched = [t for t in tasks if not t["total_annotations"] and not t["cancelled_annotations"]]
        # Where nobody has worked on any, the first stays.
        copies += untouched[1:] if len(untouched) == len(tasks) else untouched
    for task in copies:
        studio.delete(f"/api/tasks/{task['id']}/")
    return len(copies)


def _deleted(sent: Iterable[str], tasks: Iterable[Task]) -> tuple[str, ...]:
    held = {key_of(task) for task in tasks}
    return tuple(sorted(key for key in sent if key not in held))


def _whole(path: Path) -> list[Task]:
    try:
        tasks = json.loads(path.read_bytes())
    except ValueError as error:
        raise RetriableError(
            f"The export of {path.stat().st_size:,} bytes is no whole JSON: {error}.", fix="take it back again."
        ) from None
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and "annotations" in t for t in tasks):
        raise FatalError(
            "The export is no list of tasks with annotations.", fix="check that the server is Label Studio 1.23."
        )
    return tasks
