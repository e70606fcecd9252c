"""A declaration that cannot be carried out is refused where it is written."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from include.specs import Balance, Dataset, Drift, Leakage, Split

APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


def pay(**declared):
    return Dataset(name="pay", sources=("shop",), key="id", label="fraud", **declared)


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


def test_the_cuts_of_a_split_by_time_are_in_order_and_say_their_zone():
    assert Split(validation_from=APRIL, test_from=MAY).by_time
    with pytest.raises(ValidationError, match="validation_from needs a test_from that is not before it"):
        Split(validation_from=MAY, test_from=APRIL)
    with pytest.raises(ValidationError, match="which is None"):
        Split(validation_from=MAY)
    with pytest.raises(ValidationError, match="should have timezone info"):
        Split(test_from=datetime(2026, 5, 1))


def test_a_split_by_time_needs_a_time_and_cannot_keep_groups_together():
    assert pay(time="at", split=Split(test_from=MAY)).split.by_time
    with pytest.raises(ValidationError, match="need a time column"):
        pay(split=Split(test_from=MAY))
    with pytest.raises(ValidationError, match="need a time column"):
        pay(leakage=Leakage(time_ordered=True))
    with pytest.raises(ValidationError, match="cuts through groups of customer: declare it passthrough"):
        pay(time="at", group="customer", split=Split(test_from=MAY))


def test_entities_are_declared_columns():
    assert pay(passthrough=("card",), leakage=Leakage(entities=("card",))).leakage.entities == ("card",)
    with pytest.raises(ValidationError, match="entities must be declared columns: card"):
        pay(leakage=Leakage(entities=("card",)))


def test_a_kind_of_leak_is_critical_unless_declared_otherwise():
    declared = Leakage(severity={"text": "warning"})
    assert [declared.severity_of(kind) for kind in ("text", "rows")] == ["warning", "critical"]
