"""Prodigy's JSONL: a line a task and annotator.

Source: "Annotation interfaces" and "Database" (prodigy.ai/docs): `spans`, `accept`, `label`, `audio_spans`,
`answer`, `_input_hash`, `_task_hash`, `_annotator_id`, `_session_id`, `_timestamp`. What has no meaning of its own
there goes through unchanged, so that a field `key` carries the item's key; without one, the input's hash is it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from include.core.annotations import (
    Annotation,
    Choice,
    Item,
    Labelled,
    Other,
    Polygon,
    Rectangle,
    Region,
    Span,
    TimeRange,
    Words,
)
from include.label.formats.files import Source, json_lines, lines_of, reading
from include.label.formats.report import Written, labels_of, written

KEY = "key"
_TEXT = "user_input"
_SAID = ("answer", "_annotator_id", "_timestamp", "_session_id", "_task_hash", "_view_id", "accept", "label")
_PLACES = ("spans", "audio_spans", _TEXT)


def read(source: Source) -> list[Labelled]:
    """One item a key, with all its lines. `ignore` is skipped.

    `reject` says that what the line proposes is wrong: the proposal stays in `extra["rejected"]` and is no region.
    """
    items: dict[str, Item] = {}
    said: dict[str, list[Annotation]] = {}
    for number, line in json_lines(source):
        with reading(f"Line {number}"):
            rest = dict(line)
            key = str(rest.pop(KEY)) if KEY in rest else str(rest["_input_hash"])
            regions, data = _taken(rest)
            answered = {n: data.pop(n) for n in _SAID if n in data}
            hashed = {n: data.pop(n) for n in ("_input_hash",) if n in data}
            item = items.setdefault(key, Item(key=key, data=data, extra=hashed))
            if answered or regions:
                more = {n: v for n, v in data.items() if n not in item.data or item.data[n] != v}
                said.setdefault(key, []).append(_annotation(key, regions, answered, more, line))
    return [Labelled(item=item, annotations=tuple(said.get(key, ()))) for key, item in items.items()]


def write(labelled: Sequence[Labelled]) -> Written:
    """One choice, one text, spans, boxes and polygons an annotation fit; how long it took does not."""
    lines = [line for one in labelled for line in _lines(one)]
    return written(lines_of(lines), labelled, read)


def _taken(line: dict[str, Any]) -> tuple[list[Region], dict[str, Any]]:
    """The regions of a line, and what else it says."""
    rest = dict(line)
    regions: list[Region] = []
    if "accept" in rest:
        regions.append(Choice(labels=tuple(str(label) for label in rest.pop("accept"))))
    if "label" in rest and isinstance(rest["label"], str) and "answer" in rest:
        regions.append(Choice(labels=(rest.pop("label"),), extra={"field": "label"}))
    if _TEXT in rest and isinstance(rest[_TEXT], str):
        regions.append(Words(texts=(rest.pop(_TEXT),)))
    spans = rest.pop("spans", ())
    drawn = any("points" in span for span in spans)
    size = (rest.pop("width", 0), rest.pop("height", 0)) if drawn else (0, 0)
    regions += [_span(span, size) for span in spans]
    regions += [_sound(span) for span in rest.pop("audio_spans", ())]
    return regions, rest


def _annotation(
    key: str, regions: Sequence[Region], answered: dict[str, Any], more: dict[str, Any], line: Mapping[str, Any]
) -> Annotation:
    answer, at = answered.pop("answer", None), answered.pop("_timestamp", None)
    extra = {**answered, **more}
    who = str(extra.pop("_annotator_id", None) or extra.pop("_session_id", None) or "")
    if extra.get("_session_id") == who:
        del extra["_session_id"]
    if answer == "reject":
        extra["rejected"] = {n: line[n] for n in ("accept", "label", *_PLACES, "width", "height") if n in line}
        regions = ()
    elif answer not in ("accept", "ignore", None):
        extra["answer"] = answer
    return Annotation(
        item=key, annotator=who, regions=tuple(regions), extra=extra, skipped=answer == "ignore",
        at=None if at is None else datetime.fromtimestamp(at, UTC),
    )  # fmt: skip


def _span(span: Mapping[str, Any], size: tuple[int, int]) -> Region:
    rest = dict(span)
    common = {"id": str(rest.pop("id", "")), "labels": (str(rest.pop("label")),) if "label" in rest else ()}
    sized = {"image_width": size[0], "image_height": size[1]}
    if "points" not in rest:
        if not {"start", "end"} <= set(rest):
            return Other(type="span", extra=dict(span))
        ends = {"start": rest.pop("start"), "end": rest.pop("end")}
        return Span(text=rest.pop("text", ""), **ends, **common, extra=rest)
    kind = rest.pop("type", "polygon")
    if kind == "rect" and {"x", "y", "width", "height"} <= set(rest):
        place = {name: rest.pop(name) for name in ("x", "y", "width", "height")}
        if rest["points"] == _corners(**place):
            del rest["points"]
        return Rectangle(**place, **common, **sized, extra=rest)
    if kind == "polygon":
        return Polygon(points=tuple(tuple(p) for p in rest.pop("points")), **common, **sized, extra=rest)
    return Other(type=str(kind), extra={n: v for n, v in span.items() if n != "type"})


def _sound(span: Mapping[str, Any]) -> TimeRange:
    rest = dict(span)
    return TimeRange(
        id=str(rest.pop("id", "")),
        labels=(str(rest.pop("label")),) if "label" in rest else (),
        start=rest.pop("start"),
        end=rest.pop("end"),
        extra=rest,
    )


def _lines(one: Labelled) -> list[dict[str, Any]]:
    hashed = {n: v for n, v in one.item.extra.items() if n == "_input_hash"}
    key = {} if str(hashed.get("_input_hash", "")) == one.item.key else {KEY: one.item.key}
    own = {n: v for n, v in one.item.data.items() if n not in (*_SAID, *_PLACES, KEY, "_input_hash")}
    return [{**own, **hashed, **key, **_answer(a)} for a in one.annotations] or [{**own, **hashed, **key}]


def _answer(annotation: Annotation) -> dict[str, Any]:
    extra = dict(annotation.extra)
    rejected = extra.pop("rejected", None)
    said = {**extra, "answer": "ignore" if annotation.skipped else extra.get("answer", "accept")}
    if isinstance(rejected, dict):
        said |= {**rejected, "answer": "reject"}
    if annotation.annotator:
        said["_annotator_id"] = annotation.annotator
    if annotation.at is not None:
        at = annotation.at.timestamp()
        said["_timestamp"] = int(at) if at.is_integer() else at
    return said | _regions(annotation.regions)


def _regions(regions: Sequence[Region]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    spans = [span for region in regions if (span := _span_of(region)) is not None]
    sounds = [_plain(r) | {"start": r.start, "end": r.end} for r in regions if isinstance(r, TimeRange)]
    said |= {"spans": spans} if spans else {}
    said |= {"audio_spans": sounds} if sounds else {}
    for region in regions:
        if isinstance(region, Choice):
            binary = region.extra.get("field") == "label" and len(region.labels) == 1
            said.setdefault(*(("label", region.labels[0]) if binary else ("accept", list(region.labels))))
        elif isinstance(region, Words) and len(region.texts) == 1:
            said.setdefault(_TEXT, region.texts[0])
        elif isinstance(region, Rectangle | Polygon):
            said |= {"width": region.image_width, "height": region.image_height}
    return said


def _span_of(region: Region) -> dict[str, Any] | None:
    if isinstance(region, Span):
        words = {"text": region.text} if region.text else {}
        return _plain(region) | {"start": region.start, "end": region.end, **words}
    if isinstance(region, Rectangle):
        place = {"x": region.x, "y": region.y, "width": region.width, "height": region.height}
        return {"points": _corners(**place), **_plain(region), "type": "rect", **place}
    if isinstance(region, Polygon):
        return _plain(region) | {"type": "polygon", "points": [list(point) for point in region.points]}
    if isinstance(region, Other) and ("points" in region.extra or region.type == "span"):
        return {**region.extra, **({"type": region.type} if region.type != "span" else {})}
    return None


def _plain(region: Region) -> dict[str, Any]:
    labels = labels_of(region)
    named = {"label": labels[0]} if labels else {}
    return {**region.extra, **({"id": region.id} if region.id else {}), **named}


def _corners(x: float, y: float, width: float, height: float) -> list[list[float]]:
    return [[x, y], [x, y + height], [x + width, y + height], [x + width, y]]
