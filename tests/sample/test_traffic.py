"""Traffic is the same after any number of restarts, and keeps the ledger true."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from include.core.errors import FatalError
from include.sample import shop
from include.sample.shop import shop_transaction
from include.sample.traffic import trade

Judge = Callable[[str], tuple[dict[str, set[str]], dict[str, set[str]]]]
ROOT = Path(__file__).resolve().parents[2]
TABLES = (
    "customers", "products", "orders", "payments", "chargebacks", "reviews", "planted", "simulation.disputes",
    "simulation.opinions",
)  # fmt: skip


def table_of(url: str, query: str) -> list[tuple]:
    with shop_transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def everything(url: str) -> list[list[tuple]]:
    return [table_of(url, f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in TABLES]


def test_traffic_in_two_parts_equals_traffic_in_one(source_url: str, second_url: str) -> None:
    for url in (source_url, second_url):
        shop.create(url, 3, 400)
    assert trade(source_url, 3, 30) == 31
    assert [trade(second_url, 3, 11), trade(second_url, 3, 19)] == [12, 31]
    assert everything(source_url) == everything(second_url)


def test_traffic_inserts_updates_and_deletes(source_url: str) -> None:
    shop.create(source_url, 3, 4_000)
    keys = {t: {k for (k,) in table_of(source_url, f"SELECT id FROM {t}")} for t in ("orders", "payments")}
    before = dict(table_of(source_url, "SELECT id, price FROM products"))
    seen: set[int] = set()
    for _ in range(24):
        trade(source_url, 3, 1)
        seen |= {key for (key,) in table_of(source_url, "SELECT id FROM orders")}
    left = {key for (key,) in table_of(source_url, "SELECT id FROM orders")}
    assert len(seen - keys["orders"]) > 100
    assert len(seen - left) >= 4
    assert table_of(source_url, "SELECT count(*) FROM reviews WHERE written_at >= '2026-03-01'") == [(12,)]
    assert len(set(dict(table_of(source_url, "SELECT id, price FROM products")).items()) - set(before.items())) > 2
    assert table_of(source_url, "SELECT count(*) > 0 FROM chargebacks WHERE filed_at >= '2026-03-01'") == [(True,)]


def test_the_ledger_stays_true_under_traffic(source_url: str, ledger_and_truth: Judge) -> None:
    shop.create(source_url, 5, 400)
    before = table_of(source_url, "SELECT count(*) FROM planted")
    mended = table_of(source_url, "SELECT count(*) FROM planted WHERE rule = 'installments_in_range' AND id < 20")
    trade(source_url, 5, 60)
    ledger, truth = ledger_and_truth(source_url)
    assert ledger == truth
    assert table_of(source_url, "SELECT count(*) FROM planted") > before
    assert (
        table_of(source_url, "SELECT count(*) FROM planted WHERE rule = 'installments_in_range' AND id < 20")
        < mended
    )


def test_a_database_without_a_shop_is_refused(source_url: str) -> None:
    with pytest.raises(FatalError, match="no sample shop"):
        trade(source_url, 1, 1)


def test_the_process_trades_until_it_is_told_to_stop(source_url: str) -> None:
    shop.create(source_url, 3, 400)
    environment = {"PATH": os.environ["PATH"], "SLUICE_SHOP_URL": source_url, "SLUICE_SHOP_PAUSE": "0.01"}
    child = subprocess.Popen(
        [sys.executable, "-m", "include.sample.traffic"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    said = [json.loads(child.stdout.readline()) for _ in range(3)]
    child.terminate()
    assert child.wait(timeout=30) == 0
    assert said == [{"next_tick": 2}, {"next_tick": 3}, {"next_tick": 4}]
    child.stdout.close()
