"""Where a figure of Label Studio lies: percent of the image's sides there, pixels here, and no bit lost between.

Source: "Units of image annotations" (labelstud.io/guide). Where going there and back would change the last bit of
a number, the exact one is kept beside it: pixels in the result's `meta`, percent in the region's `extra`.
"""

import math
from collections.abc import Sequence
from typing import Any

from include.core.annotations import Ellipse, Keypoint, Polygon, Rectangle

# How the coordinates are named in a value, and in a region: the first is measured along the width.
NAMES = {
    "rectangle": (("x", "x"), ("y", "y"), ("width", "width"), ("height", "height")),
    "ellipse": (("x", "x"), ("y", "y"), ("radiusX", "radius_x"), ("radiusY", "radius_y")),
    "keypoint": (("x", "x"), ("y", "y")),
}
# A moved box differs from the kept pixels by more than this share; a rounded one by less.
_SAME = 1e-9


def pixels_of(kind: str, value: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """The region's fields of place; takes what says it out of `value` and `rest`."""
    width, height = rest.pop("original_width"), rest.pop("original_height")
    points = kind == "polygon"
    percent = [c for p in value.pop("points") for c in p] if points else [value.pop(n) for n, _ in NAMES[kind]]
    sides = (width, height) * (len(percent) // 2)
    found = [part * side / 100 for part, side in zip(percent, sides, strict=True)]
    meta = rest.get("meta")
    if isinstance(meta, dict) and _near(meta.get("pixels"), found, sides):
        found = [float(number) for number in meta["pixels"]]
        rest["meta"] = {name: said for name, said in meta.items() if name != "pixels"}
        if not rest["meta"]:
            del rest["meta"]
    elif percent != [_percent(number, side) for number, side in zip(found, sides, strict=True)]:
        rest["percent"] = percent
    size = {"image_width": width, "image_height": height}
    if points:
        return {**size, "points": tuple(zip(found[::2], found[1::2], strict=True))}
    turned = {"rotation": value.pop("rotation", 0)} if kind in ("rectangle", "ellipse") else {}
    return {**size, **turned, **dict(zip((name for _, name in NAMES[kind]), found, strict=True))}


def percent_of(region: Rectangle | Ellipse | Keypoint | Polygon, extra: dict[str, Any]) -> dict[str, Any]:
    """The value's place in percent; sets what stands beside the value in `extra`."""
    width, height = region.image_width, region.image_height
    if isinstance(region, Polygon):
        pixels = [c for point in region.points for c in point]
    else:
        pixels = [getattr(region, name) for _, name in NAMES[region.kind]]
    sides = (width, height) * (len(pixels) // 2)
    extra |= {"original_width": width, "original_height": height}
    kept = extra.pop("percent", None)
    percent = [_percent(number, side) for number, side in zip(pixels, sides, strict=True)]
    if isinstance(kept, list) and _lands(kept, sides) == pixels:
        percent = kept
    elif _lands(percent, sides) != pixels:
        meta = extra.get("meta")
        extra["meta"] = {**(meta if isinstance(meta, dict) else {}), "pixels": pixels}
    if isinstance(region, Polygon):
        return {"points": [list(pair) for pair in zip(percent[::2], percent[1::2], strict=True)]}
    value = dict(zip((name for name, _ in NAMES[region.kind]), percent, strict=True))
    return value | ({"rotation": region.rotation} if isinstance(region, Rectangle | Ellipse) else {})


def _percent(pixels: float, side: int) -> float:
    """The percentage of `side` that reads back as exactly so many pixels, if there is one next to the quotient."""
    guess = pixels * 100 / side
    tries = (guess, math.nextafter(guess, math.inf), math.nextafter(guess, -math.inf))
    return next((part for part in tries if part * side / 100 == pixels), guess)


def _lands(percent: Sequence[float], sides: Sequence[int]) -> list[float] | None:
    if len(percent) != len(sides) or not all(is_number(part) for part in percent):
        return None
    return [part * side / 100 for part, side in zip(percent, sides, strict=True)]


def _near(kept: Any, found: Sequence[float], sides: Sequence[int]) -> bool:
    """Whether the kept pixels still say where the figure is: a person may have moved it since."""
    return (
        isinstance(kept, list)
        and len(kept) == len(found)
        and all(is_number(k) for k in kept)
        and all(abs(k - f) <= _SAME * max(side, abs(f)) for k, f, side in zip(kept, found, sides, strict=True))
    )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
