"""What formats there are, by key: what each carries whole, and what it has no room for.

Both are tested: what a format keeps comes back bit for bit, and a loss of all else is reported by its writer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from include.core.annotations import Labelled
from include.core.errors import FatalError
from include.label.formats.files import Source
from include.label.formats.report import Written

KINDS = (
    "choice", "taxonomy", "rectangle", "polygon", "polyline", "keypoint", "ellipse", "mask", "span", "time_range",
    "words", "number",
)  # fmt: skip
# What else there is to say, in the words of the losses.
BESIDE = (
    "item.key", "item.data", "item.extra", "prediction", "annotation.annotator", "annotation.at",
    "annotation.seconds", "annotation.id", "annotation.skipped", "annotation.origin", "annotation.batch",
    "annotation.tool", "annotation.extra", "region.id", "region.name", "region.score", "region.text",
    "region.rotation", "region.extra", "exported_at",
)  # fmt: skip
_ALL = frozenset(BESIDE) - {"exported_at"}
_IMAGE = frozenset({"item.key", "item.data"})


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files: `carries` are kinds of regions, `keeps` what else it holds, `partly` what it may hold.

    `limits` says where. `functions` are the names of reader and writer in `module`.
    """

    title: str
    file: str
    module: str
    carries: frozenset[str]
    keeps: frozenset[str]
    partly: frozenset[str]
    limits: str
    functions: tuple[str, str] = ("read", "write")

    @property
    def loses(self) -> tuple[str, ...]:
        """What it has no room for, in the order of `KINDS` and `BESIDE`."""
        idle = set() if self.carries & {"rectangle", "ellipse"} else {"region.rotation"}
        idle |= set() if "span" in self.carries else {"region.text"}
        lost = [what for what in BESIDE if what not in self.keeps | self.partly | idle]
        return (*(kind for kind in KINDS if kind not in self.carries), *lost)


def _of(*names: str) -> frozenset[str]:
    return frozenset(names)


FORMATS: dict[str, Format] = {
    "label_studio": Format(
        "Label Studio JSON", "JSON", "label_studio",
        _of(*KINDS) - {"polyline", "mask"}, _ALL, _of(),
        "a figure needs the image's size; `tool`, `batch`, `origin` stand in fields that its server drops",
    ),
    "label_studio_csv": Format(
        "Label Studio CSV", "CSV", "label_studio_csv",
        _of(*KINDS) - {"polyline", "mask"},
        _of("item.key", "annotation.annotator", "annotation.at", "annotation.seconds", "annotation.id",
            "region.name", "region.rotation", "region.text"),
        _of("item.data", "annotation.extra"),
        "data comes back as text; a figure needs the image's size; of `extra` agreement and history",
    ),
    "coco": Format(
        "COCO", "JSON", "coco", _of("rectangle", "polygon"), _IMAGE | {"region.score", "region.extra"},
        _of("region.id"),
        "one class a figure, one annotation an image, ids are numbers",
    ),
    "voc": Format(
        "PASCAL VOC", "ZIP of XML", "voc", _of("rectangle"), _of("item.key"),
        _of("item.extra", "region.extra"),
        "one class a box, one annotation an image; `extra` is text; XML holds no control characters",
    ),
    "yolo": Format(
        "YOLO", "ZIP of text", "yolo", _of("rectangle", "polygon"), _of("item.key"), _of(),
        "one class a figure, one annotation an image; the image's size must be known",
    ),
    "conll": Format(
        "CoNLL 2003", "text", "conll", _of("span"), _of(), _of("region.text", "item.data"),
        "one annotation an item, one class a span, no overlaps, no white space at a span's ends; keys and places"
        " come back with the items that were sent",
    ),
    "labelbox": Format(
        "Labelbox NDJSON", "JSON lines", "labelbox",
        _of("choice", "rectangle", "polygon", "polyline", "keypoint", "span", "words"),
        _of("item.key", "item.extra", "annotation.annotator", "annotation.at", "annotation.seconds",
            "annotation.id", "annotation.skipped", "annotation.extra", "region.id", "region.text",
            "region.extra"),
        _of("item.data", "region.name"),
        "one class a figure, one text an answer; only answers name their question; data is text and numbers",
    ),
    "prodigy": Format(
        "Prodigy JSONL", "JSON lines", "prodigy",
        _of("choice", "rectangle", "polygon", "span", "time_range", "words"),
        _IMAGE | _of("annotation.annotator", "annotation.at", "annotation.skipped", "region.text"),
        _of("item.extra", "annotation.extra", "region.id", "region.extra"),
        "one choice and one text an annotation, one class a figure or span; of the item's `extra` its hash",
    ),
    "cvat": Format(
        "CVAT XML 1.1", "XML", "cvat",
        _of("choice", "rectangle", "polygon", "polyline", "keypoint", "ellipse", "mask"),
        _of("item.key", "region.rotation"),
        _of("annotation.annotator", "item.extra", "region.extra"),
        "one class a figure; one annotator a file keeps the name; `extra` is text; no control characters",
    ),
    "ground_truth": Format(
        "SageMaker Ground Truth", "JSON lines", "ground_truth", _of("choice", "rectangle", "span"),
        _IMAGE | _of("annotation.at", "annotation.batch", "region.name", "region.score"),
        _of("annotation.origin", "annotation.extra", "region.extra"),
        "one answer a question, whoever gave it: consolidate first; origin is person or not",
    ),
    "scale": Format(
        "Scale tasks", "JSON", "scale",
        _of("choice", "rectangle", "polygon", "polyline", "keypoint", "span", "words"),
        _IMAGE | _of("annotation.at", "annotation.id", "annotation.batch", "annotation.extra", "region.text",
                     "region.extra"),
        _of("region.id", "region.name"),
        "an annotation is figures, or spans, or answers; one answer a question; one class a figure or span",
    ),
    "csv": Format(
        "Hand-over CSV", "CSV", "sheets", _of("choice"),
        _of("item.key", "annotation.annotator", "annotation.at", "annotation.seconds"), _of("item.data"),
        "one class an item and annotator; data comes back as text",
        ("read_csv", "write_csv"),
    ),
    "jsonl": Format(
        "Hand-over JSONL", "JSON lines", "sheets", _of("choice"),
        _IMAGE | _of("annotation.annotator", "annotation.at", "annotation.seconds"), _of(),
        "one class an item and annotator",
        ("read_jsonl", "write_jsonl"),
    ),
}  # fmt: skip


def read(key: str, source: Source, **options: Any) -> list[Labelled]:
    """The items and annotations of a file of this format. Raises FatalError for an unknown key and a bad file."""
    found: list[Labelled] = _function(key, 0)(source, **options)
    return found


def write(key: str, labelled: Sequence[Labelled], **options: Any) -> Written:
    """A file of this format, and what it does not hold. Raises FatalError for an unknown key."""
    made: Written = _function(key, 1)(labelled, **options)
    return made


def table() -> str:
    """What every format carries and loses, as Markdown."""
    head = ("key", "format", "file", "regions", "keeps besides", "keeps in part", "has no room for", "limits")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for key, one in FORMATS.items():
        carried = ", ".join(kind for kind in KINDS if kind in one.carries)
        kept, partly = (", ".join(what for what in BESIDE if what in some) for some in (one.keeps, one.partly))
        told = (
            f"`{key}`",
            one.title,
            one.file,
            carried,
            kept or "–",
            partly or "–",
            ", ".join(one.loses),
            one.limits,
        )
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines)


def _function(key: str, place: int) -> Callable[..., Any]:
    if key not in FORMATS:
        raise FatalError(f"There is no format {key!r}.", fix=f"name one of {', '.join(sorted(FORMATS))}.")
    one = FORMATS[key]
    found: Callable[..., Any] = getattr(import_module(f"include.label.formats.{one.module}"), one.functions[place])
    return found
