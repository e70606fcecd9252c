"""What people, rules and models say of items: the one form that every annotation tool's is read into."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Origin = Literal["person", "rule", "model"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Rectangle(_Region):
    """A box in an image: upper left corner and size in pixels of an image of `image_width` × `image_height`.

    `rotation` is in degrees, clockwise around the upper left corner.
    """

    kind: Literal["rectangle"] = "rectangle"
    labels: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    image_width: int
    image_height: int
    rotation: float = 0


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


Region = Annotated[Choice | Taxonomy | Rectangle | Span | TimeRange | Words, Field(discriminator="kind")]


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

    key: str
    data: dict[str, Any] = Field(default_factory=dict)
    predictions: tuple[Annotation, ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)


class Labelled(_Part):
    """An item with everything that everyone said of it: a tool's export is a sequence of these."""

    item: Item
    annotations: tuple[Annotation, ...] = ()
    exported_at: datetime | None = None
