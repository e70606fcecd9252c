"""What this installation collects and curates; look up an entry by its name here."""

from collections.abc import Sequence
from typing import TypeVar

from include.catalog.datasets import DATASETS
from include.catalog.sources import SOURCES
from include.core.errors import FatalError
from include.specs import Dataset, Source

__all__ = ["DATASETS", "SOURCES", "dataset", "source"]

Entry = TypeVar("Entry", Source, Dataset)


def source(name: str) -> Source:
    """The source of that name. Raises FatalError if the catalog has none."""
    return _named(name, SOURCES, "source")


def dataset(name: str) -> Dataset:
    """The dataset of that name. Raises FatalError if the catalog has none."""
    return _named(name, DATASETS, "dataset")


def _named(name: str, entries: Sequence[Entry], kind: str) -> Entry:
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in entries)
    raise FatalError(
        f"The catalog has no {kind} {name!r}; it has {known}.", fix=f"add it to include/catalog/{kind}s.py."
    )
