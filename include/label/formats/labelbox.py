"""Labelbox's NDJSON export: a data row a line, with the labels of everyone who labelled it.

Source: "Export glossary", "Export image annotations" and "Export text annotations" (docs.labelbox.com). The
last character of an entity is part of it there: its `end` 20 is our 21. A figure has one class and no question.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from include.label.formats.files import Source, json_lines, lines_of, reading
from include.label.formats.label_studio import time_of, timestamp
from include.label.formats.report import Written, labels_of, written

_OWN_DATA = "row_data"
PROJECT = "project_id"
OURS = "sluice"


def read(source: Source, project: str = OURS) -> list[Labelled]:
    """One item a line; its key is the global key, else the external id, else the data row's id.

    An annotation's time is its label's last change; its `extra` names its project, if that is another one.
    """
    found = []
    for number, line in json_lines(source):
        with reading(f"Line {number}"):
            found.append(_labelled(line, project))
    return found


def write(labelled: Sequence[Labelled], project: str = OURS) -> Written:
    """An export of one project, or of those that annotations name in `extra`."""
    lines = lines_of([_line(one, project) for one in labelled])
    return written(lines, labelled, lambda file: read(file, project))


def _labelled(line: Mapping[str, Any], ours: str) -> Labelled:
    row, rest = dict(line["data_row"]), {n: v for n, v in line.items() if n not in ("data_row", "projects")}
    key = str(row.get("global_key") or row.get("external_id") or row["id"])
    data = {_OWN_DATA: row.pop(_OWN_DATA)} if _OWN_DATA in row else {}
    for field in rest.pop("metadata_fields", ()):
        data[str(field["schema_name"])] = field["value"]
    if row.get("global_key") == key:
        del row["global_key"]
    row = {} if row == {"id": key} else row
    media = rest.get("media_attributes") or {}
    size = (media.get("width") or 0, media.get("height") or 0)
    annotations = []
    for project, said in line.get("projects", {}).items():
        named = {} if project == ours else {PROJECT: project}
        annotations += [_annotation(key, label, size, named) for label in said.get("labels", ())]
        if about := {name: value for name, value in said.items() if name != "labels"}:
            rest.setdefault("projects", {})[project] = about
    if set(media) <= {"width", "height"} and any(_sized(a) for a in annotations):
        rest.pop("media_attributes", None)
    item = Item(key=key, data=data, extra={**rest, **({"data_row": row} if row else {})})
    return Labelled(item=item, annotations=tuple(annotations))


def _sized(annotation: Annotation) -> bool:
    return any(getattr(region, "image_width", 0) for region in annotation.regions)


def _annotation(key: str, label: Mapping[str, Any], size: tuple[int, int], named: Mapping[str, str]) -> Annotation:
    rest = dict(label)
    details = dict(rest.pop("label_details", None) or {})
    performance = dict(rest.pop("performance_details", None) or {})
    said = dict(rest.pop("annotations", None) or {})
    made, changed = details.pop("created_at", None), details.pop("updated_at", None)
    if changed and made and made != changed:
        details["created_at"] = made
    objects = [_object(thing, size) for thing in said.pop("objects", ())]
    answers = [_answer(thing) for thing in said.pop("classifications", ())]
    regions = (*objects, *answers)
    extra: dict[str, Any] = {**rest, **named}
    if said := {name: value for name, value in said.items() if value}:
        extra["annotations"] = said
    who = str(details.pop("created_by", None) or "")
    seconds, skipped = performance.pop("seconds_to_create", None), bool(performance.pop("skipped", False))
    extra |= {n: v for n, v in (("label_details", details), ("performance_details", performance)) if v}
    number = str(extra.pop("id", ""))
    return Annotation(
        item=key, annotator=who, regions=regions, at=time_of(changed or made), seconds=seconds, id=number,
        skipped=skipped, extra=extra,
    )  # fmt: skip


def _object(thing: Mapping[str, Any], size: tuple[int, int]) -> Region:
    rest = dict(thing)
    common: dict[str, Any] = {"id": str(rest.pop("feature_id", ""))}
    sized = {"image_width": size[0], "image_height": size[1]}
    name = str(rest.pop("name"))
    kind = rest.pop("annotation_kind", "")
    if rest.get("classifications") == []:
        del rest["classifications"]
    if rest.get("value") == name:
        del rest["value"]
    common |= {"labels": (name,)}
    if "bounding_box" in rest:
        box = rest.pop("bounding_box")
        place = {"x": box["left"], "y": box["top"], "width": box["width"], "height": box["height"]}
        return Rectangle(**place, **common, **sized, extra=rest)
    if "polygon" in rest:
        return Polygon(points=_points(rest.pop("polygon")), **common, **sized, extra=rest)
    if "line" in rest:
        return Polyline(points=_points(rest.pop("line")), **common, **sized, extra=rest)
    if "point" in rest:
        point = rest.pop("point")
        return Keypoint(x=point["x"], y=point["y"], **common, **sized, extra=rest)
    if kind == "TextEntity" and "location" in rest:
        place = rest.pop("location")
        return Span(start=place["start"], end=place["end"] + 1, text=place.get("token", ""), **common, extra=rest)
    return Other(type=kind, id=common["id"], extra={**rest, "name": name})


def _points(points: Sequence[Mapping[str, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((point["x"], point["y"]) for point in points)


def _answer(thing: Mapping[str, Any]) -> Region:
    """A classification. What its answers hold beside their names (ids, nested answers) stays in `extra`."""
    rest = dict(thing)
    common = {"id": str(rest.pop("feature_id", "")), "name": str(rest.pop("name"))}
    if rest.get("value") == common["name"]:
        del rest["value"]
    if "radio_answer" in rest:
        answer = dict(rest.pop("radio_answer"))
        label, more = str(answer.pop("name")), _more(answer, thing["radio_answer"])
        return Choice(labels=(label,), extra=rest | ({"radio_answer": more} if more else {}), **common)
    if "checklist_answers" in rest:
        answers = rest.pop("checklist_answers")
        labels = tuple(str(answer["name"]) for answer in answers)
        kept = [_more({n: v for n, v in a.items() if n != "name"}, a) for a in answers]
        more = {"checklist_answers": kept} if any(kept) or len(labels) == 1 else {}
        return Choice(labels=labels, extra=rest | more, **common)
    if "text_answer" in rest:
        answer = dict(rest.pop("text_answer"))
        texts = (str(answer.pop("content")),)
        return Words(texts=texts, extra=rest | ({"text_answer": answer} if answer else {}), **common)
    return Other(type="classification", extra=rest, **common)


def _more(answer: dict[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says beside its name; that it has no nested answers, and its name again, is nothing."""
    return {
        n: v for n, v in answer.items() if (n, v) != ("classifications", []) and (n, v) != ("value", whole["name"])
    }  # fmt: skip


def _line(one: Labelled, project: str) -> dict[str, Any]:
    extra = dict(one.item.extra)
    kept = extra.pop("data_row", {})
    row = {"id": one.item.key, **(kept if isinstance(kept, dict) else {})}
    if str(row.get("global_key") or row.get("external_id") or row["id"]) != one.item.key:
        row["global_key"] = one.item.key
    row |= {n: v for n, v in one.item.data.items() if n == _OWN_DATA}
    fields = [
        {"schema_name": n, "value": v}
        for n, v in one.item.data.items()
        if n != _OWN_DATA and isinstance(v, str | int | float) and not isinstance(v, bool)
    ]
    about = extra.pop("projects", {})
    projects: dict[str, dict[str, Any]] = {n: dict(v) for n, v in about.items()} if isinstance(about, dict) else {}
    for annotation in one.annotations:
        named = str(annotation.extra.get(PROJECT, project))
        projects.setdefault(named, {}).setdefault("labels", []).append(_label(annotation))
    sizes = [s for a in one.annotations for s in _sizes(a)]
    media = {"media_attributes": {"width": sizes[0][0], "height": sizes[0][1]}} if sizes else {}
    return {
        "data_row": row, **media, **extra, "metadata_fields": fields, "projects": projects,
    }  # fmt: skip


def _sizes(annotation: Annotation) -> Iterator[tuple[int, int]]:
    for region in annotation.regions:
        if isinstance(region, Rectangle | Polygon | Polyline | Keypoint) and region.image_width:
            yield region.image_width, region.image_height


def _label(annotation: Annotation) -> dict[str, Any]:
    extra = {n: v for n, v in annotation.extra.items() if n != PROJECT}
    details, performance = extra.pop("label_details", {}), extra.pop("performance_details", {})
    said = extra.pop("annotations", {})
    at = timestamp(annotation.at) if annotation.at else None
    timed = {"created_at": details.get("created_at", at), "updated_at": at} if at else {}
    objects = [thing for r in annotation.regions if (thing := _thing(r)) is not None]
    answers = [thing for r in annotation.regions if (thing := _classification(r)) is not None]
    seconds = {} if annotation.seconds is None else {"seconds_to_create": annotation.seconds}
    return {
        **extra,
        **({"id": annotation.id} if annotation.id else {}),
        "label_details": {**details, **timed, "created_by": annotation.annotator},
        "performance_details": {**performance, **seconds, "skipped": annotation.skipped},
        "annotations": {**said, "objects": objects, "classifications": answers},
    }


def _thing(region: Region) -> dict[str, Any] | None:
    common = {**region.extra, **({"feature_id": region.id} if region.id else {})}
    if isinstance(region, Other) and region.type != "classification":
        return {**common, "annotation_kind": region.type} if "name" in region.extra else None
    place: dict[str, Any] = {}
    match region:
        case Rectangle(x=x, y=y):
            box = {"left": x, "top": y, "width": region.width, "height": region.height}
            place = {"annotation_kind": "ImageBoundingBox", "bounding_box": box}
        case Polygon():
            place = {"annotation_kind": "ImagePolygon", "polygon": _corners(region.points)}
        case Polyline():
            place = {"annotation_kind": "ImagePolyline", "line": _corners(region.points)}
        case Keypoint(x=x, y=y):
            place = {"annotation_kind": "ImagePoint", "point": {"x": x, "y": y}}
        case Span():
            words = {"token": region.text} if region.text else {}
            ends = {"start": region.start, "end": region.end - 1}
            place = {"annotation_kind": "TextEntity", "location": {**ends, **words}}
    labels = labels_of(region)
    return {**common, "name": labels[0], **place} if labels and place else None


def _corners(points: Sequence[tuple[float, float]]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in points]


def _classification(region: Region) -> dict[str, Any] | None:
    own = {**region.extra, **({"feature_id": region.id} if region.id else {}), "name": region.name}
    if isinstance(region, Other) and region.type == "classification":
        return own
    if isinstance(region, Words) and len(region.texts) == 1:
        return {**own, "text_answer": {**own.get("text_answer", {}), "content": region.texts[0]}}
    if not isinstance(region, Choice):
        return None
    if len(region.labels) == 1 and "checklist_answers" not in region.extra:
        return {**own, "radio_answer": {**own.get("radio_answer", {}), "name": region.labels[0]}}
    kept = region.extra.get("checklist_answers") or [{}] * len(region.labels)
    answers = [{**more, "name": label} for more, label in zip(kept, region.labels, strict=False)]
    return {**own, "checklist_answers": answers}
