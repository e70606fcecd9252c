"""What this installation collects and curates; look up an entry by its name here."""

from include.catalog.datasets import DATASETS
from include.catalog.sources import SOURCES
from include.core.errors import FatalError
from include.specs import Dataset, Source

__all__ = ["DATASETS", "SOURCES", "dataset", "source"]


def source(name: str) -> Source:
    """The source of that name. Raises FatalError if the catalog has none."""
    for entry in SOURCES:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in SOURCES)
    raise FatalError(
        f"The catalog has no source {name!r}; it has {known}.", fix="add it to include/catalog/sources.py."
    )


def dataset(name: str) -> Dataset:
    """The dataset of that name. Raises FatalError if the catalog has none."""
    for entry in DATASETS:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in DATASETS)
    raise FatalError(
        f"The catalog has no dataset {name!r}; it has {known}.", fix="add it to include/catalog/datasets.py."
    )
