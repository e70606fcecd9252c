"""Scale's tasks as its API returns them: images with figures, texts with entities, forms with answers.

Source: "Image & Video Reference", "Create Named Entity Recognition Task", "Create Text Collection Task", "Tasks"
(scale.com/docs). A task has one response, whose annotator is not named: several annotators are several tasks,
which share the `key` in their `metadata`. Data other than the attachment and the text is metadata too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from include.core.annotations import (
    Annotation,
    Choice,
    Item,
    Keypoint,
    Labelled,
    Other,
    Polygon,
    Polyline,
    Rectangle,
    Region,
    Span,
    Words,
)
from include.label.formats.files import Source, dumped, json_of, reading
from include.label.formats.label_studio import time_of, timestamp
from include.label.formats.report import Written, written

KEY = "key"
IMAGE, ENTITIES, FORM = "imageannotation", "namedentityrecognition", "textcollection"
_SHOWN = ("attachment", "text")
_SIZES = ("image_width", "image_height")
_TASK = ("task_id", "type", "params", "response", "metadata", "completed_at", "batch")


def read(source: Source) -> list[Labelled]:
    """One item a key, with a task each annotation; a task without response is an item that waits.

    Without a key in the metadata the task's `unique_id`, else its `task_id`, is it. The categories of a task of
    type `categorization` are read too. A figure turned around its centre is `Other`.
    """
    file = json_of(source)
    items: dict[str, Item] = {}
    said: dict[str, list[Annotation]] = {}
    with reading("The file"):
        tasks = file["docs"] if isinstance(file, dict) else file
        for place, task in enumerate(tasks, 1):
            with reading(f"Task {place}"):
                item, annotation = _task(task)
                known = items.setdefault(item.key, item)
                more = {n: v for n, v in item.data.items() if known.data.get(n) != v}
                if annotation is not None:
                    extra = {**annotation.extra, **({"data": more} if more else {})}
                    said.setdefault(item.key, []).append(annotation.model_copy(update={"extra": extra}))
    return [Labelled(item=item, annotations=tuple(said.get(key, ()))) for key, item in items.items()]


def write(labelled: Sequence[Labelled]) -> Written:
    """A task of one type an annotation: what its type has no room for is lost, as are annotators and durations."""
    tasks = [task for one in labelled for task in _tasks(one)]
    return written(dumped(tasks).encode(), labelled, read)


def _task(task: Mapping[str, Any]) -> tuple[Item, Annotation | None]:
    params = task.get("params") or {}
    metadata = dict(task.get("metadata") or params.get("metadata") or {})
    key = str(metadata.pop(KEY, None) or task.get("unique_id") or task["task_id"])
    size = {name: metadata.pop(name, 0) for name in _SIZES}
    data = {**metadata, **{name: params[name] for name in _SHOWN if name in params}}
    item = Item(key=key, data=data)
    response = task.get("response")
    if not response:
        return item, None
    extra = {name: said for name, said in task.items() if name not in (*_TASK, "status")}
    extra |= (
        {"params": rest} if (rest := {n: v for n, v in params.items() if n not in (*_SHOWN, "metadata")}) else {}
    )
    if beside := {n: v for n, v in response.items() if n not in ("annotations", "category")}:
        extra["response"] = beside
    annotation = Annotation(
        item=key,
        annotator="",
        regions=tuple(_regions(str(task["type"]), response, size)),
        at=time_of(task.get("completed_at")),
        id=str(task.get("task_id", "")),
        batch=str(task.get("batch") or ""),
        extra=extra,
    )
    return item, annotation


def _regions(kind: str, response: Mapping[str, Any], size: Mapping[str, int]) -> list[Region]:
    said = response.get("annotations", {})
    if kind == "categorization":
        found = response["category"]
        return [Choice(labels=(found,) if isinstance(found, str) else tuple(found))]
    if isinstance(said, dict):
        return [_field(str(name), answer) for name, answer in said.items()]
    if kind == ENTITIES:
        return [_entity(annotation) for annotation in said]
    return [_figure(annotation, size) for annotation in said]


def _field(name: str, answer: Mapping[str, Any]) -> Region:
    """A form's field: its response is a list of answers, each a list of what was chosen, or written."""
    rest = {n: v for n, v in answer.items() if n not in ("field_id", "type", "response")}
    kind, found = answer.get("type"), answer.get("response")
    answers = [text for one in found or () for text in (one if isinstance(one, list) else [one])]
    if kind in ("category", "text") and all(isinstance(text, str) for text in answers):
        if kind == "category":
            return Choice(name=name, labels=tuple(answers), extra=rest)
        return Words(name=name, texts=tuple(answers), extra=rest)
    return Other(type=str(kind), name=name, extra={**rest, "response": found})


def _entity(said: Mapping[str, Any]) -> Span:
    rest = dict(said)
    common = {"id": str(rest.pop("uuid", "")), "labels": (str(rest.pop("label")),), "text": rest.pop("text", "")}
    return Span(start=rest.pop("start"), end=rest.pop("end"), extra=rest, **common)


def _figure(said: Mapping[str, Any], size: Mapping[str, int]) -> Region:
    rest = dict(said)
    kind = str(rest.pop("type"))
    common: dict[str, Any] = {"id": str(rest.pop("uuid", ""))}
    shape = {**common, **size, "labels": (str(rest.pop("label")),) if "label" in rest else ()}
    if kind == "box" and "left" in rest and not rest.get("rotation"):
        box = {n: rest.pop(o) for n, o in (("x", "left"), ("y", "top"), ("width", "width"), ("height", "height"))}
        return Rectangle(**box, **shape, extra=rest)
    if kind in ("polygon", "line") and "vertices" in rest:
        points = tuple((point["x"], point["y"]) for point in rest.pop("vertices"))
        return (Polygon if kind == "polygon" else Polyline)(points=points, **shape, extra=rest)
    if kind == "point":
        return Keypoint(x=rest.pop("x"), y=rest.pop("y"), **shape, extra=rest)
    return Other(type=kind, extra={n: v for n, v in said.items() if n not in ("type", "uuid")}, **common)


def _tasks(one: Labelled) -> list[dict[str, Any]]:
    shown = {name: one.item.data[name] for name in _SHOWN if name in one.item.data}
    metadata = {n: v for n, v in one.item.data.items() if n not in (*_SHOWN, KEY, *_SIZES)} | {KEY: one.item.key}
    kind = FORM if "attachment" not in shown else IMAGE
    waiting = {"type": kind, "status": "pending", "params": shown, "metadata": metadata}
    return [_answered(annotation, shown, metadata) for annotation in one.annotations] or [waiting]


def _answered(annotation: Annotation, shown: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    extra = dict(annotation.extra)
    more, beside, rest = (extra.pop(name, {}) for name in ("data", "response", "params"))
    drawn = [f for region in annotation.regions if (f := _drawn(region)) is not None]
    entities = [_marked(region) for region in annotation.regions if isinstance(region, Span) and region.labels]
    fields = _form(annotation.regions)
    kind = IMAGE if drawn else ENTITIES if entities else FORM
    found: Any = drawn or entities or fields
    sizes = {n: getattr(r, n) for r in annotation.regions for n in _SIZES if getattr(r, n, 0)} if drawn else {}
    at = annotation.at
    return {
        **extra,
        **({"task_id": annotation.id} if annotation.id else {}),
        **({"batch": annotation.batch} if annotation.batch else {}),
        **({"completed_at": _completed(at)} if at else {}),
        "type": kind,
        "status": "completed",
        "params": {**rest, **shown},
        "metadata": {**metadata, **more, **sizes},
        "response": {**beside, "annotations": found},
    }


def _completed(at: datetime) -> str:
    return timestamp(at)


def _form(regions: Sequence[Region]) -> dict[str, Any]:
    """The fields of a form, one each question: what answers a question a second time does not fit."""
    fields: dict[str, Any] = {}
    for region in regions:
        own = {**region.extra, "field_id": region.name}
        if isinstance(region, Choice):
            fields.setdefault(region.name, {**own, "type": "category", "response": [list(region.labels)]})
        elif isinstance(region, Words):
            fields.setdefault(region.name, {**own, "type": "text", "response": [list(region.texts)]})
        elif isinstance(region, Other) and "response" in region.extra:
            fields.setdefault(region.name, {**own, "type": region.type})
    return fields


def _marked(span: Span) -> dict[str, Any]:
    words = {"text": span.text} if span.text else {}
    own = {"uuid": span.id} if span.id else {}
    return {**span.extra, **own, "label": span.labels[0], "start": span.start, "end": span.end, **words}


def _drawn(region: Region) -> dict[str, Any] | None:
    own = {**region.extra, **({"uuid": region.id} if region.id else {})}
    if isinstance(region, Other):
        return {**own, "type": region.type} if "label" in region.extra else None
    labels: Sequence[str] = getattr(region, "labels", ())
    own |= {"label": labels[0]} if labels else {}
    match region:
        case Rectangle(x=x, y=y):
            return {**own, "type": "box", "left": x, "top": y, "width": region.width, "height": region.height}
        case Polygon() | Polyline():
            vertices = [{"x": x, "y": y} for x, y in region.points]
            return {**own, "type": "polygon" if isinstance(region, Polygon) else "line", "vertices": vertices}
        case Keypoint(x=x, y=y):
            return {**own, "type": "point", "x": x, "y": y}
    return None
