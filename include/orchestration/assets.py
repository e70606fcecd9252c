"""The assets that connect the DAGs: one for each source, one for each dataset."""

from functools import reduce
from operator import or_

from airflow.sdk import Asset, AssetAny

from include.specs import Dataset

# Assets have names and no URI: for a URI Airflow loads every provider's handler, half a second at each parse.


def source_asset(name: str) -> Asset:
    return Asset(name=f"source_{name}", group="sluice")


def dataset_asset(name: str) -> Asset:
    return Asset(name=f"dataset_{name}", group="sluice")


def any_source_of(dataset: Dataset) -> Asset | AssetAny:
    """New data in any of the sources: one without news emits nothing, so waiting for all could last for ever."""
    return reduce(or_, map(source_asset, dataset.sources))
