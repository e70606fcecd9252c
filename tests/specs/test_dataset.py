"""A declaration that cannot be carried out is refused where it is written."""

import pytest
from pydantic import ValidationError

from include.specs import Balance, Dataset, Drift


def test_gaps_are_filled_with_the_median_or_not_at_all():
    assert Balance(method="smote", impute="median").impute == "median"
    assert Balance(method="smote").impute is None
    with pytest.raises(ValidationError, match=r"impute\n  Input should be 'median'.*input_value='mean'"):
        Balance(method="smote", impute="mean")


def test_only_declared_columns_are_compared_for_drift():
    declared = {"name": "pay", "sources": ("shop",), "key": "id", "numeric": ("amount",), "label": "fraud"}
    assert Dataset(**declared, drift=Drift(columns=("amount",))).drift.severity == "info"
    with pytest.raises(ValidationError, match="columns that are compared for drift must be declared: colour"):
        Dataset(**declared, drift=Drift(columns=("amount", "colour")))
