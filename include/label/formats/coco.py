"""COCO object detection, as Label Studio and others export it: boxes and polygons of images in one JSON file.

Source: "Data format" (cocodataset.org), "Export annotations" (labelstud.io/guide). A figure has one category; who
drew it, and when, has no place, so that all annotators' figures of an image are read as one annotation.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from include.core.annotations import Annotation, Item, Labelled, Other, Polygon, Rectangle, Region
from include.label.formats.files import Source, dumped, json_of, reading
from include.label.formats.report import Written, written

_IMAGE = ("id", "file_name", "width", "height")
_FIGURE = ("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "ignore", "score")


def read(source: Source) -> list[Labelled]:
    """One item an image, its file's name as key; the file's own numbers are kept as ids.

    Raises FatalError for a figure of an image, or of a category, that the file does not have.
    """
    with reading("The COCO file"):
        file = json_of(source)
        names = {category["id"]: str(category["name"]) for category in file["categories"]}
        images = {image["id"]: image for image in file["images"]}
        figures: dict[Any, list[Region]] = {number: [] for number in images}
        for place, figure in enumerate(file["annotations"], 1):
            with reading(f"Annotation {place}"):
                figures[figure["image_id"]].append(_region(figure, names, images[figure["image_id"]]))
        return [_labelled(image, figures[number]) for number, image in images.items()]


def write(labelled: Sequence[Labelled]) -> Written:
    """One file of all images. A box's rotation, a second class and all that is said of annotators are lost."""
    drawn = [[r for r in _regions(one) if _label(r)] for one in labelled]
    names = sorted({_label(region) for regions in drawn for region in regions})
    categories = {name: number for number, name in enumerate(names)}
    images, figures = [], []
    image_ids = _numbers([str(one.item.extra.get("id", "")) for one in labelled])
    ids = iter(_numbers([region.id for regions in drawn for region in regions]))
    for one, regions, number in zip(labelled, drawn, image_ids, strict=True):
        sizes = [(r.image_width, r.image_height) for r in regions if isinstance(r, Rectangle | Polygon)]
        size = sizes[0] if sizes else (0, 0)
        own = {"id": number, "file_name": one.item.key, "width": size[0], "height": size[1]}
        images.append({**one.item.data, **own})
        figures += [_figure(r, next(ids), number, categories[_label(r)]) for r in regions]
    file = {
        "images": images,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
        "annotations": figures,
    }
    return written(dumped(file).encode(), labelled, read)


def _label(region: Region) -> str:
    """The class of a figure; empty for what COCO does not draw."""
    if isinstance(region, Other):
        return str(region.extra.get("label", "")) if region.type == "segmentation" else ""
    return region.labels[0] if isinstance(region, Rectangle | Polygon) and region.labels else ""


def _regions(one: Labelled) -> Iterable[Region]:
    return (region for annotation in one.annotations for region in annotation.regions)


def _labelled(image: dict[str, Any], regions: list[Region]) -> Labelled:
    key = str(image["file_name"])
    data = {name: said for name, said in image.items() if name not in _IMAGE}
    said = Annotation(item=key, annotator="", regions=tuple(regions))
    item = Item(key=key, data=data, extra={"id": image["id"]})
    return Labelled(item=item, annotations=(said,) if regions else ())


def _region(figure: dict[str, Any], names: dict[Any, str], image: dict[str, Any]) -> Region:
    segmentation = figure.get("segmentation") or []
    rest = {name: said for name, said in figure.items() if name not in _FIGURE}
    rest |= {name: figure[name] for name in ("iscrowd", "ignore") if figure.get(name)}
    common = {"id": str(figure.get("id", "")), "score": figure.get("score")}
    label = names[figure["category_id"]]
    shape: dict[str, Any] = {
        "labels": (label,),
        "image_width": image.get("width") or 0,
        "image_height": image.get("height") or 0,
    }
    if isinstance(segmentation, list) and len(segmentation) == 1:
        corners = segmentation[0]
        points = tuple(zip(corners[::2], corners[1::2], strict=True))
        polygon = Polygon(points=points, **common, **shape)
        return polygon.model_copy(update={"extra": rest | _odd(figure, _derived(polygon))})
    if segmentation or "bbox" not in figure:  # of several parts, a mask, or key points alone
        kept = {name: figure[name] for name in ("bbox", "segmentation", "area") if name in figure}
        return Other(type="segmentation", extra={**rest, "label": label, **kept}, **common)
    x, y, width, height = figure["bbox"]
    box = Rectangle(x=x, y=y, width=width, height=height, **common, **shape)
    return box.model_copy(update={"extra": rest | _odd(figure, _derived(box))})


def _derived(region: Rectangle | Polygon) -> dict[str, Any]:
    """What a file says of a figure besides, that its place tells: its area, and a polygon's box."""
    if isinstance(region, Rectangle):
        return {"area": region.width * region.height}
    columns, rows = zip(*region.points, strict=True) if region.points else ((0.0,), (0.0,))
    x, y = min(columns), min(rows)
    return {"area": _area(region.points), "bbox": [x, y, max(columns) - x, max(rows) - y]}


def _odd(figure: dict[str, Any], derived: dict[str, Any]) -> dict[str, Any]:
    """What the file says otherwise, for example the area of a mask."""
    return {name: figure[name] for name, said in derived.items() if name in figure and figure[name] != said}


def _figure(region: Region, number: int, image: int, category: int) -> dict[str, Any]:
    numbers = {"id": number, "image_id": image, "category_id": category}
    scored = {} if region.score is None else {"score": region.score}
    if not isinstance(region, Rectangle | Polygon):
        kept = {name: said for name, said in region.extra.items() if name != "label"}
        return {"iscrowd": 0, **kept, **numbers, **scored}
    place: dict[str, Any] = {"segmentation": []}
    if isinstance(region, Rectangle):
        place["bbox"] = [region.x, region.y, region.width, region.height]
    else:
        place["segmentation"].append([c for point in region.points for c in point])
    return {"iscrowd": 0, "ignore": 0, **_derived(region), **region.extra, **numbers, **place, **scored}


def _area(points: Sequence[tuple[float, float]]) -> float:
    """The shoelace formula."""
    turned = [*points[1:], *points[:1]]
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(points, turned, strict=True))) / 2


def _numbers(wanted: Sequence[str]) -> list[int]:
    """A number for each, its own where it is one and not yet taken."""
    taken: set[int] = set()
    own: list[int | None] = []
    for text in wanted:
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
        own.append(None if number in taken else number)
        taken |= {number} if number is not None else set()
    free = (number for number in range(1, len(wanted) + len(taken) + 1) if number not in taken)
    return [number if number is not None else next(free) for number in own]
