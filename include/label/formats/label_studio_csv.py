"""Label Studio's CSV and TSV: a row an annotation, a column for each piece of data and for each control.

Source: "Export annotations" (labelstud.io/guide) and its SDK's converter, which puts a single choice, or text, as
it is, and all else as JSON. It sorts the columns, so that nothing tells those of data from those of controls:
controls must be named. A file written here has them between `id` and `annotator`, which tells them.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from include.core.annotations import Annotation, Choice, Item, Labelled, Other, Region, Words
from include.core.errors import FatalError
from include.label.formats.files import MOST_BYTES, Source, dumped, reading, text
from include.label.formats.label_studio import time_of, timestamp
from include.label.formats.label_studio_results import region_of, result_of
from include.label.formats.report import Written, written

_ASIDE = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")
# What the tool says of an annotation besides, where it does.
_EXTRA = ("agreement", "history")


def read(source: Source, controls: Mapping[str, str] | Sequence[str] | None = None) -> list[Labelled]:
    """Rows of one `id` are one item's, in the order of their first; data is text.

    `controls` names the columns of controls, if need be with their type: a bare cell is a choice, or a text where
    the type is `textarea`. Raises FatalError where they are not named in a file that Label Studio wrote.
    """
    csv.field_size_limit(MOST_BYTES)
    whole = text(source)
    head = whole.partition("\n")[0]
    parted = "\t" if head.count("\t") > head.count(",") else ","
    rows = csv.DictReader(io.StringIO(whole, newline=""), strict=True, delimiter=parted)
    try:
        return _labelled(rows, controls)
    except csv.Error as error:
        raise FatalError(
            f"Line {rows.line_num} is no CSV: {error}; the file may be half written.", fix="export it again."
        ) from error


def _labelled(rows: "csv.DictReader[str]", controls: Mapping[str, str] | Sequence[str] | None) -> list[Labelled]:
    chosen = _controls(list(rows.fieldnames or ()), controls)
    plain = [name for name in rows.fieldnames or () if name not in (*_ASIDE, *_EXTRA, "id", *chosen)]
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


def _controls(header: list[str], controls: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    """The columns of controls and their types, as far as they are known."""
    if not {"id", "annotator"} <= set(header):
        raise FatalError(
            f"The header is {', '.join(header)}; columns id and annotator are missing.",
            fix="export as CSV from Label Studio, or name the right format.",
        )
    if controls is None:
        if header.index("annotator") < header.index("id"):
            raise FatalError(
                f"Which of the columns {', '.join(header)} are controls? The file does not say.",
                fix="pass controls=, the names of the labelling interface's controls.",
            )
        controls = header[header.index("id") + 1 : header.index("annotator")]
    chosen = dict(controls) if isinstance(controls, Mapping) else dict.fromkeys(controls, "")
    if missing := [name for name in chosen if name not in header]:
        raise FatalError(f"The file has no column {missing[0]!r}.", fix="name the controls as the interface does.")
    return chosen


def write(labelled: Sequence[Labelled]) -> Written:
    """Skipped annotations, predictions and ids of regions do not fit; numbers among the data become text."""
    names = dict.fromkeys(r.name for one in labelled for a in one.annotations for r in a.regions if r.name)
    controls = [name for name in names if name not in (*_ASIDE, *_EXTRA, "id")]
    aside = (*_ASIDE, *_EXTRA, "id", *controls)
    plain = list(dict.fromkeys(name for one in labelled for name in one.item.data if name not in aside))
    more = [n for n in _EXTRA if any(isinstance(a.extra.get(n), str) for one in labelled for a in one.annotations)]
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, [*plain, "id", *controls, *_ASIDE, *more], lineterminator="\r\n")
    rows.writeheader()
    for one in labelled:
        data = {name: said if isinstance(said, str) else dumped(said) for name, said in one.item.data.items()}
        own = {name: data[name] for name in plain if name in data} | {"id": one.item.key}
        answered = [a for a in one.annotations if not a.skipped]
        rows.writerows([own | _row(a, controls, more) for a in answered] or [own])
    return written(out.getvalue().encode(), labelled, lambda file: read(file, controls))


def _annotation(key: str, row: Mapping[str, str], controls: Mapping[str, str]) -> list[Annotation]:
    if not any(row.get(name) for name in (*_ASIDE, *controls)):
        return []
    made, changed = row.get("created_at") or None, row.get("updated_at") or None
    extra = {name: row[name] for name in _EXTRA if row.get(name)}
    annotation = Annotation.model_validate(
        {
            "item": key,
            "annotator": row["annotator"],
            "id": row.get("annotation_id") or "",
            "at": time_of(changed or made),
            "seconds": row.get("lead_time") or None,
            "extra": extra | ({"created_at": made} if made and changed and made != changed else {}),
        }
    )
    regions = [region for name, kind in controls.items() for region in _regions(name, kind, row[name])]
    return [annotation.model_copy(update={"regions": tuple(regions)})]


def _row(annotation: Annotation, controls: Sequence[str], more: Sequence[str]) -> dict[str, Any]:
    at = timestamp(annotation.at) if annotation.at else ""
    cells = {name: _cell([r for r in annotation.regions if r.name == name]) for name in controls}
    extra = {name: said for name in more if isinstance(said := annotation.extra.get(name), str)}
    made = annotation.extra.get("created_at")
    return cells | {
        "annotator": annotation.annotator,
        "annotation_id": annotation.id,
        "created_at": made if isinstance(made, str) else at,
        "updated_at": at,
        "lead_time": "" if annotation.seconds is None else repr(annotation.seconds),
        **extra,
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


def _regions(name: str, kind: str, cell: str) -> list[Region]:
    if not cell:
        return []
    bare: Region = Words(name=name, texts=(cell,)) if kind == "textarea" else Choice(name=name, labels=(cell,))
    try:
        found = json.loads(cell) if cell.startswith(("{", "[")) else None
    except ValueError:
        found = None
    if found is None:
        return [bare]
    return [_region(name, value) for value in (found if isinstance(found, list) else [found])]


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
