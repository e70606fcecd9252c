"""Items and annotations of all sorts, made by Hypothesis."""

import string
from datetime import UTC, datetime

from hypothesis import strategies as st

from include.core.annotations import (
    Annotation,
    Choice,
    Ellipse,
    Item,
    Keypoint,
    Labelled,
    Mask,
    Number,
    Polygon,
    Polyline,
    Rectangle,
    Span,
    Taxonomy,
    TimeRange,
    Words,
)

WORDS = st.text(string.ascii_letters + "äß水😀 .,'\"<&>", min_size=1, max_size=6).map(str.strip).filter(bool)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=6)
LABELS = st.sampled_from(["cat", "dog", "Straße", "a b", "=1+1", "{x", "水😀"])
# Coordinates from a hundredth of a millionth of a pixel up, and 0.
PIXELS = st.one_of(st.just(0.0), st.floats(1e-8, 1e5), st.integers(0, 5000).map(float))
LENGTHS = st.one_of(st.floats(1e-6, 1e5), st.integers(1, 5000).map(float))
TURNS = st.one_of(st.just(0.0), st.floats(-360, 360))
SCORES = st.none() | st.floats(0, 1)
TEXT = "Ann met Bob, the 😀 baker, in Köln."
TIMES = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
EXTRA = st.dictionaries(st.sampled_from(["more", "beside"]), st.integers(0, 9) | WORDS, max_size=2)


def regions(kind, *, labels=1, beside=False, name=None, turned=True):
    """Regions of a kind with so many labels at the most, at least one; `beside`: with id, score and extra."""
    classes = st.lists(LABELS, min_size=1, max_size=labels, unique=True).map(tuple)
    common = {"name": st.just("label") if name is None else name}
    if beside:
        common |= {"id": st.just("") | NAMES, "score": SCORES, "extra": EXTRA}
    sized = {"labels": classes, "image_width": st.just(640), "image_height": st.just(481)}
    points = st.lists(st.tuples(PIXELS, PIXELS), min_size=3, max_size=5).map(tuple)
    rotation = TURNS if turned else st.just(0.0)
    start = st.integers(0, len(TEXT) - 2)
    made = {
        "choice": (Choice, {"labels": classes}),
        "taxonomy": (Taxonomy, {"paths": st.lists(classes, min_size=1, max_size=2).map(tuple)}),
        "rectangle": (
            Rectangle,
            sized | {"x": PIXELS, "y": PIXELS, "width": LENGTHS, "height": LENGTHS, "rotation": rotation},
        ),
        "polygon": (Polygon, sized | {"points": points}),
        "polyline": (Polyline, sized | {"points": points}),
        "keypoint": (Keypoint, sized | {"x": PIXELS, "y": PIXELS}),
        "ellipse": (
            Ellipse,
            sized | {"x": PIXELS, "y": PIXELS, "radius_x": LENGTHS, "radius_y": LENGTHS, "rotation": rotation},
        ),
        "mask": (
            Mask,
            sized
            | {
                "left": st.integers(0, 99),
                "top": st.integers(0, 99),
                "width": st.just(4),
                "height": st.just(2),
                "runs": st.just((3, 5)),
            },
        ),
        "time_range": (
            TimeRange,
            {
                "labels": classes,
                "start": PIXELS,
                "end": PIXELS,
                "channel": st.none() if not beside else st.just(1),
            },
        ),
        "words": (Words, {"texts": st.lists(WORDS, min_size=1, max_size=labels).map(tuple)}),
        "number": (Number, {"value": st.floats(-1e6, 1e6)}),
    }
    if kind == "span":
        return start.flatmap(
            lambda first: st.builds(
                Span, labels=classes, start=st.just(first), end=st.integers(first + 1, len(TEXT)), **common
            )
        )
    what, fields = made[kind]
    return st.builds(what, **fields, **common)


def annotations(key, region, *, most=2, origin="person"):
    """Annotations of an item with all that there is to say, and up to so many regions."""
    return st.builds(
        Annotation,
        item=st.just(key),
        annotator=st.just("") | NAMES | st.just("7"),
        regions=st.lists(region, max_size=most).map(tuple),
        at=st.none() | TIMES,
        seconds=st.none() | st.floats(0, 1e4),
        id=st.just("") | NAMES | st.just("12"),
        tool=st.just("") | NAMES,
        batch=st.just("") | NAMES,
        origin=st.sampled_from(["person", "rule", "model"]),
        skipped=st.booleans(),
        extra=EXTRA,
    )


@st.composite
def labelled(draw, region, *, most=3):
    """Some items with different keys, and all sorts of annotations of regions that `region` makes."""
    found = []
    for key in draw(st.lists(WORDS, max_size=3, unique=True)):
        data = {"text": TEXT} | draw(
            st.dictionaries(st.sampled_from(["shop", "stars"]), WORDS | st.integers(), max_size=2)
        )
        guesses = draw(st.lists(annotations(key, region), max_size=1).map(tuple))
        item = Item(key=key, data=data, predictions=guesses, extra=draw(EXTRA))
        said = draw(st.lists(annotations(key, region), max_size=most).map(tuple))
        found.append(Labelled(item=item, annotations=said))
    return found
