"""A round of labelling as a project of a Label Studio."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from include.core.annotations import Annotation, Item, Labelled
from include.label.formats.judge import Fault, Judged, judge
from include.label.formats.label_studio import labelled_of, to_tasks
from include.label.studio import project as projects
from include.label.studio.connection import Studio
from include.label.studio.interface import Question, Shown, interface
from include.label.studio.tasks import key_of
from include.label.tools import Server
from include.specs import Labelling
from include.warehouse.staging import slug

log = logging.getLogger(__name__)


class Projects:
    """The projects of the server: one a round, so that a row can be asked about again in a later one."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def place(self, dataset: str, run: str) -> str:
        """The project's title. The run's own part comes first, since a title is cut at 50 characters."""
        return f"{slug(run)} {dataset}"[: projects.LONGEST_TITLE].strip()

    def send(self, place: str, items: Sequence[Item], declared: Labelling) -> None:
        """Make the project, and send the tasks that it does not hold yet."""
        shown = [Shown(column) for column in declared.show]
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
    """The item with its predictions on the column that the question is about, where the tool looks for them."""

    def placed(said: Annotation) -> Annotation:
        regions = tuple(r.model_copy(update={"extra": {**r.extra, "to_name": column}}) for r in said.regions)
        score = {"score": regions[0].score} if regions else {}
        return said.model_copy(update={"regions": regions, "extra": {**said.extra, **score}})

    return item.model_copy(update={"predictions": tuple(map(placed, item.predictions))})


def _named(one: Labelled, people: dict[str, str]) -> Labelled:
    """An export calls annotators by number; who they are is the server's knowledge."""

    def named(annotation: Annotation) -> Annotation:
        return annotation.model_copy(update={"annotator": people.get(annotation.annotator, annotation.annotator)})

    return one.model_copy(update={"annotations": tuple(map(named, one.annotations))})
