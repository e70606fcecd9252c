"""The proof of an erasure: it holds for one key, tells nobody which, and breaks on any leftover."""

import subprocess
import sys

import pytest

from include.core.erasure import ErasureRequest
from include.core.errors import FatalError
from include.pipeline.prove import prove, verify


def test_the_proof_holds_for_this_key_alone_and_does_not_tell_it(shop):
    shop.publish("run_2", 2, real=[(1, 42), (4, 7)], made=[("1", "4")])
    shop.erase()
    assert prove(shop.url, shop.source, shop.request, shop.datasets).holds
    for other in (
        ErasureRequest(shop.request.id, "7", shop.receipt),
        ErasureRequest(shop.request.id, "42", shop.receipt[::-1]),
    ):
        assert not verify(shop.url, shop.source, other, shop.datasets).about_this_key
        with pytest.raises(FatalError, match="about another key, or the receipt is another's"):
            prove(shop.url, shop.source, other, shop.datasets)
    with pytest.raises(FatalError, match="There is no erasure 'r' of source 'shop'"):
        verify(shop.url, shop.source, ErasureRequest("r", "42", shop.receipt), shop.datasets)
    ((facts,),) = shop.execute("SELECT e::text FROM sluice.erasures e")
    assert shop.receipt not in facts
    assert shop.execute("SELECT commitment, referenced FROM sluice.erasures") == [
        (
            shop.request.commitment("shop", "42"),
            {
                "chargebacks": sorted(
                    [shop.request.commitment("chargebacks", "1"), shop.request.commitment("chargebacks", "2")]
                ),
                "datasets.fraud": [shop.request.commitment("datasets.fraud", "1")],
            },
        )
    ]


PLANTED = {
    "landing.shop_customers": "INSERT INTO landing.shop_customers VALUES (42, 'Ada', 1, 2, 1)",
    "landing.shop_chargebacks": "INSERT INTO landing.shop_chargebacks VALUES (1, 2, 11, 23, 2)",
    "quarantine.fraud": "INSERT INTO quarantine.fraud VALUES"
    " ('r', 1, '1', '{\"customer\": 42}', '{amount}', 's', '{}', '2026-01-02Z')",
    "quarantine.shop_chargebacks": "INSERT INTO quarantine.shop_chargebacks VALUES"
    " ('r', 1, '1', '{\"payment_id\": 1}', '{amount}', 's', '{}', '2026-01-02Z')",
    "staging.fraud__r": "CREATE TABLE staging.fraud__r AS SELECT 42 AS customer",
}


def test_a_leftover_anywhere_breaks_the_proof(shop):
    shop.erase()
    held = {}
    for place, statement in PLANTED.items():
        shop.execute(statement)
        held[place] = 1
        assert verify(shop.url, shop.source, shop.request, shop.datasets).held == held
    with pytest.raises(FatalError, match=r"is held again: {'landing\.shop_customers': 1, "):
        prove(shop.url, shop.source, shop.request, shop.datasets)


def test_a_version_with_the_subject_or_with_rows_made_of_it_breaks_the_proof(shop):
    shop.publish("run_2", 2, real=[(1, 42)])
    shop.erase()
    shop.publish("run_3", 3, real=[(4, 42)])
    shop.publish("run_4", 3, real=[(4, 7)], made=[("1", "4")])
    assert verify(shop.url, shop.source, shop.request, shop.datasets).held == {
        "datasets.fraud_v2": 1,
        "datasets.fraud_v3": 1,
    }


def test_the_proof_is_checked_by_hand_without_the_key_in_the_command(shop):
    request = ErasureRequest("r", key="42", receipt=shop.receipt)
    shop.erase(request, datasets=[])
    for receipt, said in ((shop.receipt, "was about this key"), (shop.receipt[::-1], "about another key")):
        done = subprocess.run(
            [sys.executable, "-m", "include.pipeline.prove", "shop", "r"], input=f"42\n{receipt}\n", text=True,
            capture_output=True, timeout=60, check=False, env={"SLUICE_WAREHOUSE_URL": shop.url, "PATH": ""},
        )  # fmt: skip
        assert said in done.stdout + done.stderr
