"""A subject is declared where it is held, in tables that are collected and by ways that can be followed."""

import pytest
from pydantic import ValidationError

from include.specs import Dataset, PostgresSource, Subject, Via

HELD = {"customers": "id", "payments": "customer_id"}


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ({"payments": "customer_id"}, "held must name the column of 'customers'"),
        (
            HELD | {"refunds": Via(column="fee", table="fees", key="id")},
            "'refunds' leads to the subject via 'fees'",
        ),
        (
            HELD
            | {
                "chargebacks": Via(column="payment_id", table="payments", key="id"),
                "letters": Via(column="chargeback_id", table="chargebacks", key="id"),
            },
            "'letters' leads to the subject via 'chargebacks', for which held names no column",
        ),
    ],
)
def test_a_subject_s_own_table_is_named_and_one_reference_is_followed(held, says):
    with pytest.raises(ValidationError, match=says):
        Subject(table="customers", held=held)


def test_a_subject_is_held_in_tables_that_are_collected():
    subject = Subject(table="customers", held=HELD)
    with pytest.raises(ValidationError, match="held in tables that are not collected: payments"):
        PostgresSource(name="shop", connection="shop", tables=("customers",), subject=subject)


@pytest.mark.parametrize(
    ("subjects", "says"),
    [
        ({"site": "id"}, "subjects of sources that the dataset does not read: site"),
        ({"shop": "customer"}, "columns that hold a subject's key must be declared: customer"),
    ],
)
def test_a_dataset_holds_a_subject_of_its_sources_in_a_declared_column(subjects, says):
    with pytest.raises(ValidationError, match=says):
        Dataset(name="fraud", sources=("shop",), key="id", label="is_fraud", subjects=subjects)
