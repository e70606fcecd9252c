"""Intersection over union, from 0 to 1, of rectangles in the plane and of stretches on a line."""

import math
from collections.abc import Sequence

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.annotations import Rectangle, Span, TimeRange

Point = tuple[float, float]


def of_rectangles(first: Sequence[Rectangle], second: Sequence[Rectangle]) -> np.ndarray:
    """(first, second) float64. Rotated ones are clipped as polygons, those that lie straight all at once."""
    one, two = (np.array([(r.x, r.y, r.x + r.width, r.y + r.height) for r in side]) for side in (first, second))
    one, two = one.reshape(-1, 1, 4), two.reshape(1, -1, 4)
    sides = np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=2)
    for row, column in np.argwhere(_turned(first)[:, None] | _turned(second)[None, :]):
        shared[row, column] = _shared_area(_corners(first[row]), _corners(second[column]))
    areas = ((side[..., 2:] - side[..., :2]).prod(axis=-1) for side in (one, two))
    return _over_union(shared, *areas)


def of_stretches(first: Sequence[Span | TimeRange], second: Sequence[Span | TimeRange]) -> np.ndarray:
    """(first, second) float64. Stretches of two channels do not overlap; equal ones do, even if empty."""
    one, two = (np.array([(r.start, r.end) for r in side], dtype=float) for side in (first, second))
    one, two = one.reshape(-1, 1, 2), two.reshape(1, -1, 2)
    shared = np.clip(np.minimum(one[..., 1], two[..., 1]) - np.maximum(one[..., 0], two[..., 0]), 0, None)
    overlap = _over_union(shared, one[..., 1] - one[..., 0], two[..., 1] - two[..., 0])
    overlap[(one == two).all(axis=2)] = 1
    channels = (np.array([getattr(r, "channel", None) for r in side], dtype=object) for side in (first, second))
    return np.where(np.equal.outer(*channels), overlap, 0)


def _over_union(shared: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    union = first + second - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def _turned(rectangles: Sequence[Rectangle]) -> np.ndarray:
    return np.array([r.rotation % 360 != 0 for r in rectangles], dtype=bool)


def _corners(r: Rectangle) -> list[Point]:
    """Clockwise on a screen, whose y grows downwards, from the corner around which it is turned."""
    cos, sin = math.cos(math.radians(r.rotation)), math.sin(math.radians(r.rotation))
    offsets = ((0.0, 0.0), (r.width, 0.0), (r.width, r.height), (0.0, r.height))
    return [(r.x + dx * cos - dy * sin, r.y + dx * sin + dy * cos) for dx, dy in offsets]


def _shared_area(subject: list[Point], window: list[Point]) -> float:
    """The area that two convex polygons share.

    Sutherland, Hodgman: "Reentrant polygon clipping", CACM 17, 1974.
    """
    for begin, end in zip(window, window[1:] + window[:1], strict=True):
        kept: list[Point] = []
        for before, after in zip(subject[-1:] + subject[:-1], subject, strict=True):
            inside_before, inside = _side(begin, end, before), _side(begin, end, after)
            if (inside >= 0) != (inside_before >= 0):
                part = inside_before / (inside_before - inside)
                kept.append((before[0] + part * (after[0] - before[0]), before[1] + part * (after[1] - before[1])))
            if inside >= 0:
                kept.append(after)
        if not kept:
            return 0.0
        subject = kept
    around = zip(subject, subject[1:] + subject[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in around)) / 2


def _side(begin: Point, end: Point, point: Point) -> float:
    """Positive right of the line on a screen, which is inside of a clockwise polygon."""
    return (end[0] - begin[0]) * (point[1] - begin[1]) - (end[1] - begin[1]) * (point[0] - begin[0])
