"""The labelling interface that annotators see, as Label Studio's XML, built from a declaration."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from include.core.errors import FatalError

Shows = Literal["text", "image", "audio", "time_series"]
# The kinds of include.core.annotations: a question is answered by regions of its kind.
Asks = Literal["choice", "taxonomy", "rectangle", "span", "time_range", "words"]
# What annotators can be asked about what they see.
ASKABLE: dict[Shows, tuple[Asks, ...]] = {
    "text": ("choice", "taxonomy", "span", "words"),
    "image": ("choice", "taxonomy", "rectangle", "words"),
    "audio": ("choice", "taxonomy", "time_range", "words"),
    "time_series": ("choice", "taxonomy", "time_range", "words"),
}
OBJECTS: dict[Shows, str] = {"text": "Text", "image": "Image", "audio": "Audio", "time_series": "TimeSeries"}
# Label Studio finds a task's data by a name of these signs after a dollar.
COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# XML 1.0, production 2: what is no character of a document, escaped or not.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Shown:
    """The task's data `column`, shown to the annotator.

    A time series is an object of equally long lists: its `time`, and a channel for each of `channels`.
    """

    column: str
    kind: Shows = "text"
    channels: tuple[str, ...] = ()
    time: str = "time"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about the data `column`; its `name` is the control's, and that of the regions that answer.

    `labels` are the classes; of a taxonomy, `paths` are its classes from the root to a leaf. `several` allows
    more than one class of a choice or a taxonomy. `hint` is shown above it.
    """

    column: str
    kind: Asks = "choice"
    name: str = "label"
    labels: tuple[str, ...] = ()
    paths: tuple[tuple[str, ...], ...] = ()
    several: bool = False
    required: bool = True
    hint: str = ""


def interface(shown: Sequence[Shown], questions: Sequence[Question]) -> str:
    """Label Studio's labelling configuration. Raises FatalError for a declaration that it could not show."""
    columns = {part.column: part for part in shown}
    names = [*(part.column for part in shown), *(question.name for question in questions)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FatalError(
            f"{', '.join(map(repr, repeated))} names more than one part of the labelling interface.",
            fix="give every question a name of its own, other than a column's.",
        )
    if not questions:
        raise FatalError("The labelling interface asks nothing.", fix="declare a question.")
    view = Element("View")
    for part in shown:
        _show(view, part)
    for question in questions:
        if question.column not in columns:
            raise FatalError(
                f"Question {question.name!r} is about column {question.column!r}, which is not shown.",
                fix=f"ask about one of: {', '.join(columns) or 'none is shown'}.",
            )
        _ask(view, question, columns[question.column].kind)
    made = tostring(view, encoding="unicode")
    if FORBIDDEN.search(made):
        raise FatalError(
            "A name, class or hint of the labelling interface has a sign that XML cannot carry.",
            fix="take control characters out of the declaration.",
        )
    return made


def _show(view: Element, part: Shown) -> None:
    if not COLUMN.fullmatch(part.column):
        raise FatalError(
            f"Label Studio cannot show a column named {part.column!r}.",
            fix="rename it: letters, digits and underscores, no digit first.",
        )
    given = {"name": part.column, "value": f"${part.column}"}
    if part.kind != "time_series":
        SubElement(view, OBJECTS[part.kind], given)
        return
    if not part.channels:
        raise FatalError(f"The time series {part.column!r} has no channels.", fix="name them.")
    series = SubElement(view, "TimeSeries", given | {"valueType": "json", "timeColumn": part.time})
    for channel in part.channels:
        SubElement(series, "Channel", {"column": channel})


def _ask(view: Element, question: Question, shows: Shows) -> None:
    if question.kind not in ASKABLE[shows]:
        raise FatalError(
            f"Question {question.name!r} asks for a {question.kind} of {shows} data.",
            fix=f"ask for one of: {', '.join(ASKABLE[shows])}.",
        )
    _check_classes(question)
    if question.hint:
        SubElement(view, "Header", {"value": question.hint})
    given = {"name": question.name, "toName": question.column}
    if question.required:
        given["required"] = "true"
    CONTROLS[question.kind](view, question, given, shows)


def _check_classes(question: Question) -> None:
    """Classes are there, told apart, and said where they are of use."""
    classes: Sequence[object] = question.paths if question.kind == "taxonomy" else question.labels
    other: Sequence[object] = question.labels if question.kind == "taxonomy" else question.paths
    if question.kind == "words":
        if classes or other:
            raise FatalError(f"Question {question.name!r} asks for words.", fix="take its labels and paths out.")
        return
    named = all(map(all, question.paths)) and all(question.paths) if question.kind == "taxonomy" else all(classes)
    if not classes or not named or other or len(set(classes)) < len(classes):
        what = "paths" if question.kind == "taxonomy" else "labels"
        raise FatalError(
            f"Question {question.name!r} has the {what} {list(classes)}.",
            fix=f"declare each of its {what} once, none of them empty, and nothing but {what}.",
        )


def _choice(view: Element, question: Question, given: dict[str, str], shows: Shows) -> None:
    control = SubElement(view, "Choices", given | {"choice": "multiple" if question.several else "single"})
    for label in question.labels:
        SubElement(control, "Choice", {"value": label})


def _taxonomy(view: Element, question: Question, given: dict[str, str], shows: Shows) -> None:
    control = SubElement(view, "Taxonomy", given | ({} if question.several else {"maxUsages": "1"}))
    nodes: dict[tuple[str, ...], Element] = {(): control}
    for path in question.paths:
        for depth in range(1, len(path) + 1):
            if path[:depth] not in nodes:
                parent = nodes[path[: depth - 1]]
                nodes[path[:depth]] = SubElement(parent, "Choice", {"value": path[depth - 1]})


def _regions(view: Element, question: Question, given: dict[str, str], shows: Shows) -> None:
    tag = {"image": "RectangleLabels", "time_series": "TimeSeriesLabels"}.get(shows, "Labels")
    control = SubElement(view, tag, given)
    for label in question.labels:
        SubElement(control, "Label", {"value": label})


def _words(view: Element, question: Question, given: dict[str, str], shows: Shows) -> None:
    SubElement(view, "TextArea", given | ({} if question.several else {"maxSubmissions": "1"}))


CONTROLS: dict[Asks, Callable[[Element, Question, dict[str, str], Shows], None]] = {
    "choice": _choice, "taxonomy": _taxonomy, "rectangle": _regions, "span": _regions, "time_range": _regions,
    "words": _words,
}  # fmt: skip
