"""What people, rules and models say of items: the one form that every annotation tool's is read into."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Origin = Literal["person", "rule", "model"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Region(_Part):
    """`name` is the question that it answers (the tool's control), `extra` what the tool says besides."""

    id: str = ""
    name: str = "label"
    score: float | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


class Choice(_Region):
    """One or more classes for the whole item."""

    kind: Literal["choice"] = "choice"
    labels: tuple[str, ...]


class Taxonomy(_Region):
    """Paths of a tree of classes, each from its root."""

    kind: Literal["taxonomy"] = "taxonomy"
    paths: tuple[tuple[str, ...], ...]


class _Shape(_Region):
    """A figure in an image of `image_width` × `image_height` pixels, 0 × 0 where the tool does not say.

    Coordinates are pixels from the upper left corner of the image, to the right and down.
    """

    labels: tuple[str, ...]
    image_width: int = Field(default=0, ge=0)
    image_height: int = Field(default=0, ge=0)


class Rectangle(_Shape):
    """A box: its upper left corner and its size; `rotation` in degrees, clockwise around that corner."""

    kind: Literal["rectangle"] = "rectangle"
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0


class Polygon(_Shape):
    """A closed outline, by its corners."""

    kind: Literal["polygon"] = "polygon"
    points: tuple[tuple[float, float], ...]


class Polyline(_Shape):
    """An open line, by its corners."""

    kind: Literal["polyline"] = "polyline"
    points: tuple[tuple[float, float], ...]


class Keypoint(_Shape):
    """A single point."""

    kind: Literal["keypoint"] = "keypoint"
    x: float
    y: float


class Ellipse(_Shape):
    """An ellipse by its centre and radii; `rotation` in degrees, clockwise around the centre."""

    kind: Literal["ellipse"] = "ellipse"
    x: float
    y: float
    radius_x: float
    radius_y: float
    rotation: float = 0


class Mask(_Shape):
    """Pixels of a box of whole pixels, as the lengths of runs along its rows, outside and inside by turns."""

    kind: Literal["mask"] = "mask"
    left: int
    top: int
    width: int
    height: int
    runs: tuple[int, ...]


class Span(_Region):
    """Characters `start` to `end` (exclusive, counted in code points) of a text, and what stands there."""

    kind: Literal["span"] = "span"
    labels: tuple[str, ...]
    start: int
    end: int
    text: str = ""


class TimeRange(_Region):
    """A stretch of an audio track or of a time series; seconds, or the series' own unit."""

    kind: Literal["time_range"] = "time_range"
    labels: tuple[str, ...]
    start: float
    end: float
    channel: int | None = None


class Words(_Region):
    """A text that the annotator wrote."""

    kind: Literal["words"] = "words"
    texts: tuple[str, ...]


class Number(_Region):
    """A number that the annotator gave: a rating, or a quantity."""

    kind: Literal["number"] = "number"
    value: float


class Other(_Region):
    """What no other kind holds: the tool's own word for it is `type`, all that it said of it is in `extra`."""

    kind: Literal["other"] = "other"
    type: str


Region = Annotated[
    Choice
    | Taxonomy
    | Rectangle
    | Polygon
    | Polyline
    | Keypoint
    | Ellipse
    | Mask
    | Span
    | TimeRange
    | Words
    | Number
    | Other,
    Field(discriminator="kind"),
]


class Annotation(_Part):
    """All that one annotator (a person, rule or model) said of one item at one time.

    `seconds` is how long it took. `skipped` says that the annotator saw the item and did not answer it.
    """

    item: str
    annotator: str
    regions: tuple[Region, ...] = ()
    at: AwareDatetime | None = None
    seconds: float | None = Field(default=None, ge=0)
    id: str = ""
    tool: str = ""
    batch: str = ""
    origin: Origin = "person"
    skipped: bool = False
    extra: dict[str, Any] = Field(default_factory=dict)

    def choice(self, name: str = "label") -> str | None:
        """The one class that answers the question `name`; None if there is none, or several."""
        found = [label for r in self.regions if isinstance(r, Choice) and r.name == name for label in r.labels]
        return found[0] if len(found) == 1 else None


class Item(_Part):
    """What is shown to an annotator: its key, its data by name, and what a model said of it before."""

    key: str = Field(min_length=1)
    data: dict[str, Any] = Field(default_factory=dict)
    predictions: tuple[Annotation, ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)


class Labelled(_Part):
    """An item with everything that everyone said of it: a tool's export is a sequence of these."""

    item: Item
    annotations: tuple[Annotation, ...] = ()
    exported_at: datetime | None = None
