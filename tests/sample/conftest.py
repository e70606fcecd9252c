"""A sample shop that several tests read, and what to ask of it."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql

from include.local.postgres import EmbeddedPostgres
from include.sample import shop

# What each rule means, in plain SQL over the shop's own tables.
REVIEWS = {
    "body_present": "SELECT id FROM reviews WHERE body IS NULL",
    "body_not_empty": "SELECT id FROM reviews WHERE body = ''",
    "body_readable": "SELECT id FROM reviews WHERE body ~ '[\ufffdÃÂ]'",
    "stars_in_range": "SELECT id FROM reviews WHERE stars NOT BETWEEN 1 AND 5",
    "sentiment_known": "SELECT id FROM reviews WHERE sentiment NOT IN ('negative', 'positive')",
}
BREAKERS = REVIEWS | {
    "order_known": "SELECT id FROM payments WHERE order_id IS NULL",
    "amount_present": "SELECT id FROM payments WHERE amount IS NULL",
    "method_present": "SELECT id FROM payments WHERE method IS NULL",
    "amount_positive": "SELECT id FROM payments WHERE amount <= 0",
    "amount_equals_total": "SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id"
    " WHERE p.amount <> o.total",
    "paid_after_signup": "SELECT p.id FROM payments p JOIN customers c ON c.id = p.customer_id"
    " WHERE p.captured_at <= c.signed_up_at",
    "paid_at_recent": "SELECT id FROM payments WHERE captured_at < '2020-01-01'",
    "installments_in_range": "SELECT id FROM payments WHERE installments NOT BETWEEN 1 AND 24",
    "card_holder_readable": "SELECT id FROM payments WHERE card_holder ~ '[\ufffdÃÂ]'",
    "reference_unique": "SELECT id FROM payments WHERE reference IN"
    " (SELECT reference FROM payments GROUP BY reference HAVING count(*) > 1)",
}


def drop(postgres: EmbeddedPostgres, name: str) -> None:
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.close()


@pytest.fixture(scope="module")
def shop_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A shop of seed 1 with 4,000 payments; tests of a module share it, so they only read."""
    name = f"shop_{uuid4().hex[:10]}"
    postgres.create_database(name)
    shop.create(postgres.url(name), 1, 4_000)
    yield postgres.url(name)
    drop(postgres, name)


@pytest.fixture
def second_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A second empty database."""
    name = f"second_{uuid4().hex[:10]}"
    postgres.create_database(name)
    yield postgres.url(name)
    drop(postgres, name)


@pytest.fixture
def ledger_and_truth() -> Callable[[str], tuple[dict[str, set[str]], dict[str, set[str]]]]:
    """The payments and reviews that break each rule, by the shop's ledger and by plain SQL."""

    def ask(url: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        ledger: dict[str, set[str]] = {rule: set() for rule in BREAKERS}
        truth: dict[str, set[str]] = {}
        with shop.shop_transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT table_name, rule, row_key FROM planted")
            for table, rule, key in cursor.fetchall():
                assert table == ("reviews" if rule in REVIEWS else "payments")
                ledger[rule].add(key)
            for rule, query in BREAKERS.items():
                cursor.execute(query)
                truth[rule] = {str(key) for (key,) in cursor.fetchall()}
        return ledger, truth

    return ask
