"""What a dataset may declare of its exports."""

import pytest
from pydantic import ValidationError

from include.specs import Dataset, Export


def test_a_dataset_is_not_exported_unless_it_says_so():
    assert Dataset(name="a", sources=("s",), key="id", label="y").export is None


def test_an_export_is_parquet_with_all_that_describes_it():
    assert Export().formats == ("parquet", "croissant", "card")


def test_descriptions_without_the_files_they_describe_are_refused():
    with pytest.raises(ValidationError, match="formats must name parquet"):
        Export(formats=("croissant",))
