"""Label Studio's JSON: tasks with all that every annotator and model said of them, both ways.

Source: "Label Studio Task Format" and "Export annotations" (labelstud.io/guide). The functions on dicts are what
its REST takes and gives. An item's key travels in the task's data, as `sluice_key`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from include.core.annotations import Annotation, Item, Labelled
from include.core.errors import FatalError
from include.label.formats.files import Source, dumped, json_of, reading
from include.label.formats.label_studio_results import region_of, result_of
from include.label.formats.report import Written, written

KEY = "sluice_key"
# What an annotation of the file has no field of its own for in the tool; its server leaves it out.
_OURS = ("tool", "batch", "origin")


def task_of(item: Item, annotations: Sequence[Annotation] = ()) -> dict[str, Any]:
    """A task as an import takes it: the item's data and key, its predictions, and annotations if there are any.

    Raises FatalError where the data has a column of the key's own name.
    """
    if KEY in item.data:
        raise FatalError(
            f"Item {item.key!r} has a data column {KEY!r}, in which a task carries its key.",
            fix="give the column another name.",
        )
    task = dict(item.extra)
    known = "id" in task and str(task["id"]) == item.key
    task["data"] = dict(item.data) if known else {**item.data, KEY: item.key}
    if item.predictions:
        task["predictions"] = [_said_by_model(prediction) for prediction in item.predictions]
    if annotations:
        task["annotations"] = [_said(annotation) for annotation in annotations]
    return task


def to_tasks(items: Iterable[Item]) -> list[dict[str, Any]]:
    """The tasks of an import, with their predictions, in the order of the items."""
    return [task_of(item) for item in items]


def labelled_of(task: Mapping[str, Any]) -> Labelled:
    """A task of an export, with every annotation, skipped ones too, and every prediction.

    A task that was not made here has its id as key. An annotation's time is when it was last changed; when it was
    made is in `extra["created_at"]`. Raises FatalError for a task that is not as the format says.
    """
    with reading(f"Task {task.get('id', '?')!r}" if isinstance(task, Mapping) else f"Task {task!r}"):
        rest = dict(task)
        data = dict(rest.pop("data"))
        key = str(data.pop(KEY)) if KEY in data else str(rest["id"])
        annotations = [_annotation(key, said) for said in rest.pop("annotations", None) or ()]
        predictions = [_prediction(key, said) for said in rest.pop("predictions", None) or ()]
        item = Item(key=key, data=data, predictions=tuple(predictions), extra=rest)
        return Labelled(item=item, annotations=tuple(annotations))


def read(source: Source) -> list[Labelled]:
    """An export: a list of tasks. Raises FatalError for one that breaks off, or is something else."""
    tasks = json_of(source)
    if not isinstance(tasks, list):
        raise FatalError(
            "The file is no list of tasks.", fix="export as JSON (not JSON-MIN), or name the right format."
        )
    return [labelled_of(task) for task in tasks]


def write(labelled: Sequence[Labelled]) -> Written:
    """An export as Label Studio would write it, and what it does not hold.

    `tool`, `batch` and `origin` of annotations stand in fields that Label Studio does not have.
    """
    tasks = [task_of(one.item, one.annotations) for one in labelled]
    return written(dumped(tasks).encode(), labelled, read)


def _annotation(key: str, said: Mapping[str, Any]) -> Annotation:
    rest = dict(said)
    who = rest.pop("completed_by", None)
    if isinstance(who, dict) and who != {"email": who.get("email")}:
        rest["completed_by"] = who
    return _stated(key, _name(who), "person", rest)


def _prediction(key: str, said: Mapping[str, Any]) -> Annotation:
    rest = dict(said)
    return _stated(key, str(rest.pop("model_version", None) or ""), "model", rest)


def _stated(key: str, who: str, origin: str, rest: dict[str, Any]) -> Annotation:
    """What annotations and predictions have in common; what has no field of ours stays in `extra`."""
    made, changed = rest.pop("created_at", None), rest.pop("updated_at", None)
    if changed is not None and made is not None and made != changed:
        rest["created_at"] = made
    ours = {name: rest.pop(name) for name in _OURS if isinstance(rest.get(name), str)}
    fields = {
        "item": key,
        "annotator": who,
        "at": time_of(changed or made),
        "seconds": rest.pop("lead_time", None),
        "id": str(rest.pop("id", "")),
        "skipped": bool(rest.pop("was_cancelled", False)),
        "regions": tuple(region_of(result) for result in rest.pop("result", None) or ()),
    }
    return Annotation.model_validate({"origin": origin, **ours, **fields, "extra": rest})


def _said(annotation: Annotation) -> dict[str, Any]:
    extra = dict(annotation.extra)
    who = extra.pop("completed_by", None)
    said: dict[str, Any] = {
        **extra,
        "completed_by": who if who is not None and _name(who) == annotation.annotator else _person(annotation),
        "result": _results(annotation),
        "was_cancelled": annotation.skipped,
    }
    if annotation.id:
        said["id"] = _number(annotation.id)
    if annotation.at is not None:
        at = timestamp(annotation.at)
        said |= {"created_at": extra.get("created_at", at), "updated_at": at}
    if annotation.seconds is not None:
        said["lead_time"] = annotation.seconds
    if annotation.origin != "person":
        said["origin"] = annotation.origin
    return said | {name: getattr(annotation, name) for name in ("tool", "batch") if getattr(annotation, name)}


def _said_by_model(prediction: Annotation) -> dict[str, Any]:
    said = _said(prediction.model_copy(update={"origin": "person"}))
    del said["completed_by"]
    if not prediction.skipped:
        del said["was_cancelled"]
    if prediction.origin != "model":
        said["origin"] = prediction.origin
    return said | {"model_version": prediction.annotator}


def _results(annotation: Annotation) -> list[dict[str, Any]]:
    return [result for region in annotation.regions if (result := result_of(region)) is not None]


def _name(who: Any) -> str:
    if isinstance(who, dict):
        return str(who.get("email") or who.get("id") or "")
    return "" if who is None else str(who)


def _person(annotation: Annotation) -> Any:
    """A user's number, or the e-mail address by which an import finds the user."""
    who = annotation.annotator
    return (_number(who) if _is_id(who) else {"email": who}) if who else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) < 19


def _number(text: str) -> int | str:
    return int(text) if _is_id(text) else text


def time_of(text: Any) -> datetime | None:
    """A time of an export; one without a zone is UTC, as the server writes them."""
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
