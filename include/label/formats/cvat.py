"""CVAT's XML 1.1 for images: boxes, polygons, polylines, points, ellipses, masks and tags, with attributes.

Source: "XML annotation format" and "CVAT format" (docs.cvat.ai). The file names one assignee at the most: with
several annotators, their figures of an image are read as one annotation that nobody is named for. What CVAT has of
a figure besides (`source`, `occluded`, `z_order`, attributes, …) is in `extra`, as text.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from include.core.annotations import (
    Annotation,
    Choice,
    Ellipse,
    Item,
    Keypoint,
    Labelled,
    Mask,
    Other,
    Polygon,
    Polyline,
    Rectangle,
    Region,
)
from include.label.formats.files import Source, reading, xml_bytes, xml_of
from include.label.formats.numbers import difference, exact, fraction, number_text, sum_text
from include.label.formats.report import Written, labels_of, written

_ASSIGNEE = ("meta/job/assignee/username", "meta/task/assignee/username", "meta/project/assignee/username")


def read(source: Source) -> list[Labelled]:
    """One item an image, its name as key. Raises FatalError for the XML of videos, whose tracks this is not."""
    root = xml_of(source)
    with reading("The CVAT file"):
        if root.tag != "annotations" or root.find("track") is not None:
            raise ValueError("it is not CVAT's XML for images")
        who = next((name for path in _ASSIGNEE if (name := root.findtext(path))), "")
        found = []
        for image in root.findall("image"):
            with reading(f"Image {image.get('name')!r}"):
                found.append(_labelled(image, who))
        return found


def write(labelled: Sequence[Labelled]) -> Written:
    """Figures with one class, in the order of the items; times, and who said what, are lost."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    people = {annotation.annotator for one in labelled for annotation in one.annotations}
    if len(people) == 1 and (name := people.pop()):
        assignee = SubElement(SubElement(SubElement(root, "meta"), "task"), "assignee")
        SubElement(assignee, "username").text = name
    for number, one in enumerate(labelled):
        root.append(_image(one, number))
    return written(xml_bytes(root), labelled, read)


def _labelled(image: Element, who: str) -> Labelled:
    key = image.attrib["name"]
    size = {"image_width": int(image.get("width", 0)), "image_height": int(image.get("height", 0))}
    regions = tuple(_region(figure, size) for figure in image)
    rest = {n: v for n, v in image.attrib.items() if n not in ("id", "name", "width", "height")}
    said = Annotation(item=key, annotator=who, regions=regions)
    return Labelled(item=Item(key=key, extra=rest), annotations=(said,) if regions else ())


def _region(figure: Element, size: dict[str, int]) -> Region:
    rest: dict[str, Any] = dict(figure.attrib)
    attributes = {part.attrib["name"]: part.text or "" for part in figure.findall("attribute")}
    if attributes:
        rest["attributes"] = attributes
    if figure.tag not in _READERS or (figure.tag == "points" and ";" in rest["points"]):
        inner = [{"tag": part.tag, **part.attrib} for part in figure if part.tag != "attribute"]
        return Other(type=figure.tag, extra={**rest, **({"elements": inner} if inner else {})})
    labels = (rest.pop("label"),)
    if figure.tag == "tag":
        return Choice(labels=labels, extra=rest)
    return _READERS[figure.tag](rest, {"labels": labels, **size})


def _box(rest: dict[str, Any], common: dict[str, Any]) -> Rectangle:
    left, top, right, bottom = (rest.pop(side) for side in ("xtl", "ytl", "xbr", "ybr"))
    width, height, turned = difference(right, left), difference(bottom, top), float(rest.pop("rotation", 0))
    right, down = _corner(width, height, turned)
    place = {"x": float(fraction(left) + exact(right)), "y": float(fraction(top) + exact(down))}
    return Rectangle(width=width, height=height, rotation=turned, extra=rest, **place, **common)


def _corner(width: float, height: float, rotation: float) -> tuple[float, float]:
    """How far a turn around the box's centre, which CVAT means, moves the corner around which we turn."""
    if not rotation:
        return 0.0, 0.0
    angle, across, down = math.radians(rotation), width / 2, height / 2
    return (
        across - (across * math.cos(angle) - down * math.sin(angle)),
        down - (across * math.sin(angle) + down * math.cos(angle)),
    )


def _polygon(rest: dict[str, Any], common: dict[str, Any]) -> Polygon:
    return Polygon(points=_points(rest.pop("points")), extra=rest, **common)


def _polyline(rest: dict[str, Any], common: dict[str, Any]) -> Polyline:
    return Polyline(points=_points(rest.pop("points")), extra=rest, **common)


def _point(rest: dict[str, Any], common: dict[str, Any]) -> Keypoint:
    ((x, y),) = _points(rest.pop("points"))
    return Keypoint(x=x, y=y, extra=rest, **common)


def _ellipse(rest: dict[str, Any], common: dict[str, Any]) -> Ellipse:
    x, y, radius_x, radius_y = (float(rest.pop(name)) for name in ("cx", "cy", "rx", "ry"))
    turned = float(rest.pop("rotation", 0))
    return Ellipse(x=x, y=y, radius_x=radius_x, radius_y=radius_y, rotation=turned, extra=rest, **common)


def _mask(rest: dict[str, Any], common: dict[str, Any]) -> Mask:
    runs = tuple(int(run) for run in rest.pop("rle").split(",") if run.strip())
    place = {name: int(float(rest.pop(name))) for name in ("left", "top", "width", "height")}
    return Mask(runs=runs, **place, extra=rest, **common)


_READERS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Region]] = {
    "box": _box,
    "polygon": _polygon,
    "polyline": _polyline,
    "points": _point,
    "ellipse": _ellipse,
    "mask": _mask,
    "tag": lambda rest, common: Choice(labels=common["labels"], extra=rest),
}


def _points(text: str) -> tuple[tuple[float, float], ...]:
    pairs = (pair.split(",") for pair in text.split(";") if pair.strip())
    return tuple((float(x), float(y)) for x, y in pairs)


def _image(one: Labelled, number: int) -> Element:
    regions = [region for annotation in one.annotations for region in annotation.regions]
    sizes = [(r.image_width, r.image_height) for r in regions if isinstance(r, _SHAPES)]
    width, height = sizes[0] if sizes else (0, 0)
    own = {"id": str(number), "name": one.item.key, "width": str(width), "height": str(height)}
    image = Element("image", {**_texts(one.item.extra), **own})
    for region in regions:
        if (drawn := _drawn(region)) is not None:
            tag, place = drawn
            figure = SubElement(image, tag, {**_texts(region.extra), **place})
            attributes = region.extra.get("attributes")
            for name, said in (attributes if isinstance(attributes, dict) else {}).items():
                SubElement(figure, "attribute", {"name": str(name)}).text = str(said)
            _inner(figure, region)
    return image


_SHAPES = (Rectangle, Polygon, Polyline, Keypoint, Ellipse, Mask)


def _inner(figure: Element, region: Region) -> None:
    elements = region.extra.get("elements") if isinstance(region, Other) else None
    for part in elements if isinstance(elements, list) else ():
        SubElement(figure, part["tag"], {name: said for name, said in part.items() if name != "tag"})


def _texts(extra: dict[str, Any]) -> dict[str, str]:
    return {name: said for name, said in extra.items() if isinstance(said, str)}


def _drawn(region: Region) -> tuple[str, dict[str, str]] | None:
    """The element's name, and the attributes that say what and where; None for what CVAT does not draw."""
    labels = labels_of(region)
    drawn: tuple[str, dict[str, str]] | None = None
    match region:
        case Other(type="cuboid" | "points" | "skeleton"):
            return region.type, {}
        case Choice() if len(labels) == 1:
            drawn = "tag", {}
        case Rectangle():
            drawn = "box", _corners(region) | _turned(region)
        case Polygon() | Polyline():
            drawn = region.kind, {"points": _pairs(region.points)}
        case Keypoint():
            drawn = "points", {"points": _pairs([(region.x, region.y)])}
        case Ellipse():
            place = {"cx": region.x, "cy": region.y, "rx": region.radius_x, "ry": region.radius_y}
            drawn = "ellipse", {name: number_text(number) for name, number in place.items()} | _turned(region)
        case Mask():
            box = {name: str(getattr(region, name)) for name in ("left", "top", "width", "height")}
            drawn = "mask", {"rle": ", ".join(map(str, region.runs)), **box}
    return (drawn[0], {"label": labels[0], **drawn[1]}) if drawn and labels else None


def _corners(box: Rectangle) -> dict[str, str]:
    right, down = _corner(box.width, box.height, box.rotation)
    return {
        "xtl": sum_text(box.x, -right),
        "ytl": sum_text(box.y, -down),
        "xbr": sum_text(box.x, -right, box.width),
        "ybr": sum_text(box.y, -down, box.height),
    }


def _turned(region: Rectangle | Ellipse) -> dict[str, str]:
    return {"rotation": number_text(region.rotation)} if region.rotation else {}


def _pairs(points: Sequence[tuple[float, float]]) -> str:
    return ";".join(f"{number_text(x)},{number_text(y)}" for x, y in points)
