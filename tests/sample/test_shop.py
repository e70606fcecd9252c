"""The sample shop is the same shop every time, and its ledger tells the truth."""

from collections.abc import Callable

import psycopg2
import pytest

from include.catalog import source
from include.core.errors import FatalError, RetriableError
from include.local.postgres import EmbeddedPostgres
from include.sample import shop
from include.sample.shop import shop_transaction

Judge = Callable[[str], tuple[dict[str, set[str]], dict[str, set[str]]]]

TABLES = ("customers", "products", "orders", "payments", "chargebacks", "reviews", "planted")


def rows(url: str, query: str, *arguments: object) -> list[tuple]:
    with shop_transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return cursor.fetchall()


def checksum(url: str) -> list[tuple]:
    return [
        rows(url, f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t")[0]
        for table in (
            *TABLES,
            "simulation.habits",
            "simulation.disputes",
            "simulation.clock",
            "simulation.opinions",
        )
    ]


def test_the_same_seed_and_size_make_the_same_shop(shop_url: str, source_url: str) -> None:
    shop.create(source_url, 1, 4_000)
    assert checksum(source_url) == checksum(shop_url)


def test_another_seed_makes_another_shop(shop_url: str, source_url: str) -> None:
    shop.create(source_url, 2, 4_000)
    different = [a != b for a, b in zip(checksum(source_url), checksum(shop_url), strict=True)]
    assert all(different)


def test_the_shop_has_the_promised_size_and_about_one_and_a_half_percent_fraud(shop_url: str) -> None:
    counts = {table: rows(shop_url, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES[:4]}
    assert counts == {"customers": 500, "products": 50, "orders": 4_000, "payments": 4_004}
    assert rows(shop_url, "SELECT (SELECT count(*) FROM chargebacks) + count(*) FROM simulation.disputes") == [
        (60,)
    ]


def test_the_ledger_names_exactly_the_rows_that_break_each_rule(shop_url: str, ledger_and_truth: Judge) -> None:
    ledger, truth = ledger_and_truth(shop_url)
    assert ledger == truth
    assert all(ledger.values())


def test_every_kind_of_dirt_is_planted_and_some_rows_carry_two(shop_url: str) -> None:
    kinds = {kind for (kind,) in rows(shop_url, "SELECT kind FROM planted")}
    assert kinds == {
        "missing", "duplicate", "impossible", "stale", "contradictory", "out_of_range", "badly_encoded",
    }  # fmt: skip
    twice = "SELECT row_key FROM planted GROUP BY row_key HAVING count(DISTINCT kind) > 1"
    assert len(rows(shop_url, twice)) >= 4


def test_a_shop_of_before_reviews_gets_the_same_ones_and_keeps_all_else(shop_url: str, source_url: str) -> None:
    shop.create(source_url, 1, 4_000)
    with shop_transaction(source_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE simulation.opinions, reviews")
        cursor.execute("DELETE FROM planted WHERE table_name = 'reviews'")
    shop.create(source_url, 1, 4_000)
    assert checksum(source_url) == checksum(shop_url)


def test_creating_it_again_changes_nothing_and_another_one_is_refused(source_url: str) -> None:
    shop.create(source_url, 1, 400)
    before = checksum(source_url)
    shop.create(source_url, 1, 400)
    assert checksum(source_url) == before
    with pytest.raises(FatalError, match=r"holds the sample shop of \(seed, size\) \(1, 400\), not \(2, 400\)"):
        shop.create(source_url, 2, 400)


def test_every_table_of_the_catalog_entry_exists_and_has_a_key(shop_url: str) -> None:
    keyed = rows(
        shop_url,
        "SELECT relname FROM pg_constraint JOIN pg_class c ON c.oid = conrelid"
        " WHERE contype = 'p' AND connamespace = 'public'::regnamespace",
    )
    assert {name for (name,) in keyed} == set(source("shop").tables) == set(TABLES)


def test_some_descriptions_are_stored_out_of_line(shop_url: str) -> None:
    assert rows(shop_url, "SELECT count(*) FROM products WHERE pg_column_size(description) > 2000") == [(5,)]


def test_an_unreachable_database_may_be_tried_again(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(RetriableError, match="cannot be reached"):
        shop.create(postgres.url("no_such_database"), 1)


def test_a_failure_leaves_no_half_of_a_shop(source_url: str) -> None:
    with shop_transaction(source_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE planted (id bigint)")
    with pytest.raises(psycopg2.errors.DuplicateTable):
        shop.create(source_url, 1, 400)
    assert rows(source_url, "SELECT to_regclass('payments'), to_regnamespace('simulation')") == [(None, None)]
