"""Label Studio's CSV: a row an annotation, a column for each piece of data and for each control.

Source: "Export annotations" (labelstud.io/guide) and its converter, which puts a single choice as it is and all
else as JSON. The file does not tell columns of data from those of controls but by their place: controls stand
between `id` and `annotator`.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from include.core.annotations import Annotation, Choice, Item, Labelled, Other, Region
from include.core.errors import FatalError
from include.label.formats.files import MOST_BYTES, Source, dumped, reading, text
from include.label.formats.label_studio import timestamp
from include.label.formats.label_studio_results import region_of, result_of
from include.label.formats.report import Written, written

_ASIDE = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")


def read(source: Source, controls: Sequence[str] | None = None) -> list[Labelled]:
    """Rows of one `id` are one item's, in the order of their first; data is text.

    `controls` names the columns of controls where they do not stand between `id` and `annotator`.
    """
    csv.field_size_limit(MOST_BYTES)
    rows = csv.DictReader(io.StringIO(text(source), newline=""), strict=True)
    try:
        return _labelled(rows, controls)
    except csv.Error as error:
        raise FatalError(
            f"Line {rows.line_num} is no CSV: {error}; the file may be half written.", fix="export it again."
        ) from error


def _labelled(rows: "csv.DictReader[str]", controls: Sequence[str] | None) -> list[Labelled]:
    header = list(rows.fieldnames or ())
    if not {"id", "annotator"} <= set(header):
        raise FatalError(
            f"The header is {', '.join(header)}; columns id and annotator are missing.",
            fix="export as CSV from Label Studio, or name the right format.",
        )
    chosen = header[header.index("id") + 1 : header.index("annotator")] if controls is None else list(controls)
    plain = [name for name in header if name not in (*_ASIDE, "id", *chosen)]
    items: dict[str, Item] = {}
    said: dict[str, list[Annotation]] = {}
    for row in rows:
        with reading(f"Line {rows.line_num}"):
            if None in row.values() or None in row:
                raise ValueError("it has more or fewer cells than the header: the file may be half written")
            key = row["id"]
            items.setdefault(key, Item(key=key, data={name: row[name] for name in plain if row[name]}))
            said.setdefault(key, []).extend(_annotation(key, row, chosen))
    return [Labelled(item=item, annotations=tuple(said[key])) for key, item in items.items()]


def write(labelled: Sequence[Labelled]) -> Written:
    """Skipped annotations, predictions and ids of regions do not fit; numbers among the data become text."""
    names = {r.name: 0 for one in labelled for a in one.annotations for r in a.regions if r.name}
    aside = (*_ASIDE, "id", *names)
    plain = list(dict.fromkeys(name for one in labelled for name in one.item.data if name not in aside))
    controls = [name for name in names if name not in (*_ASIDE, "id")]
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, [*plain, "id", *controls, *_ASIDE], lineterminator="\r\n")
    rows.writeheader()
    for one in labelled:
        data = {name: said if isinstance(said, str) else dumped(said) for name, said in one.item.data.items()}
        own = {name: data[name] for name in plain if name in data} | {"id": one.item.key}
        answered = [a for a in one.annotations if not a.skipped]
        rows.writerows([own | _row(a, controls) for a in answered] or [own])
    return written(out.getvalue().encode(), labelled, lambda file: read(file, controls))


def _annotation(key: str, row: Mapping[str, str], controls: Sequence[str]) -> list[Annotation]:
    if not any(row.get(name) for name in (*_ASIDE, *controls)):
        return []
    regions = [region for name in controls for region in _regions(name, row[name])]
    annotation = Annotation.model_validate(
        {
            "item": key,
            "annotator": row["annotator"],
            "id": row.get("annotation_id") or "",
            "at": row.get("updated_at") or row.get("created_at") or None,
            "seconds": row.get("lead_time") or None,
        }
    )
    return [annotation.model_copy(update={"regions": tuple(regions)})]


def _row(annotation: Annotation, controls: Sequence[str]) -> dict[str, Any]:
    at = timestamp(annotation.at) if annotation.at else ""
    cells = {name: _cell([r for r in annotation.regions if r.name == name]) for name in controls}
    return cells | {
        "annotator": annotation.annotator,
        "annotation_id": annotation.id,
        "created_at": at,
        "updated_at": at,
        "lead_time": "" if annotation.seconds is None else repr(annotation.seconds),
    }


def _cell(regions: Sequence[Region]) -> str:
    results = [result for region in regions if (result := result_of(region)) is not None and "value" in result]
    if len(results) == 1 and isinstance(regions[0], Choice) and len(regions[0].labels) == 1:
        label = regions[0].labels[0]
        if label and not label.startswith(("{", "[")):
            return label
    values = [
        {**result["value"], **{n: result[n] for n in ("original_width", "original_height", "meta") if n in result}}
        for result in results
    ]
    single = len(values) == 1 and "choices" in values[0]
    return dumped(values[0] if single else values) if values else ""


def _regions(name: str, cell: str) -> list[Region]:
    if not cell:
        return []
    if not cell.startswith(("{", "[")):
        return [Choice(name=name, labels=(cell,))]
    try:
        found = json.loads(cell)
    except ValueError:
        return [Choice(name=name, labels=(cell,))]
    values = found if isinstance(found, list) else [found]
    return [_region(name, value) for value in values]


def _region(name: str, value: Any) -> Region:
    """The type of a result is not in the file: a value of a type has a part by that name."""
    if not isinstance(value, dict):
        return Other(name=name, type="", extra={"value": value})
    beside = {n: value[n] for n in ("original_width", "original_height", "meta") if n in value}
    types = ("choices", "taxonomy", "rating", "number", *(part for part in value if part.endswith("labels")))
    kind = next((of for of in types if of in value), None)
    if kind is None:
        kind = "textarea" if set(value) == {"text"} else _figure(value)
    rest = {n: said for n, said in value.items() if n not in beside}
    return region_of({"type": kind, "from_name": name, "value": rest, **beside})


def _figure(value: Mapping[str, Any]) -> str:
    if "points" in value:
        return "polygon"
    if "radiusX" in value:
        return "ellipse"
    if "height" in value:
        return "rectangle"
    return "keypoint" if "x" in value else "labels" if "start" in value else ""
