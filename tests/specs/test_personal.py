"""What is declared about persons is whole and can be followed, or is refused where it is written."""

import pytest
from pydantic import ValidationError

from include.orchestration.asked import source_as_asked
from include.specs import Dataset, Pii, PostgresSource, SiteSource, Subject, Via

SHOP = {"name": "shop", "connection": "shop", "tables": ("customers", "orders"), "key_domain": "people"}


def test_a_personal_column_is_named_alone_or_with_its_canonical_form():
    shop = PostgresSource(**SHOP, pii={"customers": ("name", Pii(column="email", canonical="casefold"))})
    assert shop.pii_of("customers") == {"name": "exact", "email": "casefold"}
    assert shop.pii_of("orders") == {}
    assert source_as_asked(shop, {"batch_changes": 5}) == shop.model_copy(update={"batch_changes": 5})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"pii": {"customer": ("name",)}}, "pii names table 'customer', which is not among tables"),
        ({"pii": {"customers": ()}}, "names no column"),
        ({"pii": {"customers": ("name", Pii(column="name"))}}, "names no column, or one twice"),
        ({"pii": {"customers": ("name",)}, "key_domain": None}, "belong together"),
        ({"pii": {}}, "belong together"),
        ({"pii": {"customers": ("name",)}, "key_domain": "People"}, "should match pattern"),
        ({"pii": {"customers": ({"column": "name", "canonical": "md5"},)}}, "'exact' or 'casefold'"),
    ],
)
def test_a_declaration_of_personal_columns_that_is_not_whole_is_refused(changed, told):
    with pytest.raises(ValidationError, match=told):
        PostgresSource(**(SHOP | changed))


def test_a_site_declares_personal_fields_alike():
    site = SiteSource(
        name="s", connection="s", spider="s", contact="a@b.org", pii={"a": ("b",)}, key_domain="people"
    )
    assert (site.pii_of("a"), site.key_connection) == ({"b": "exact"}, "sluice_key_people")
    with pytest.raises(ValidationError, match="belong together"):
        SiteSource(name="s", connection="s", spider="s", contact="a@b.org", pii={"a": ("b",)})


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
