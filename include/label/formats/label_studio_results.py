"""One result of Label Studio, the dict that a control of its interface makes, and the region that it is.

Sources: "Label Studio Task Format" and "Export annotations" (labelstud.io/guide), the page of each tag, and its
editor's `selection-tools.js`, which counts a text's offsets in code points as we do. What a result says
beside what a kind of region has fields for is in `extra`, parts of its value under `value`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from include.core.annotations import (
    Choice,
    Ellipse,
    Keypoint,
    Number,
    Other,
    Polygon,
    Rectangle,
    Region,
    Span,
    Taxonomy,
    TimeRange,
    Words,
)
from include.label.formats.label_studio_places import NAMES, is_number, percent_of, pixels_of
from include.label.formats.report import labels_of

_SHAPES: dict[str, Callable[..., Region]] = {
    "rectangle": Rectangle,
    "ellipse": Ellipse,
    "keypoint": Keypoint,
    "polygon": Polygon,
}
_LABELLED = {
    "rectangle": "rectanglelabels",
    "polygon": "polygonlabels",
    "keypoint": "keypointlabels",
    "ellipse": "ellipselabels",
    "span": "labels",
    "time_range": "labels",
}
_PLAIN = {"choices": "choice", "taxonomy": "taxonomy", "textarea": "words", "rating": "number", "number": "number"}


def region_of(result: Mapping[str, Any]) -> Region:
    """The region that a result is; `Other` for a type, or a value, that no kind holds."""
    value = result.get("value")
    kind = _kind(str(result.get("type", "")), value, result)
    rest = dict(result)
    common = {
        "id": str(rest.pop("id", "")),
        "name": rest.pop("from_name", ""),
        "score": rest.pop("score", None),
    }
    if kind is None or not isinstance(value, dict):
        return Other(type=str(rest.pop("type", "")), extra=rest, **common)
    left = dict(rest.pop("value"))
    fields = _fields(kind, left, rest)
    if left:
        rest["value"] = left
    if rest.get("type") == _type_of(kind, fields.get("labels", ())):
        del rest["type"]
    if rest.get("to_name") == _shown(kind):
        del rest["to_name"]
    return _CLASSES[kind](extra=rest, **common, **fields)


def result_of(region: Region) -> dict[str, Any] | None:
    """The result that a region is; None for a kind that has none, and for a shape in an image of unknown size."""
    kind = region.kind
    extra = dict(region.extra)
    said = {
        name: told
        for name, told in (("id", region.id), ("from_name", region.name), ("score", region.score))
        if told not in ("", None)
    }
    if isinstance(region, Other):
        return {**extra, "type": region.type, **said}
    if kind not in _CLASSES:
        return None
    extra.setdefault("type", _type_of(kind, labels_of(region)))
    extra.setdefault("to_name", _shown(kind))
    rest = extra.pop("value", {})
    if isinstance(region, Rectangle | Ellipse | Keypoint | Polygon):
        if not (region.image_width and region.image_height):
            return None
        value = percent_of(region, extra)
    else:
        value = _value(region)
    label_key = _label_key(extra["type"])
    if labels_of(region) and not isinstance(region, Choice):
        value[label_key] = list(labels_of(region))
    return {**extra, **said, "value": {**(rest if isinstance(rest, dict) else {}), **value}}


def _kind(kind: str, value: Any, result: Mapping[str, Any]) -> str | None:
    """The region kind that holds a result of this type, or None."""
    if not isinstance(value, dict):
        return None
    if kind in _PLAIN:
        key = {"textarea": "text"}.get(kind, kind)
        fits = is_number(value.get(key)) if _PLAIN[kind] == "number" else _is_texts(value.get(key), kind)
        return _PLAIN[kind] if fits else None
    labels = value.get(_label_key(kind), [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return None
    shape = kind.removesuffix("labels") or _shape_of(value)
    if shape in _SHAPES:
        return shape if _has_place(shape, value, result) else None
    return _stretch(kind, value, result)


def _stretch(kind: str, value: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """Whether a result with two ends is a span of a text or a stretch of time; both may have the type `labels`."""
    start, end = value.get("start"), value.get("end")
    whole = _is_whole(start) and _is_whole(end)
    timed = is_number(start) and is_number(end) and (value.get("channel") is None or _is_whole(value["channel"]))
    sound = "channel" in value or "original_length" in result or not whole
    found = None
    if kind == "hypertextlabels" or (kind == "labels" and "globalOffsets" in value):
        offsets = value.get("globalOffsets")
        ends = [offsets.get("start"), offsets.get("end")] if isinstance(offsets, dict) else [None]
        found = "span" if all(_is_whole(end) for end in ends) else None
    elif kind == "timeserieslabels" or (kind == "labels" and sound and "text" not in value):
        found = "time_range" if timed else None
    elif kind == "labels":
        found = "span" if whole and isinstance(value.get("text", ""), str) else None
    return found


def _shape_of(value: Mapping[str, Any]) -> str:
    """Labels and figure are two results of one region where the interface has them apart."""
    if "points" in value:
        return "polygon"
    if "radiusX" in value:
        return "ellipse"
    return "rectangle" if "height" in value else "keypoint" if "x" in value else ""


def _has_place(shape: str, value: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    sizes = (result.get("original_width"), result.get("original_height"))
    if not all(_is_whole(size) and size > 0 for size in sizes if size is not None) or None in sizes:
        return False
    if shape == "polygon":
        points = value.get("points")
        return isinstance(points, list) and all(
            isinstance(p, list) and len(p) == 2 and all(is_number(c) for c in p) for p in points
        )
    return all(is_number(value.get(name)) for name, _ in NAMES[shape])


def _fields(kind: str, value: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """What the region's own fields are; taken out of `value` and `rest`, so that what is left is beside them."""
    of_type = str(rest["type"])
    if kind == "choice":
        return {"labels": tuple(value.pop("choices"))}
    if kind == "taxonomy":
        return {"paths": tuple(tuple(path) for path in value.pop("taxonomy"))}
    if kind == "words":
        found = value.pop("text")
        return {"texts": (found,) if isinstance(found, str) else tuple(found)}
    if kind == "number":
        return {"value": float(value.pop(of_type))}
    labels = tuple(value.pop(_label_key(of_type), ()))
    if kind in _SHAPES:
        return {"labels": labels, **pixels_of(kind, value, rest)}
    fields: dict[str, Any] = {"labels": labels}
    if "globalOffsets" in value and kind == "span":
        offsets = value.pop("globalOffsets")
        fields |= {"start": offsets["start"], "end": offsets["end"]}
    else:
        fields |= {"start": value.pop("start"), "end": value.pop("end")}
    return fields | (
        {"text": value.pop("text", "")} if kind == "span" else {"channel": value.pop("channel", None)}
    )


def _value(region: Region) -> dict[str, Any]:
    match region:
        case Choice():
            return {"choices": list(region.labels)}
        case Taxonomy():
            return {"taxonomy": [list(path) for path in region.paths]}
        case Words():
            return {"text": list(region.texts)}
        case Number():
            return {region.extra.get("type", "rating"): region.value}
        case TimeRange():
            channel = {} if region.channel is None else {"channel": region.channel}
            return {"start": region.start, "end": region.end, **channel}
        case Span():
            ends = {"start": region.start, "end": region.end}
            hyper = region.extra.get("type") == "hypertextlabels" or _has_paths(region.extra.get("value"))
            words = {"text": region.text} if region.text else {}
            return {"globalOffsets": ends, **words} if hyper else {**ends, **words}
    raise AssertionError(region.kind)


def _has_paths(value: Any) -> bool:
    """Whether what is left of a value are a hypertext's own ends, beside which the offsets stood apart."""
    return isinstance(value, dict) and "start" in value and "end" in value


def _type_of(kind: str, labels: Sequence[str]) -> str:
    plain = {"choice": "choices", "taxonomy": "taxonomy", "words": "textarea", "number": "rating"}
    if kind in plain:
        return plain[kind]
    return _LABELLED[kind] if labels or kind in ("span", "time_range") else kind


def _label_key(of_type: str) -> str:
    return of_type if of_type.endswith("labels") else "labels"


def _shown(kind: str) -> str:
    """The object tag that a region of this kind lies in, where nothing else is said."""
    if kind in _SHAPES:
        return "image"
    return "audio" if kind == "time_range" else "text"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Any, kind: str) -> bool:
    if kind == "textarea" and isinstance(value, str):
        return True
    if kind == "taxonomy":
        return isinstance(value, list) and all(isinstance(p, list) and _is_texts(p, "") for p in value)
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


_CLASSES: dict[str, Callable[..., Region]] = {
    **_SHAPES,
    "choice": Choice,
    "taxonomy": Taxonomy,
    "words": Words,
    "number": Number,
    "span": Span,
    "time_range": TimeRange,
}
