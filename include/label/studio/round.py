"""A round of labelling as a project of a Label Studio."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.core.annotations import Annotation, Item, Labelled
from include.label.formats.judge import Fault, Judged, judge
from include.label.formats.label_studio import labelled_of, to_tasks
from include.label.studio import project as projects
from include.label.studio.connection import Studio
from include.label.studio.interface import Question, Shown, interface
from include.label.studio.pictures import with_pictures
from include.label.studio.tasks import KEY, key_of
from include.label.tools import Server
from include.specs import Labelling
from include.warehouse.staging import slug

log = logging.getLogger(__name__)


class Projects:
    """The projects of the server: one a round, so that a row can be asked about again in a later one.

    `image` is the dataset's column of paths below `storage`, the object storage's root: where it is shown, tasks
    carry the pictures.
    """

    def __init__(self, server: Server, *, image: str | None = None, storage: Any = None) -> None:
        self._server = server
        self._image = image
        self._storage = storage

    def place(self, dataset: str, run: str) -> str:
        """The project's title. The run's own part comes first, since a title is cut at 50 characters."""
        return f"{slug(run)} {dataset}"[: projects.LONGEST_TITLE].strip()

    def send(self, place: str, items: Sequence[Item], declared: Labelling) -> None:
        """Make the project, and send the tasks that it does not hold yet."""
        if self._image in declared.show:
            items = with_pictures(items, self._image, self._storage)
        shown = [Shown(column, "image" if column == self._image else "text") for column in declared.show]
        question = Question(column=declared.show[0], labels=declared.classes, hint=declared.question)
        with Studio(self._server.url, self._server.token) as studio:
            project = projects.ensure_project(
                studio,
                place,
                interface(shown, [question]),
                overlap=declared.overlap,
                guideline=declared.guideline,
            )
            projects.send(studio, project, to_tasks(_said_of(declared.show[0], item) for item in items))

    def take_back(self, place: str, items: Sequence[Item], declared: Labelling) -> Judged:
        """All answers in one export. Raises FatalError for a task that was deleted there."""
        keys = [item.key for item in items]
        with Studio(self._server.url, self._server.token) as studio, TemporaryDirectory() as folder:
            project = projects.find_project(studio, place)
            taken = projects.take_back(studio, project, Path(folder) / "export.json", keys)
            projects.check_nothing_deleted(taken.deleted)
            people = {str(number): address for number, address in projects.people(studio).items()}
            tasks, known = taken.read(), set(keys)
            # Not by their keys: they may be of a subject that is erased, whose tasks are not deleted yet.
            asked = [task for task in tasks if key_of(task) in known]
            found = [_named(labelled_of(task), people) for task in asked]
        judged = judge(found, declared.classes)
        others = len(tasks) - len(asked)
        foreign = [Fault(f"{others} tasks", "", ("they are of no item of this round",))] if others else []
        return Judged(judged.labelled, (*judged.faults, *foreign))

    def lacking(self, place: str, items: Sequence[Item], declared: Labelling) -> int:
        """How many tasks are open, as the server counts them. Raises FatalError for one that was deleted there."""
        keys = [item.key for item in items]
        with Studio(self._server.url, self._server.token) as studio:
            return projects.progress(studio, projects.find_project(studio, place), keys).open

    def forget(self, place: str, theirs: Callable[[str], bool]) -> int:
        """Delete the tasks of these items; that there is no such project (any more) is told."""
        with Studio(self._server.url, self._server.token) as studio:
            found = projects.forget(studio, place, theirs)
        if found is None:
            log.warning("Label Studio has no project titled %r: if it was renamed, look into it by hand", place)
        return found or 0

    def holding(self, place: str, theirs: Callable[[str], bool]) -> int:
        """How many tasks are of these items."""
        with Studio(self._server.url, self._server.token) as studio:
            return len(projects.holding(studio, place, theirs) or ())


def _said_of(column: str, item: Item) -> Item:
    """The item as the tool takes it: predictions are on the column that the question is about, the key is in the
    meta as well, where it is asked for without the data, and what is missing is empty, since null is refused."""

    def placed(said: Annotation) -> Annotation:
        regions = tuple(r.model_copy(update={"extra": {**r.extra, "to_name": column}}) for r in said.regions)
        score = {"score": regions[0].score} if regions else {}
        return said.model_copy(update={"regions": regions, "extra": {**said.extra, **score}})

    told = {
        "data": {name: "" if value is None else value for name, value in item.data.items()},
        "predictions": tuple(map(placed, item.predictions)),
        "extra": {**item.extra, "meta": {KEY: item.key}},
    }
    return item.model_copy(update=told)


def _named(one: Labelled, people: dict[str, str]) -> Labelled:
    """An export calls annotators by number; who they are is the server's knowledge."""

    def named(annotation: Annotation) -> Annotation:
        return annotation.model_copy(update={"annotator": people.get(annotation.annotator, annotation.annotator)})

    return one.model_copy(update={"annotations": tuple(map(named, one.annotations))})
