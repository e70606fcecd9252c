"""YOLO: an archive with a text file an image, a line a box or polygon, in shares of the image's sides.

Source: "Object Detection Datasets Overview" and "Instance Segmentation Datasets Overview" (docs.ultralytics.com);
Label Studio adds `classes.txt` and `notes.json`. The format does not say how large an image is: the sizes are
written into `notes.json`, where other readers pass over them, and without them must be given.
"""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from include.core.annotations import Annotation, Item, Labelled, Polygon, Rectangle
from include.core.errors import FatalError
from include.label.formats.files import Source, dumped, file_name, key_of, reading, unzipped, zipped
from include.label.formats.numbers import exact, fraction, share_text
from include.label.formats.report import Written, written

Size = tuple[int, int]


def read(source: Source, sizes: Mapping[str, Size] | None = None) -> list[Labelled]:
    """One item a file under `labels/`, the file's name as key; `sizes` are (width, height) in pixels by key.

    Raises FatalError where a size is neither given nor in `notes.json`, and for a class that has no name.
    """
    files = unzipped(source)
    with reading("The archive"):
        notes = json.loads(files["notes.json"]) if "notes.json" in files else {}
        told = {str(image["file_name"]): (image["width"], image["height"]) for image in notes.get("images", ())}
        classes = _classes(files, notes)
    known = {**told, **(sizes or {})}
    found = []
    for name, data in sorted(files.items()):
        if name.endswith(".txt") and "labels/" in name:
            key = key_of(name.rpartition("/")[2].removesuffix(".txt"))
            with reading(f"File {name!r}"):
                found.append(_labelled(key, data.decode(), classes, known.get(key)))
    return found


def write(labelled: Sequence[Labelled]) -> Written:
    """Boxes and polygons with one class in images of known size. All else, and who drew them, is lost."""
    drawn = {one.item.key: _drawn(one) for one in labelled}
    names = sorted({shape.labels[0] for shapes in drawn.values() for shape in shapes})
    if broken := [name for name in names if "\n" in name or "\r" in name]:
        raise FatalError(f"Class {broken[0]!r} has a line break.", fix="name the class in one line.")
    numbers = {name: number for number, name in enumerate(names)}
    sizes = [
        {"file_name": key, "width": shapes[0].image_width, "height": shapes[0].image_height}
        for key, shapes in drawn.items()
        if shapes
    ]
    notes = {"categories": [{"id": n, "name": name} for name, n in numbers.items()], "images": sizes}
    files = {
        f"labels/{file_name(key)}.txt": "".join(_line(s, numbers[s.labels[0]]) + "\n" for s in shapes).encode()
        for key, shapes in drawn.items()
    }
    files["classes.txt"] = "".join(name + "\n" for name in names).encode()
    files["notes.json"] = dumped(notes).encode()
    return written(zipped(files), labelled, read)


def _drawn(one: Labelled) -> list[Rectangle | Polygon]:
    return [
        region
        for annotation in one.annotations
        for region in annotation.regions
        if isinstance(region, Rectangle | Polygon) and region.labels and region.image_width and region.image_height
        if isinstance(region, Rectangle) or len(region.points) > 2
    ]


def _classes(files: Mapping[str, bytes], notes: Mapping[str, Any]) -> dict[int, str]:
    if "categories" in notes:
        return {int(category["id"]): str(category["name"]) for category in notes["categories"]}
    lines = files["classes.txt"].decode().rstrip("\r\n").split("\n")
    return {number: line.rstrip("\r") for number, line in enumerate(lines)}


def _labelled(key: str, text: str, classes: Mapping[int, str], size: Size | None) -> Labelled:
    lines = [line.split() for line in text.split("\n") if line.strip()]
    if lines and size is None:
        raise FatalError(f"How large is {key!r}? The format does not say.", fix="pass sizes, by key.")
    shapes = tuple(_shape(line, classes, size or (0, 0)) for line in lines)
    said = Annotation(item=key, annotator="", regions=shapes)
    return Labelled(item=Item(key=key), annotations=(said,) if shapes else ())


def _shape(line: Sequence[str], classes: Mapping[int, str], size: Size) -> Rectangle | Polygon:
    common = {"labels": (classes[int(line[0])],), "image_width": size[0], "image_height": size[1]}
    shares = [fraction(word) for word in line[1:]]
    if len(shares) in (4, 5):  # a model's box has its confidence behind it
        x, y, width, height = _box(shares[:4], size)
        score = float(shares[4]) if len(shares) == 5 else None
        return Rectangle(x=x, y=y, width=width, height=height, score=score, **common)
    if len(shares) < 6 or len(shares) % 2:
        raise ValueError(f"{len(shares)} numbers are neither a box nor a polygon")
    columns, rows = ([_pixels(share * side) for share in shares[n::2]] for n, side in enumerate(size))
    return Polygon(points=tuple(zip(columns, rows, strict=True)), **common)


def _box(shares: Sequence[Fraction], size: Size) -> tuple[float, float, float, float]:
    """Corner and size in pixels of a box by centre and size."""
    (wide, high), (x, y, width, height) = size, shares
    corner = _pixels((x - width / 2) * wide), _pixels((y - height / 2) * high)
    return *corner, _pixels(width * wide), _pixels(height * high)


def _pixels(value: Fraction) -> float:
    """The nearest float; what is left of 0 after shares were cut to their digits is 0."""
    return float(round(value, 30))


def _line(shape: Rectangle | Polygon, number: int) -> str:
    """As few digits as bring every coordinate back bit for bit: 17 mostly, more where sides do not divide."""
    size = (shape.image_width, shape.image_height)
    if isinstance(shape, Polygon):
        pixels = [c for point in shape.points for c in point]
        shares = [exact(c) / side for c, side in zip(pixels, size * len(shape.points), strict=True)]
    else:
        width, height = exact(shape.width) / size[0], exact(shape.height) / size[1]
        shares = [
            exact(shape.x) / size[0] + width / 2, exact(shape.y) / size[1] + height / 2, width, height
        ]  # fmt: skip
    for digits in (6, 17, 34, 68):
        words = [share_text(share, digits) for share in shares]
        if _place(_shape(["0", *words], {0: shape.labels[0]}, size)) == _place(shape):
            break
    return " ".join([str(number), *words])


def _place(shape: Rectangle | Polygon) -> object:
    return shape.points if isinstance(shape, Polygon) else (shape.x, shape.y, shape.width, shape.height)
