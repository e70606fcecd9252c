"""SageMaker Ground Truth's augmented manifests: a line an object, an attribute a labelling job.

Source: "Labeling job output data" (docs.aws.amazon.com/sagemaker): classification, multi-label classification,
bounding boxes and named entities; the types of image and text jobs. A job's answer is one, whatever its workers
said: consolidate first. The attribute's name is the question, `job-name` the batch, `human-annotated` the origin.
A field `key` carries the item's key; without one, the object's `source-ref` or `source` is it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from include.core.annotations import Annotation, Choice, Item, Labelled, Other, Rectangle, Region, Span
from include.label.formats.files import Source, json_lines, lines_of, reading
from include.label.formats.report import Written, written

KEY = "key"
_ABOUT = "-metadata"
_JOB = ("job-name", "human-annotated", "creation-date", "type")


def read(source: Source) -> list[Labelled]:
    """One item a line. Jobs of one name, time and origin are one annotation; a type that is unknown is `Other`."""
    found = []
    for number, line in json_lines(source):
        with reading(f"Line {number}"):
            found.append(_labelled(line))
    return found


def write(labelled: Sequence[Labelled]) -> Written:
    """Of each question the first answer; a box and an entity have one class each."""
    names = sorted({label for one in labelled for r in _regions(one) for label in getattr(r, "labels", ())})
    places = {name: place for place, name in enumerate(names)}
    return written(lines_of([_line(one, places) for one in labelled]), labelled, read)


def _regions(one: Labelled) -> Iterator[Region]:
    return (region for annotation in one.annotations for region in annotation.regions)


def _labelled(line: Mapping[str, Any]) -> Labelled:
    names = [name for name in line if f"{name}{_ABOUT}" in line and isinstance(line[f"{name}{_ABOUT}"], dict)]
    aside = {KEY, *names, *(f"{name}{_ABOUT}" for name in names)}
    data = {name: said for name, said in line.items() if name not in aside}
    key = str(line[KEY]) if KEY in line else str(data.get("source-ref", data.get("source", "")))
    if not key:
        raise ValueError("it names no object: there is neither key nor source-ref nor source")
    annotations: dict[tuple[Any, ...], Annotation] = {}
    for name in names:
        about = dict(line[f"{name}{_ABOUT}"])
        job = tuple(about.get(part) for part in _JOB[:3])
        regions = _answers(name, line[name], about)
        extra = _left(name, line[name], about) if regions else {n: line[n] for n in (name, f"{name}{_ABOUT}")}
        known = annotations.get(job) or _job(key, about)
        annotations[job] = known.model_copy(
            update={"regions": (*known.regions, *regions), "extra": {**known.extra, **extra}}
        )
    return Labelled(item=Item(key=key, data=data), annotations=tuple(annotations.values()))


def _left(name: str, value: Any, about: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata of boxes and entities say of all of them at once."""
    whole = isinstance(value, dict) and "annotations" in value
    rest = {n: said for n, said in about.items() if n not in (*_JOB, "class-map", "objects", "entities")}
    return {f"{name}{_ABOUT}": rest} if whole and rest else {}


def _job(key: str, about: Mapping[str, Any]) -> Annotation:
    made = about.get("creation-date")
    at = datetime.fromisoformat(made) if made else None
    return Annotation(
        item=key,
        annotator="",
        batch=str(about.get("job-name", "")),
        origin="model" if about.get("human-annotated") == "no" else "person",
        at=at if at is None or at.tzinfo else at.replace(tzinfo=UTC),
    )


def _answers(name: str, value: Any, about: dict[str, Any]) -> list[Region]:
    kind = str(about.get("type", "")).removeprefix("groundtruth/")
    rest = {n: said for n, said in about.items() if n not in _JOB}
    if kind in ("image-classification", "text-classification"):
        score, label = rest.pop("confidence", None), str(rest.pop("class-name"))
        return [Choice(name=name, labels=(label,), score=score, extra=_beside(rest, value=value))]
    if kind in ("image-classification-multilabel", "text-classification-multilabel"):
        classes, sure = rest.pop("class-map", {}), rest.pop("confidence-map", {})
        labels = tuple(str(classes[str(place)]) for place in value)
        # Numbers of classes are the file's own: confidences are kept by name.
        named = {str(classes[place]): score for place, score in sure.items() if place in classes}
        told = {"confidences": named} if named else {}
        return [Choice(name=name, labels=labels, extra=_beside({**rest, **told}, value=value, multi=True))]
    if kind == "object-detection":
        return _boxes(name, value, rest)
    if kind == "text-span":
        return _spans(name, value, rest)
    return [Other(type=kind, name=name, extra={"value": value, "metadata": about})]


def _beside(rest: dict[str, Any], value: Any, multi: bool = False) -> dict[str, Any]:
    """What a classification says besides: a single label of a job that takes several is marked as such."""
    return {**rest, "multilabel": True} if multi and len(value) == 1 else rest


def _boxes(name: str, value: Mapping[str, Any], rest: dict[str, Any]) -> list[Region]:
    size = value["image_size"][0]
    classes, objects = rest.get("class-map", {}), rest.get("objects", ())
    regions: list[Region] = []
    for place, box in enumerate(value["annotations"]):
        told = {n: v for n, v in box.items() if n not in ("class_id", "left", "top", "width", "height")}
        about = dict(objects[place]) if place < len(objects) else {}
        score = about.pop("confidence", None)
        deep = {"depth": size["depth"]} if size.get("depth", 3) != 3 else {}
        regions.append(
            Rectangle(
                name=name, labels=(str(classes[str(box["class_id"])]),), x=box["left"], y=box["top"],
                width=box["width"], height=box["height"], image_width=size["width"], image_height=size["height"],
                score=score, extra={**told, **deep, **about},
            )
        )  # fmt: skip
    return regions


def _spans(name: str, value: Mapping[str, Any], rest: dict[str, Any]) -> list[Region]:
    about = rest.get("entities", ())
    regions: list[Region] = []
    for place, entity in enumerate(value["annotations"]["entities"]):
        told = {n: v for n, v in entity.items() if n not in ("label", "startOffset", "endOffset")}
        score = about[place].get("confidence") if place < len(about) else None
        ends = {"start": entity["startOffset"], "end": entity["endOffset"]}
        regions.append(Span(name=name, labels=(str(entity["label"]),), score=score, extra=told, **ends))
    return regions


def _line(one: Labelled, places: Mapping[str, int]) -> dict[str, Any]:
    own = one.item.data.get("source-ref", one.item.data.get("source"))
    line = dict(one.item.data) if own == one.item.key else {**one.item.data, KEY: one.item.key}
    text = "source-ref" not in one.item.data
    for annotation in one.annotations:
        taken = set(line)
        for name in dict.fromkeys(region.name for region in annotation.regions):
            regions = [region for region in annotation.regions if region.name == name]
            if name and name not in taken and f"{name}{_ABOUT}" not in taken:
                line |= _attribute(name, regions, annotation, places, text)
        line |= {name: said for name, said in annotation.extra.items() if name not in line}
    return line


def _attribute(
    name: str, regions: Sequence[Region], annotation: Annotation, places: Mapping[str, int], text: bool
) -> dict[str, Any]:
    """The attribute and its metadata; nothing where no job's answer holds these regions."""
    first = regions[0]
    value: Any
    if isinstance(first, Other):
        if not {"value", "metadata"} <= set(first.extra):
            return {}
        return {name: first.extra["value"], f"{name}{_ABOUT}": {**first.extra["metadata"], **_about(annotation)}}
    if isinstance(first, Choice):
        value, about = _classes(first, places, "text" if text else "image")
    elif boxes := [r for r in regions if isinstance(r, Rectangle) and r.labels]:
        value, about = _drawn(boxes, places)
    elif spans := [r for r in regions if isinstance(r, Span) and r.labels]:
        entities = [{**s.extra, "label": s.labels[0], "startOffset": s.start, "endOffset": s.end} for s in spans]
        known = sorted({span.labels[0] for span in spans})
        value = {"annotations": {"entities": entities, "labels": [{"label": label} for label in known]}}
        about = {"entities": [_confidence(s) for s in spans], "type": "groundtruth/text-span"}
    else:
        return {}
    left = annotation.extra.get(f"{name}{_ABOUT}")
    left = left if isinstance(left, dict) and not isinstance(first, Choice) else {}
    return {name: value, f"{name}{_ABOUT}": {**left, **about, **_about(annotation)}}


def _classes(choice: Choice, places: Mapping[str, int], of: str) -> tuple[Any, dict[str, Any]]:
    extra = dict(choice.extra)
    if len(choice.labels) == 1 and not extra.pop("multilabel", False):
        (label,) = choice.labels
        about = {**extra, "class-name": label, **_confidence(choice), "type": f"groundtruth/{of}-classification"}
        return places[label], about
    named = {str(places[label]): label for label in choice.labels}
    sure = extra.pop("confidences", None)
    if isinstance(sure, dict):
        extra["confidence-map"] = {str(places[label]): sure[label] for label in choice.labels if label in sure}
    about = {**extra, "class-map": named, "type": f"groundtruth/{of}-classification-multilabel"}
    return [places[label] for label in choice.labels], about


def _drawn(boxes: Sequence[Rectangle], places: Mapping[str, int]) -> tuple[Any, dict[str, Any]]:
    depth = boxes[0].extra.get("depth", 3)
    size = {"width": boxes[0].image_width, "height": boxes[0].image_height, "depth": depth}
    drawn = [
        {
            **{n: v for n, v in box.extra.items() if n != "depth"}, "class_id": places[box.labels[0]],
            "left": box.x, "top": box.y, "width": box.width, "height": box.height,
        }
        for box in boxes
    ]  # fmt: skip
    named = {str(places[box.labels[0]]): box.labels[0] for box in boxes}
    about = {
        "objects": [_confidence(b) for b in boxes],
        "class-map": named,
        "type": "groundtruth/object-detection",
    }
    return {"image_size": [size], "annotations": drawn}, about


def _confidence(region: Region) -> dict[str, float]:
    return {} if region.score is None else {"confidence": region.score}


def _about(annotation: Annotation) -> dict[str, str]:
    about = {"human-annotated": "yes" if annotation.origin == "person" else "no"}
    if annotation.batch:
        about["job-name"] = annotation.batch
    if annotation.at is not None:
        about["creation-date"] = annotation.at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return about
