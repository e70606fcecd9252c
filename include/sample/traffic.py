"""Keep the sample shop trading: deterministic ticks of inserts, updates, deletes, and now and then some dirt.

Run as `python -m include.sample.traffic` with SLUICE_SHOP_URL, and optionally SLUICE_SHOP_SEED and
SLUICE_SHOP_PAUSE (seconds between two ticks), in the environment; SIGTERM ends it after the current tick.
"""

import json
import os
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np  # noqa: TID253
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError, SluiceError
from include.core.seeds import seed_of
from include.sample import dirt, draw, reviews
from include.sample.shop import copy, publish_reviews, record, shop_transaction
from include.sample.told import stop_signals

TICK = timedelta(minutes=5)
SIGN_UP_EVERY, REPRICE_EVERY, MOVE_EVERY, CANCEL_EVERY, SOIL_EVERY, MEND_EVERY = 2, 3, 4, 4, 5, 15
REVIEW_EVERY, SOIL_REVIEW_EVERY = 2, 40
DISPUTE_TICKS = 12


def trade(url: str, seed: int, ticks: int) -> int:
    """Let the shop trade for so many ticks, one transaction each; returns the number of the next one.

    What a tick does depends on the seed, its number and the rows that are there, so traffic goes on
    after a restart as if nothing had happened. Raises FatalError if the shop is not there.
    """
    following = 0
    for _ in range(ticks):
        with shop_transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('simulation.clock')")
            if cursor.fetchone() == (None,):
                raise FatalError("There is no sample shop in this database.", fix="run shop.create first.")
            cursor.execute("UPDATE simulation.clock SET next_tick = next_tick + 1 RETURNING next_tick")
            (following,) = cursor.fetchone() or (0,)
            _tick(cursor, seed, following - 1)
    return following


def _tick(cursor: Cursor, seed: int, tick: int) -> None:
    rng = np.random.default_rng(seed_of("sample shop", seed, "tick", tick))
    now = draw.EPOCH + tick * TICK
    if tick % SIGN_UP_EVERY == 0:
        _sign_up(cursor, rng, now)
    _sell(cursor, rng, tick, now)
    _ship(cursor)
    _file_chargebacks(cursor, tick, now)
    if tick % REPRICE_EVERY == 0:
        _reprice(cursor, rng)
    if tick % MOVE_EVERY == 1:
        _move_house(cursor, rng)
    if tick % CANCEL_EVERY == 2:
        _cancel(cursor, rng)
    if tick % SOIL_EVERY == 0:
        _soil(cursor, tick // SOIL_EVERY)
    if tick % MEND_EVERY == 7:
        _mend(cursor)
    if tick % REVIEW_EVERY == 1:
        _review(cursor, seed, tick, now)


def _sign_up(cursor: Cursor, rng: np.random.Generator, now: datetime) -> None:
    first = _one(cursor, "SELECT max(id) + 1 FROM customers")
    rows, (buyer,) = draw.customers(rng, first, [now - timedelta(minutes=1)])
    copy(cursor, ("public", "customers"), rows)
    copy(cursor, ("simulation", "habits"), [{"customer_id": first, "device": buyer.device, "spend": buyer.spend}])


def _sell(cursor: Cursor, rng: np.random.Generator, tick: int, now: datetime) -> None:
    cursor.execute("SELECT id, price FROM products ORDER BY price, id")
    catalogue = [{"id": key, "price": price} for key, price in cursor.fetchall()]
    people = _one(cursor, "SELECT max(id) FROM customers")
    key = _one(cursor, "SELECT greatest(max(o.id), (SELECT max(id) FROM payments)) + 1 FROM orders o")
    orders, payments, disputes = [], [], []
    for number in range(int(rng.poisson(6)) + 1):
        buyer = _buyer(cursor, int(rng.integers(1, people + 1)))
        fraud = bool(rng.random() < draw.FRAUD_SHARE)
        at = now + timedelta(seconds=int(rng.integers(0, TICK.seconds)))
        order, payment = draw.purchase(rng, key + number, (buyer, at, fraud), catalogue)
        orders.append(order)
        payments.append(payment)
        if fraud:
            due = tick + int(rng.integers(1, DISPUTE_TICKS))
            disputes.append({"payment_id": payment["id"], "due_tick": due})
    copy(cursor, ("public", "orders"), orders)
    copy(cursor, ("public", "payments"), payments)
    copy(cursor, ("simulation", "disputes"), disputes)


def _buyer(cursor: Cursor, key: int) -> draw.Buyer:
    cursor.execute(
        "SELECT c.id, c.name, c.country, c.signed_up_at, h.device, h.spend FROM customers AS c"
        " JOIN simulation.habits AS h ON h.customer_id = c.id WHERE c.id = %s",
        (key,),
    )
    return draw.Buyer(*(cursor.fetchone() or ()))


def _ship(cursor: Cursor) -> None:
    """Oldest first; the newest few stay open, so that an update often meets a row of the batch before."""
    cursor.execute(
        "UPDATE orders SET status = 'shipped' WHERE status = 'placed' AND id <= (SELECT max(id) - 20 FROM orders)"
    )


def _file_chargebacks(cursor: Cursor, tick: int, now: datetime) -> None:
    cursor.execute(
        "WITH due AS (DELETE FROM simulation.disputes WHERE due_tick <= %s RETURNING payment_id)"
        " INSERT INTO chargebacks SELECT (SELECT coalesce(max(id), 0) FROM chargebacks)"
        " + row_number() OVER (ORDER BY payment_id), payment_id, 'fraud', %s FROM due",
        (tick, now),
    )


def _reprice(cursor: Cursor, rng: np.random.Generator) -> None:
    product = int(rng.integers(1, _one(cursor, "SELECT max(id) FROM products") + 1))
    factor = Decimal(int(rng.integers(90, 111))) / 100
    cursor.execute(
        "UPDATE products SET price = greatest(round(price * %s, 2), 1.00) WHERE id = %s", (factor, product)
    )


def _move_house(cursor: Cursor, rng: np.random.Generator) -> None:
    customer = int(rng.integers(1, _one(cursor, "SELECT max(id) FROM customers") + 1))
    cursor.execute(
        "UPDATE customers SET country = %s, newsletter = NOT newsletter WHERE id = %s",
        (str(rng.choice(draw.COUNTRIES)), customer),
    )


def _cancel(cursor: Cursor, rng: np.random.Generator) -> None:
    """Delete one open order with its payment: honest, clean ones only, so that the ledger stays true."""
    cursor.execute(
        "SELECT o.id FROM orders AS o JOIN payments AS p ON p.order_id = o.id WHERE o.status = 'placed'"
        " AND NOT EXISTS (SELECT FROM simulation.disputes AS d WHERE d.payment_id = p.id)"
        " AND NOT EXISTS (SELECT FROM chargebacks AS c WHERE c.payment_id = p.id)"
        " AND NOT EXISTS (SELECT FROM planted WHERE table_name = 'payments' AND row_key = p.id::text)"
        " ORDER BY o.id"
    )
    open_orders = [key for (key,) in cursor.fetchall()]
    if open_orders:
        key = open_orders[int(rng.integers(len(open_orders)))]
        cursor.execute("DELETE FROM payments WHERE order_id = %s", (key,))
        cursor.execute("DELETE FROM orders WHERE id = %s", (key,))


def _soil(cursor: Cursor, turn: int) -> None:
    """Spoil the newest clean payment, or book it twice; every kind of dirt has its turn."""
    cursor.execute(
        "SELECT p.*, c.signed_up_at FROM payments AS p JOIN customers AS c ON c.id = p.customer_id"
        " WHERE NOT EXISTS (SELECT FROM planted WHERE table_name = 'payments' AND row_key = p.id::text)"
        " ORDER BY p.id DESC LIMIT 1"
    )
    names = [column.name for column in cursor.description or ()]
    payment = dict(zip(names, cursor.fetchone() or (), strict=True))
    since = payment.pop("signed_up_at")
    kind = turn % (len(dirt.DIRT) + 1)
    if kind == len(dirt.DIRT):
        again, planted = dirt.duplicate(payment, _one(cursor, "SELECT max(id) + 1 FROM payments"))
        copy(cursor, ("public", "payments"), [again])
    else:
        planted = dirt.plant(dirt.DIRT[kind], payment, since)
        columns, values = list(payment), list(payment.values())
        cursor.execute(
            sql.SQL("UPDATE payments SET ({}) = ROW({}) WHERE id = {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(map(sql.Literal, values)),
                sql.Literal(payment["id"]),
            )
        )
    record(cursor, planted)


def _mend(cursor: Cursor) -> None:
    """Someone in the back office corrects the oldest absurd number of installments that has no other fault."""
    cursor.execute(
        "WITH mended AS (DELETE FROM planted WHERE id = (SELECT min(id) FROM planted AS p"
        " WHERE rule = 'installments_in_range' AND NOT EXISTS (SELECT FROM planted AS other"
        " WHERE other.table_name = p.table_name AND other.row_key = p.row_key AND other.rule <> p.rule))"
        " RETURNING row_key)"
        " UPDATE payments SET installments = 1 FROM mended WHERE payments.id = mended.row_key::bigint"
    )


def _review(cursor: Cursor, seed: int, tick: int, now: datetime) -> None:
    """One more review; now and then it is spoilt."""
    customers = _one(cursor, "SELECT max(id) FROM customers")
    products = _one(cursor, "SELECT max(id) FROM products")
    key = _one(cursor, "SELECT max(id) + 1 FROM reviews")
    written = reviews.write(seed, key, customers, products, now)
    if tick % SOIL_REVIEW_EVERY == SOIL_REVIEW_EVERY - 1:
        written, planted = reviews.spoilt(written, tick // SOIL_REVIEW_EVERY)
        record(cursor, [planted])
    publish_reviews(cursor, [written])


def _one(cursor: Cursor, query: str) -> int:
    cursor.execute(query)
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(environment: Iterable[tuple[str, str]]) -> int:
    """Trade until SIGTERM or SIGINT; returns the exit status."""
    settings = dict(environment)
    told_to_stop = stop_signals()
    try:
        url, seed = settings["SLUICE_SHOP_URL"], int(settings.get("SLUICE_SHOP_SEED", "1"))
        pause = float(settings.get("SLUICE_SHOP_PAUSE", "2"))
        _say(next_tick=trade(url, seed, 1))
        while not told_to_stop(pause):
            _say(next_tick=trade(url, seed, 1))
    except KeyError as missing:
        sys.stderr.write(f"{missing} is not in the environment. Fix: set it to the shop's URL.\n")
        return 2
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(os.environ.items()))
