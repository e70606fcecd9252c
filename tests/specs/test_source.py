"""A source whose declaration of personal columns is not whole is refused where it is written."""

import pytest
from pydantic import ValidationError

from include.orchestration.asked import source_as_asked
from include.specs import Pii, PostgresSource, SiteSource

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
