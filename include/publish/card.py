"""An export's dataset card: a README that people read, with a head that the Hugging Face Hub reads."""

import json
from collections.abc import Iterator
from typing import Any

from include.publish.contents import Column, Contents
from include.publish.responsible import limitations, made_share

# The Hub's names of the sizes, by how many rows are below each bound.
SIZES = {
    1_000: "n<1K",
    10_000: "1K<n<10K",
    100_000: "10K<n<100K",
    1_000_000: "100K<n<1M",
    10_000_000: "1M<n<10M",
    100_000_000: "10M<n<100M",
    1_000_000_000: "100M<n<1B",
}
FEATURES = {"double": "float64", "float": "float32"}


def card(contents: Contents) -> str:
    """The text of README.md."""
    declared = contents.declared
    sections = [
        f"# {contents.dataset}, version {contents.version}",
        declared.description or f"A training table that Sluice built and checked: {contents.rows} rows.",
        _splits(contents),
        "## Columns\n\n" + _table(("column", "type", "what it is"), _columns(contents)),
        "## Sources\n\n" + _table(("source", "batch", "up to"), _sources(contents)),
        _gate(contents),
        _made(contents),
        "## Known limits\n\n"
        + "\n".join(f"- {limit}" for limit in limitations(contents) or ["None is recorded."]),
        _use(),
        _identity(contents),
    ]
    if declared.citation:
        sections.append(f"## Citation\n\n```bibtex\n{declared.citation.strip()}\n```")
    return _head(contents) + "\n\n".join(section for section in sections if section) + "\n"


def _head(contents: Contents) -> str:
    """The head, each value as JSON, which is YAML."""
    kinds = {"image-classification"} if contents.declaration.get("image") else {"tabular-classification"}
    facts: dict[str, Any] = {
        "pretty_name": f"{contents.dataset} v{contents.version}",
        **_licence(contents),
        "task_categories": sorted(kinds),
        "size_categories": [next((name for most, name in SIZES.items() if contents.rows < most), "n>1B")],
        "tags": ["sluice", "croissant"] if "croissant" in contents.declared.formats else ["sluice"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}/part-*.parquet"} for split in contents.splits],
            }
        ],
        "dataset_info": {
            "features": [_feature(contents, column) for column in contents.columns],
            "splits": [{"name": split, "num_examples": rows} for split, rows in contents.splits.items()],
        },
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()]
    return "\n".join(("---", *lines, "---", "", ""))


def _licence(contents: Contents) -> dict[str, str]:
    licence = contents.declared.licence
    if licence is None:
        return {}
    if "://" in licence:
        return {"license": "other", "license_link": licence}
    return {"license": licence.lower()}


def _feature(contents: Contents, column: Column) -> dict[str, str]:
    if column.name == contents.image:
        return {"name": column.name, "dtype": "image"}
    if column.element:
        return {"name": column.name, "sequence": FEATURES.get(column.element, column.element)}
    return {"name": column.name, "dtype": FEATURES.get(column.arrow, column.arrow)}


def _splits(contents: Contents) -> str:
    counts = contents.manifest["counts"]
    rows = [(c["split"], c["class"], c["origin"], c["rows"]) for c in counts]
    group = contents.declaration.get("group") or contents.declaration["key"]
    return (
        "## Splits and classes\n\n"
        + _table(("split", f"{contents.declaration['label']}", "origin", "rows"), rows)
        + f"\n\nRows that share `{group}` are in one split, in every version."
    )


def _columns(contents: Contents) -> Iterator[tuple[Any, ...]]:
    for column in contents.columns:
        yield f"`{column.name}`", column.arrow, contents.role(column.name)


def _sources(contents: Contents) -> Iterator[tuple[Any, ...]]:
    for source in contents.manifest["sources"]:
        yield source["source"], source["batch"], f"`{source['position']}`"


def _gate(contents: Contents) -> str:
    gate = contents.manifest["gate"]
    told = f"## Gate\n\n{gate['passed']} of {gate['rows']} rows passed; {gate['quarantined']} are in quarantine."
    if gate["quarantined_by"]:
        rules = sorted(gate["quarantined_by"].items(), key=lambda item: (-item[1], item[0]))
        told += "\n\n" + _table(("rule", "rows"), rules)
    for warning in gate["warnings"]:
        told += f"\n\nWarning: {_cell(warning)}"
    if approval := contents.manifest.get("approval"):
        told += f"\n\nHeld for its warnings, and approved by {_cell(approval['by'])}: {_cell(approval['reason'])}"
    return told


def _made(contents: Contents) -> str:
    if not contents.made:
        return "## Made rows\n\nThere are none: every row was observed."
    method = contents.manifest["method"]
    made = ", ".join(f"{rows} `{origin}`" for origin, rows in contents.made.items())
    return (
        f"## Made rows\n\n{made}, by `{method}`: {made_share(contents):.1%} of train. `_parents`, `_method`,"
        " `_params` and `_seed` say of each how it was made; validation and test have none. For the real rows"
        " alone, keep `_origin == 'real'`."
    )


def _identity(contents: Contents) -> str:
    published = f"{contents.published_at:%Y-%m-%d %H:%M} UTC by code `{contents.manifest['code']}`"
    return (
        f"## Identity\n\nFingerprint `{contents.fingerprint}`, published {published}. `manifest.json` holds what"
        " it takes to build it again, and the SHA-256 of every file."
    )


def _use() -> str:
    return (
        "## Use\n\n```python\nimport pyarrow.dataset as ds\n\n"
        'train = ds.dataset("train", format="parquet").to_table()\n```'
    )


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(str(cell)) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that may come from the data, as one line of Markdown that is neither markup nor a column's end."""
    plain = " ".join(text.split())
    return plain.replace("|", "\\|").replace("<", "&lt;")
