"""What is wrong with labels that come back: bad ones with every reason, good ones kept."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from include.core.annotations import Annotation, Labelled
from include.label.formats.report import labels_of


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is not taken: where it stands, the item's key, and all that is wrong with it."""

    where: str
    key: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The labels without what is faulty, and the faults."""

    labelled: tuple[Labelled, ...]
    faults: tuple[Fault, ...]


def judge(
    labelled: Sequence[Labelled],
    classes: Collection[str] | None = None,
    keys: Collection[str] | None = None,
    name: str = "label",
) -> Judged:
    """Takes out the annotations that cannot be used, from whatever tool they come.

    Those are: of an item that is none of `keys`; with a label of the question `name` that is none of `classes`; an
    annotator's second answer to an item. What is None is not asked. Of two answers the first one stays.
    """
    kept, faults = [], []
    known = None if keys is None else frozenset(keys)
    allowed = None if classes is None else frozenset(classes)
    answered: dict[tuple[str, str], Annotation] = {}
    for one in labelled:
        key = one.item.key
        good = []
        for place, annotation in enumerate(one.annotations, 1):
            said = (key, annotation.annotator)
            first = None if annotation.skipped or not annotation.annotator else answered.get(said)
            reasons = (
                *([unknown_key(key)] if known is not None and key not in known else []),
                *_unknown(annotation, allowed, name),
                *([answered_twice(_told(first, name), _told(annotation, name))] if first else []),
            )
            if reasons:
                faults.append(Fault(f"annotation {annotation.id or place} of item {key!r}", key, reasons))
            else:
                good.append(annotation)
                if not annotation.skipped:
                    answered[said] = annotation
        if known is None or key in known:
            kept.append(one.model_copy(update={"annotations": tuple(good)}))
    return Judged(tuple(kept), tuple(faults))


def only(judged: Judged, keys: Collection[str]) -> Judged:
    """The labels of these items, and the faults of them or of what was never an item."""
    asked = {one.item.key for one in judged.labelled}
    gone = asked.difference(keys)
    return Judged(
        tuple(one for one in judged.labelled if one.item.key not in gone),
        tuple(fault for fault in judged.faults if fault.key not in gone),
    )


def unknown_key(key: str) -> str:
    return f"no item {key!r} was asked for"


def unknown_class(label: str, classes: Collection[str]) -> str:
    return f"{label!r} is none of the classes {', '.join(sorted(classes))}"


def answered_twice(first: str, second: str) -> str:
    return f"the annotator has answered for this item already: {first}, then {second}"


def _unknown(annotation: Annotation, classes: frozenset[str] | None, name: str) -> Iterator[str]:
    if classes is not None:
        for region in annotation.regions:
            if region.name == name:
                yield from (unknown_class(label, classes) for label in labels_of(region) if label not in classes)


def _told(annotation: Annotation | None, name: str) -> str:
    regions = annotation.regions if annotation else ()
    labels = [repr(label) for region in regions if region.name == name for label in labels_of(region)]
    return ", ".join(labels) or "nothing"
