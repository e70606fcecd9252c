"""The tasks of a project: which of them are there, and how many annotations each of them still lacks."""

from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from include.core.errors import FatalError, RetriableError

KEY = "sluice_key"
PATH = "/api/tasks"
# Tasks a page; one page is one query, so a project this large is seen as it was at one time.
PAGE = 10_000
COUNTED = ("overlap", "total_annotations", "cancelled_annotations")
# So few open tasks are worth a request each.
RECOUNTED = 100

Task = Mapping[str, Any]
Query = tuple[str, dict[str, Any]]
Told = TypeVar("Told")
Listing = Generator[Query, Any, list[dict[str, Any]]]


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


def listing(project: int, fields: Sequence[str]) -> Listing:
    """Asks page by page for a project's tasks, whoever sends the questions; returns the tasks, by id.

    Raises RetriableError if tasks came or went while pages were turned: one may have slipped from page to page.
    """
    found: dict[int, dict[str, Any]] = {}
    total, page = None, 1
    while total is None or len(found) < total:
        asked = {"project": project, "page": page, "page_size": PAGE, "include": ",".join(("id", *fields))}
        answer = yield PATH, asked
        tasks = answer["tasks"]
        if (total is not None and answer["total"] != total) or (not tasks and answer["total"] > len(found)):
            raise RetriableError(
                f"The tasks of project {project} changed while they were listed.", fix="list again."
            )
        total, page = answer["total"], page + 1
        found.update((task["id"], task) for task in tasks)
    return [found[number] for number in sorted(found)]


def counted(project: int) -> Generator[Query, Any, Progress]:
    """Asks for the progress of a project.

    Label Studio's own counts lose one when two people answer a task in the same moment, so near the end the
    annotations of each task that seems open are counted themselves.
    """
    tasks = yield from listing(project, COUNTED)
    seeming = [task for task in tasks if task["total_annotations"] < task["overlap"]]
    if len(seeming) <= RECOUNTED:
        for task in seeming:
            there = yield f"{PATH}/{task['id']}/annotations/", {}
            task["total_annotations"] = max(task["total_annotations"], len(there))
    return Progress.of(tasks)


def listed(questions: Generator[Query, Any, Told], get: Callable[[str, dict[str, Any]], Any]) -> Told:
    """What comes of the questions when `get` answers them."""
    query = next(questions)
    while True:
        try:
            query = questions.send(get(*query))
        except StopIteration as end:
            found: Told = end.value
            return found


async def listed_later(
    questions: Generator[Query, Any, Told], get: Callable[[str, dict[str, Any]], Awaitable[Any]]
) -> Told:
    query = next(questions)
    while True:
        try:
            query = questions.send(await get(*query))
        except StopIteration as end:
            found: Told = end.value
            return found
