"""What an export holds: columns, files and the version's facts, from which its descriptions are written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.specs import Export

SPLITS = ("train", "validation", "test")

# What a version says of each row besides the dataset's own columns, in words.
PROVENANCE = {
    "_id": "names the row: its key as text, or how it was made",
    "_split": "the split that the row belongs to, for good",
    "_origin": "real, or how the row was made: smote (interpolated), augment (a variant of an image)",
    "_parents": "the real rows of train that a made row was made from, by _id",
    "_method": "the method that made the row; null for a real one",
    "_params": "the parameters of that method, as JSON",
    "_seed": "the seed that the row was drawn with",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its names for its type: Postgres' own, and Arrow's in the files."""

    name: str
    type: str
    arrow: str

    @property
    def element(self) -> str | None:
        """The Arrow type of a list's elements; None for what is no list."""
        return self.arrow.removeprefix("list<").removesuffix(">") if self.arrow.startswith("list<") else None


@dataclass(frozen=True, slots=True)
class File:
    """A Parquet file below the export's folder."""

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """A version and its files. `manifest` is the version's, `declared` what its dataset says of its exports."""

    dataset: str
    version: int
    fingerprint: str
    published_at: datetime
    manifest: Mapping[str, Any]
    declared: Export
    columns: tuple[Column, ...]
    files: tuple[File, ...]

    @property
    def declaration(self) -> Mapping[str, Any]:
        """The dataset as it was declared when this version was built."""
        declaration: Mapping[str, Any] = self.manifest["declaration"]
        return declaration

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def splits(self) -> dict[str, int]:
        """Rows of each split that has any."""
        counted = {name: sum(f.rows for f in self.files if f.split == name) for name in SPLITS}
        return {name: rows for name, rows in counted.items() if rows}

    @property
    def image(self) -> str | None:
        """The column that holds images themselves."""
        return self.declaration.get("image") if self.declared.images == "embed" else None

    @property
    def made(self) -> dict[str, int]:
        """Made rows by origin."""
        counted: dict[str, int] = {}
        for entry in self.manifest["counts"]:
            if entry["origin"] != "real":
                counted[entry["origin"]] = counted.get(entry["origin"], 0) + entry["rows"]
        return counted

    def role(self, column: str) -> str:
        """What a column is for, in words."""
        if column in PROVENANCE:
            return PROVENANCE[column]
        return "; ".join(_roles(self.declaration, column)) or "kept beside the features"


def _roles(declaration: Mapping[str, Any], column: str) -> Iterator[str]:
    single = {
        "key": "names a real row",
        "label": "the label",
        "group": "rows that share it are in one split",
        "time": "when the row was true",
        "image": "an image",
    }
    several = {
        "numeric": "a numeric feature",
        "categorical": "a categorical feature",
        "text": "a text feature",
        "passthrough": "kept beside the features, null in made rows",
    }
    for role, words in single.items():
        if declaration.get(role) == column:
            yield words
    for role, words in several.items():
        if column in declaration.get(role, ()):
            yield words
