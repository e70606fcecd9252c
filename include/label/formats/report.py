"""What a format could not carry: found by comparing what was written with what reads back from it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from include.core.annotations import Annotation, Labelled, Region

# What a region's labels and place do not tell; each is a fact of its own.
_ASIDE = {"kind", "labels", "id", "name", "score", "extra", "rotation", "text"}


@dataclass(frozen=True, slots=True)
class Loss:
    """`count` facts of the sort `what` (`annotation.at`, `rectangle.rotation`, …) did not fit; one `example`."""

    what: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Written:
    """A file's content, and all that it does not say of what was to be written."""

    data: bytes
    losses: tuple[Loss, ...]


Fact = tuple[str, ...]


def written(
    data: bytes,
    labelled: Sequence[Labelled],
    read: Callable[[bytes], list[Labelled]],
    *,
    keys_in_file: bool = True,
) -> Written:
    """`data` with what it lacks of `labelled`, found by reading it back.

    In a format that has no room for keys (`keys_in_file` False), items are told by their place.
    """
    back = read(data)
    if keys_in_file:
        return Written(data, losses(labelled, back))
    told = [_renamed(one, str(place)) for place, one in enumerate(labelled, 1)]
    found = [_renamed(one, str(place)) for place, one in enumerate(back, 1)]
    keys = [(one.item.key, other.item.key) for one, other in zip(labelled, back, strict=False)]
    moved = [key for key, other in keys if key != other]
    named = (Loss("item.key", len(moved), repr(moved[0])),) if moved else ()
    return Written(data, named + losses(told, found))


def losses(before: Sequence[Labelled], after: Sequence[Labelled]) -> tuple[Loss, ...]:
    """Every fact that `before` states and `after` does not, counted by sort, in alphabetical order."""
    missing = Counter(facts(before)) - Counter(facts(after))
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for fact, count in missing.items():
        counts[fact[0]] += count
        examples.setdefault(fact[0], ", ".join(fact[1:]))
    return tuple(Loss(what, counts[what], examples[what]) for what in sorted(counts))


def facts(labelled: Sequence[Labelled]) -> Iterator[Fact]:
    """Everything that is said, each piece alone: what sort it is of, the item's key, and the piece.

    What is as if unsaid (an empty id, no score, no rotation) is no fact. In what order things are said is none.
    """
    for one in labelled:
        key = one.item.key
        yield "item", key
        yield from (("item.data", key, name, _told(value)) for name, value in one.item.data.items())
        yield from (("item.extra", key, name, _told(value)) for name, value in one.item.extra.items())
        for prediction in one.item.predictions:
            yield from _of_annotation("prediction", key, prediction, usually="model")
        for annotation in one.annotations:
            yield from _of_annotation("annotation", key, annotation, usually="person")
        if one.exported_at is not None:
            yield "exported_at", key, one.exported_at.isoformat()


def _of_annotation(what: str, key: str, annotation: Annotation, usually: str) -> Iterator[Fact]:
    who = annotation.annotator
    yield what, key
    if annotation.item != key:
        yield f"{what}.item", key, annotation.item
    if who:
        yield f"{what}.annotator", key, who
    if annotation.at is not None:
        yield f"{what}.at", key, who, repr(annotation.at.timestamp())
    if annotation.seconds is not None:
        yield f"{what}.seconds", key, who, repr(annotation.seconds)
    for name in ("id", "tool", "batch"):
        if said := getattr(annotation, name):
            yield f"{what}.{name}", key, who, said
    if annotation.origin != usually:
        yield f"{what}.origin", key, who, annotation.origin
    if annotation.skipped:
        yield f"{what}.skipped", key, who
    yield from ((f"{what}.extra", key, who, name, _told(value)) for name, value in annotation.extra.items())
    for region in annotation.regions:
        if who:
            yield "region.annotator", key, who, region.kind, _first(region)
        yield from _of_region(key, region)


def _of_region(key: str, region: Region) -> Iterator[Fact]:
    """A class alone, and all else with the first class, so that no two regions' places or ids are mixed up."""
    kind, about = region.kind, (key, region.kind, _first(region))
    yield from ((kind, key, label) for label in labels_of(region) or ("",))
    place = {name: value for name, value in region.model_dump().items() if name not in _ASIDE}
    if place:
        yield f"{kind}.place", key, _first(region), _told(place)
    if getattr(region, "text", ""):
        yield "region.text", *about, _told(region.text)  # type: ignore[union-attr]
    if getattr(region, "rotation", 0):
        yield "region.rotation", *about, _told(region.rotation)  # type: ignore[union-attr]
    if region.id:
        yield "region.id", *about, region.id
    if region.name != "label":
        yield "region.name", *about, region.name
    if region.score is not None:
        yield "region.score", *about, _told(region.score)
    yield from (("region.extra", *about, name, _told(value)) for name, value in region.extra.items())


def _first(region: Region) -> str:
    return next(iter(labels_of(region)), "")


def labels_of(region: Region) -> tuple[str, ...]:
    """The classes that a region names; none for a kind that names none."""
    labels: tuple[str, ...] = getattr(region, "labels", ())
    return labels


def _told(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)


def _renamed(one: Labelled, key: str) -> Labelled:
    """The same under another key; an annotation that names another item goes on naming it."""
    renamed = [a.model_copy(update={"item": key}) if a.item == one.item.key else a for a in one.annotations]
    guessed = [a.model_copy(update={"item": key}) if a.item == one.item.key else a for a in one.item.predictions]
    item = one.item.model_copy(update={"key": key, "predictions": tuple(guessed)})
    return one.model_copy(update={"item": item, "annotations": tuple(renamed)})
