"""Create the sample shop's database: seeded history, with planted dirt on record."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np  # noqa: TID253
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError, RetriableError
from include.core.seeds import seed_of
from include.sample import dirt, draw, reviews
from include.sample.dirt import Planted
from include.sample.draw import EPOCH, Row
from include.sample.reviews import Review

SCHEMA = Path(__file__).with_name("schema.sql")
REVIEWS = Path(__file__).with_name("reviews.sql")
SIZE = 24_000
# Disputes that are open when history ends come in within so many ticks of live traffic.
OPEN_DISPUTE_TICKS = 60


@contextmanager
def shop_transaction(url: str) -> Iterator[Connection]:
    """One transaction on the shop's database. Raises RetriableError if it cannot be reached."""
    try:
        connection = psycopg2.connect(
            url, application_name="sample shop", connect_timeout=10, options="-c timezone=UTC"
        )
    except psycopg2.OperationalError as error:
        raise RetriableError(
            f"The sample shop's database cannot be reached: {str(error).strip().splitlines()[-1]}.",
            fix="check that the server runs and that the database exists.",
        ) from None
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def create(url: str, seed: int, size: int = SIZE) -> None:
    """Make the shop with `size` payments, size/8 customers, size/80 products and size/40 reviews.

    All of it is one transaction; the same seed and size give the same rows. Does nothing if that shop is there
    already (an older one, which nobody could review, gets its reviews), and raises FatalError if another one is.
    """
    if size < 200:
        raise FatalError(f"The sample shop needs at least 200 payments, not {size}.", fix="choose a larger size.")
    with shop_transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sample shop'))")
        cursor.execute("SELECT to_regclass('simulation.clock')")
        if cursor.fetchone() != (None,):
            _refuse_other(cursor, seed, size)
        else:
            cursor.execute(SCHEMA.read_text())
            _fill(cursor, seed, size)
        cursor.execute("SELECT to_regclass('public.reviews')")
        if cursor.fetchone() == (None,):
            cursor.execute(REVIEWS.read_text())
            found, planted = reviews.history(seed, max(size // 40, 20), size // 8, max(size // 80, 5))
            publish_reviews(cursor, found)
            record(cursor, planted)


def _refuse_other(cursor: Cursor, seed: int, size: int) -> None:
    cursor.execute("SELECT seed, size FROM simulation.clock")
    found = cursor.fetchone()
    if found != (seed, size):
        raise FatalError(
            f"This database holds the sample shop of (seed, size) {found}, not {(seed, size)}.",
            fix="use an empty database, or ask for the shop that is there.",
        )


def _fill(cursor: Cursor, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed_of("sample shop", seed, size))
    ages = np.sort(rng.uniform(5, draw.SIGN_UP_DAYS, size=size // 8))[::-1]
    signed_up = [(EPOCH - timedelta(days=float(age))).replace(microsecond=0) for age in ages]
    customers, buyers = draw.customers(rng, 1, signed_up)
    products = draw.products(rng, max(size // 80, 5))
    catalogue = sorted(products, key=lambda row: (row["price"], row["id"]))

    orders, payments, frauds = [], [], []
    for key, visit in enumerate(draw.visits(rng, buyers, size), start=1):
        order, payment = draw.purchase(rng, key, visit, catalogue)
        orders.append(order | {"status": "shipped"})
        payments.append(payment)
        if visit[2]:
            frauds.append(payment)
    chargebacks, disputes = _disputes(rng, frauds)
    planted = _soil(rng, payments, {row["id"]: row["signed_up_at"] for row in customers})

    for name, rows in (
        ("customers", customers), ("products", products), ("orders", orders), ("payments", payments),
        ("chargebacks", chargebacks),
    ):  # fmt: skip
        copy(cursor, ("public", name), rows)
    record(cursor, planted)
    copy(cursor, ("simulation", "disputes"), disputes)
    habits = [{"customer_id": buyer.id, "device": buyer.device, "spend": buyer.spend} for buyer in buyers]
    copy(cursor, ("simulation", "habits"), habits)
    cursor.execute("INSERT INTO simulation.clock VALUES (%s, %s, 1)", (seed, size))


def _disputes(rng: np.random.Generator, frauds: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Chargebacks filed one to twenty days after a fraud; those that lie beyond the epoch are still to come."""
    chargebacks: list[Row] = []
    disputes: list[Row] = []
    for payment in frauds:
        filed_at: datetime = payment["captured_at"] + timedelta(hours=int(rng.integers(24, 480)))
        due = int(rng.integers(1, OPEN_DISPUTE_TICKS))
        if filed_at < EPOCH:
            chargebacks.append(
                {"id": len(chargebacks) + 1, "payment_id": payment["id"], "reason": "fraud", "filed_at": filed_at}
            )
        else:
            disputes.append({"payment_id": payment["id"], "due_tick": due})
    return chargebacks, disputes


def _soil(rng: np.random.Generator, payments: list[Row], since: dict[int, datetime]) -> list[Planted]:
    """Spoil about one payment in a hundred, each kind in as many; some rows carry two kinds."""
    pieces = max(len(payments) // 1000, 2)
    chosen = iter(rng.permutation(len(payments)).tolist())
    planted: list[Planted] = []
    for kind in dirt.DIRT:
        for payment in [payments[next(chosen)] for _ in range(pieces)]:
            planted += dirt.plant(kind, payment, since[payment["customer_id"]])
            if kind.name == "installments_absurd" and payment["id"] % 2:
                garbled = next(piece for piece in dirt.DIRT if piece.name == "name_garbled")
                planted += dirt.plant(garbled, payment, since[payment["customer_id"]])
    for payment in [payments[next(chosen)] for _ in range(pieces)]:
        again, entries = dirt.duplicate(payment, len(payments) + 1)
        payments.append(again)
        planted += entries
    return planted


def publish_reviews(cursor: Cursor, written: Sequence[Review]) -> None:
    """Put reviews on the shop's pages, and what their authors meant where the shop does not look."""
    copy(cursor, ("public", "reviews"), [review.row for review in written])
    meant = [{"review_id": review.row["id"], "sentiment": review.meant} for review in written]
    copy(cursor, ("simulation", "opinions"), meant)


def record(cursor: Cursor, planted: Sequence[Planted]) -> None:
    """Write ledger entries, numbered on from the last."""
    cursor.execute("SELECT coalesce(max(id), 0) FROM public.planted")
    (last,) = cursor.fetchone() or (0,)
    rows = [
        {
            "id": last + number, "table_name": entry.table_name, "row_key": entry.row_key, "kind": entry.kind,
            "rule": entry.rule,
        }
        for number, entry in enumerate(planted, start=1)
    ]  # fmt: skip
    copy(cursor, ("public", "planted"), rows)


def copy(cursor: Cursor, table: tuple[str, str], rows: Sequence[Row]) -> None:
    """COPY rows, all with the same columns, into (schema, table)."""
    if not rows:
        return
    text = StringIO()
    for row in rows:
        text.write("\t".join(map(_as_text, row.values())) + "\n")
    text.seek(0)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    )
    cursor.copy_expert(statement, text)


def _as_text(value: Any) -> str:
    """A value in COPY's text format."""
    if value is None:
        return "\\N"
    if isinstance(value, dict):
        value = json.dumps(value, sort_keys=True)
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
