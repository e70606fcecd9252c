"""PASCAL VOC: an archive with an XML file an image, boxes alone.

Source: "The PASCAL Visual Object Classes Challenge: Development Kit", section "Annotations"; Label Studio writes
it under `Annotations/`. Corners are written as they are; some readers take whole pixels only. `first` is the
number of the first pixel: 0 in Label Studio's files, 1 in those of the development kit.
"""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from include.core.annotations import Annotation, Item, Labelled, Rectangle
from include.label.formats.files import Source, file_name, reading, unzipped, xml_bytes, xml_of, zipped
from include.label.formats.numbers import difference, fraction, sum_text
from include.label.formats.report import Written, written

# A word that may be an element, and is none of those that we write.
_NAME = re.compile(r"(?!(?:filename|size|object|name|bndbox)$)[A-Za-z_][A-Za-z0-9_]*")


def read(source: Source, first: int = 0) -> list[Labelled]:
    """One item an XML file of the archive, its `filename` as key, in the order of the files' names."""
    found = []
    for name, data in sorted(unzipped(source).items()):
        if name.endswith(".xml"):
            with reading(f"File {name!r}"):
                found.append(_labelled(xml_of(data), first))
    return found


def write(labelled: Sequence[Labelled], first: int = 0) -> Written:
    """Boxes with one class. All else, and who drew them, is lost."""
    files = {f"Annotations/{file_name(one.item.key)}.xml": xml_bytes(_document(one, first)) for one in labelled}
    return written(zipped(files), labelled, lambda data: read(data, first))


def _labelled(root: Element, first: int) -> Labelled:
    key = root.findtext("filename") or ""
    rest = {**_plain(root, "filename"), **_depth(root)}
    size = {f"image_{side}": int(root.findtext(f"size/{side}") or 0) for side in ("width", "height")}
    regions = tuple(_box(thing, size, first) for thing in root.iter("object"))
    said = Annotation(item=key, annotator="", regions=regions)
    return Labelled(item=Item(key=key, extra=rest), annotations=(said,) if regions else ())


def _box(thing: Element, size: dict[str, int], first: int) -> Rectangle:
    left, top, right, bottom = (_text(thing, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    return Rectangle(
        labels=(_text(thing, "name"),),
        x=float(fraction(left) - first),
        y=float(fraction(top) - first),
        width=difference(right, left),
        height=difference(bottom, top),
        extra=_plain(thing, "name"),
        **size,
    )


def _plain(element: Element, but: str) -> dict[str, str]:
    """The children that are a word, but for one: `pose`, `difficult`, `folder`, …"""
    return {
        part.tag: part.text or "" for part in element if not len(part) and part.tag not in (but, "bndbox", "size")
    }


def _depth(root: Element) -> dict[str, str]:
    depth = root.findtext("size/depth")
    return {"depth": depth} if depth not in (None, "3") else {}


def _text(element: Element, path: str) -> str:
    found = element.find(path)
    if found is None:
        raise KeyError(path)
    return found.text or ""


def _document(one: Labelled, first: int) -> Element:
    root = Element("annotation")
    SubElement(root, "filename").text = one.item.key
    drawn = [r for a in one.annotations for r in a.regions if isinstance(r, Rectangle) and r.labels]
    size = SubElement(root, "size")
    SubElement(size, "width").text = str(drawn[0].image_width if drawn else 0)
    SubElement(size, "height").text = str(drawn[0].image_height if drawn else 0)
    extra = {
        name: said for name, said in one.item.extra.items() if isinstance(said, str) and _NAME.fullmatch(name)
    }
    SubElement(size, "depth").text = extra.pop("depth", "3")
    for name, said in extra.items():
        SubElement(root, name).text = said
    for box in drawn:
        thing = SubElement(root, "object")
        SubElement(thing, "name").text = box.labels[0]
        for name, said in box.extra.items():
            if isinstance(said, str) and _NAME.fullmatch(name):
                SubElement(thing, name).text = said
        corners = SubElement(thing, "bndbox")
        SubElement(corners, "xmin").text = sum_text(box.x, first)
        SubElement(corners, "ymin").text = sum_text(box.y, first)
        SubElement(corners, "xmax").text = sum_text(box.x, box.width, first)
        SubElement(corners, "ymax").text = sum_text(box.y, box.height, first)
    return root
