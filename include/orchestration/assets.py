"""The assets that connect the DAGs: sources, datasets, rows that wait for a label, and labels."""

from functools import reduce
from operator import or_

from airflow.sdk import Asset, AssetAny

from include.specs import Dataset

# Assets have names and no URI: for a URI Airflow loads every provider's handler, half a second at each parse.


def source_asset(name: str) -> Asset:
    return Asset(name=f"source_{name}", group="sluice")


def dataset_asset(name: str) -> Asset:
    return Asset(name=f"dataset_{name}", group="sluice")


def waiting_asset(dataset: str) -> Asset:
    """A curation has told which of the dataset's rows have no label."""
    return Asset(name=f"waiting_{dataset}", group="sluice")


def labels_asset(dataset: str) -> Asset:
    """Labels of the dataset's rows have been landed: a source of it like any other."""
    return source_asset(f"labels_{dataset}")


def any_source_of(dataset: Dataset) -> Asset | AssetAny:
    """New data in any of the sources: one without news emits nothing, so waiting for all could last for ever."""
    labels = [labels_asset(dataset.name)] if dataset.labelling else []
    return reduce(or_, [*map(source_asset, dataset.sources), *labels])
