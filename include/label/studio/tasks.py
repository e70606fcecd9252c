"""The tasks of a project: which of them are there, and how many annotations each of them still lacks."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.core.errors import FatalError, RetriableError

KEY = "sluice_key"
PATH = "/api/tasks"
# Tasks a page; one page is one query, so a project this large is seen as it was at one time.
PAGE = 10_000
COUNTED = ("meta", "data", "overlap", "total_annotations", "cancelled_annotations")
# So few open tasks are worth a request each.
RECOUNTED = 100

Task = Mapping[str, Any]
# What asks the server: a path and a query, answered with parsed JSON.
Get = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a project is: `lacking` says how many tasks lack how many annotations (those that lack none too).

    A skipped task still lacks an annotation. Two annotations of one person count as two, as in Label Studio.
    """

    lacking: tuple[tuple[int, int], ...]
    skipped: int = 0

    @classmethod
    def of(cls, tasks: Iterable[Task]) -> "Progress":
        known = list(tasks)
        lacks = Counter(max(0, task["overlap"] - task["total_annotations"]) for task in known)
        return cls(tuple(sorted(lacks.items())), sum(task["cancelled_annotations"] for task in known))

    @property
    def tasks(self) -> int:
        return sum(tasks for _, tasks in self.lacking)

    @property
    def open(self) -> int:
        """Tasks that lack an annotation or more."""
        return sum(tasks for lacks, tasks in self.lacking if lacks)

    @property
    def missing(self) -> int:
        """Annotations that are lacking in all."""
        return sum(lacks * tasks for lacks, tasks in self.lacking)

    @property
    def complete(self) -> bool:
        return not self.missing

    def __str__(self) -> str:
        if self.complete:
            return f"all {self.tasks:,} tasks have their annotations"
        parts = [f"{tasks:,} lack {lacks}" for lacks, tasks in self.lacking if lacks]
        skipped = f"; skipped {self.skipped:,} times" if self.skipped else ""
        return (
            f"{self.missing:,} annotations are missing: {self.open:,} of {self.tasks:,} tasks are open "
            f"({', '.join(parts)}){skipped}"
        )


def key_of(task: Task) -> str | None:
    """The key of the item that a task shows; None for a task that somebody else put there."""
    for part in (task.get("meta"), task.get("data")):
        if isinstance(part, Mapping) and part.get(KEY) is not None:
            return str(part[KEY])
    return None


def keyed(tasks: Iterable[Task]) -> dict[str, Task]:
    """Tasks by the key of their item. Raises FatalError for a task without one, and for two of one key."""
    found: dict[str, Task] = {}
    for task in tasks:
        key = key_of(task)
        if key is None:
            raise FatalError("A task has no item's key.", fix=f"write the key into the task's meta as {KEY!r}.")
        if key in found:
            raise FatalError(f"Two tasks are of item {key!r}.", fix="send an item once.")
        found[key] = task
    return found


def listing(get: Get, project: int, fields: Sequence[str]) -> list[dict[str, Any]]:
    """A project's tasks by id, page by page.

    Raises RetriableError if tasks came or went while pages were turned: one may have slipped from page to page.
    """
    found: dict[int, dict[str, Any]] = {}
    total, page = None, 1
    while total is None or len(found) < total:
        asked = {"project": project, "page": page, "page_size": PAGE, "include": ",".join(("id", *fields))}
        answer = get(PATH, asked)
        tasks = answer["tasks"]
        if (total is not None and answer["total"] != total) or (not tasks and answer["total"] > len(found)):
            raise RetriableError(
                f"The tasks of project {project} changed while they were listed.", fix="list again."
            )
        total, page = answer["total"], page + 1
        found.update((task["id"], task) for task in tasks)
    return [found[number] for number in sorted(found)]


def counted(get: Get, project: int) -> list[dict[str, Any]]:
    """A project's tasks with the numbers of their annotations.

    Label Studio's own counts lose one when two people answer a task in the same moment, so near the end the
    annotations of each task that seems open are counted themselves.
    """
    tasks = listing(get, project, COUNTED)
    seeming = [task for task in tasks if task["total_annotations"] < task["overlap"]]
    if len(seeming) <= RECOUNTED:
        for task in seeming:
            there = get(f"{PATH}/{task['id']}/annotations/", {})
            task["total_annotations"] = max(task["total_annotations"], len(there))
    return tasks
