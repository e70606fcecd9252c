"""A trigger sets the fields of the form and nothing else, and only to what the declaration allows."""

import pytest

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.orchestration.asked import (
    batch_as_asked,
    dataset_as_asked,
    erasure_as_asked,
    loss_as_asked,
    snapshot_as_asked,
    source_as_asked,
    version_as_asked,
)
from include.specs import Dataset, PostgresSource, SiteSource

SHOP = PostgresSource(name="shop", connection="shop", tables=("payments",), schedule="@daily")
SITE = SiteSource(name="site", connection="site", spider="spider", contact="a@b.org")
FRAUD = Dataset(name="fraud", sources=("shop",), key="id", label="is_fraud", seed=7)
HOSTILE = {
    "name": "other", "connection": "warehouse", "tables": ["pg_authid"], "spider": "other", "delay": 0,
    "key": "other", "gate": {"max_rejected": 1},
}  # fmt: skip


def test_the_form_s_field_is_taken():
    assert source_as_asked(SHOP, {"batch_changes": 5}) == SHOP.model_copy(update={"batch_changes": 5})
    assert source_as_asked(SITE, {"max_pages": 3}) == SITE.model_copy(update={"max_pages": 3})
    assert (snapshot_as_asked({"snapshot": True}), snapshot_as_asked({"snapshot": False})) == (True, False)
    assert dataset_as_asked(FRAUD, {"seed": 8}) == FRAUD.model_copy(update={"seed": 8})
    assert (loss_as_asked({"accept_loss": True}), loss_as_asked({"accept_loss": False})) == (True, False)
    assert (version_as_asked({"version": 3}), version_as_asked({"version": None})) == (3, None)
    assert (batch_as_asked({"as_of_batch": 4}), batch_as_asked({"as_of_batch": None})) == (4, None)


def test_what_else_a_trigger_sends_changes_nothing():
    assert source_as_asked(SHOP, HOSTILE | {"batch_changes": SHOP.batch_changes}) == SHOP
    assert source_as_asked(SITE, HOSTILE | {"max_pages": SITE.max_pages}) == SITE
    assert dataset_as_asked(FRAUD, HOSTILE | {"seed": 7}) == FRAUD


@pytest.mark.parametrize("value", [0, -1, "many", None, [1], 1.5])
def test_a_value_that_the_declaration_refuses_is_named(value):
    with pytest.raises(FatalError, match="asked for batch_changes = ") as caught:
        source_as_asked(SHOP, {"batch_changes": value})
    assert "another batch_changes" in caught.value.fix
    with pytest.raises(FatalError, match="asked for max_pages = "):
        source_as_asked(SITE, {"max_pages": value})


@pytest.mark.parametrize("value", [-1, "x; DROP TABLE", [1], 1.5])
def test_a_seed_or_a_batch_that_is_no_number_is_refused(value):
    with pytest.raises(FatalError, match="asked for seed = "):
        dataset_as_asked(FRAUD, {"seed": value})
    with pytest.raises(FatalError, match="asked for as_of_batch = "):
        batch_as_asked({"as_of_batch": value})


def test_an_erasure_is_asked_for_by_a_key_typed_twice_and_a_receipt():
    typed = {"secret_key": "42", "secret_confirmation": "42", "secret_receipt": "7c0ffee7" * 4}
    assert erasure_as_asked("shop/run", typed | HOSTILE) == ErasureRequest("shop/run", "42", "7c0ffee7" * 4)
    with pytest.raises(FatalError, match="confirmation must be the subject's key") as caught:
        erasure_as_asked("shop/run", typed | {"secret_key": "4711"})
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_loss_is_accepted_by_a_plain_yes_alone(value):
    with pytest.raises(FatalError, match="asked for accept_loss = "):
        loss_as_asked({"accept_loss": value})
