"""A declaration that cannot be carried out is refused where it is written."""

import pytest
from pydantic import ValidationError

from include.specs import Balance


def test_gaps_are_filled_with_the_median_or_not_at_all():
    assert Balance(method="smote", impute="median").impute == "median"
    assert Balance(method="smote").impute is None
    with pytest.raises(ValidationError, match=r"impute\n  Input should be 'median'.*input_value='mean'"):
        Balance(method="smote", impute="mean")
