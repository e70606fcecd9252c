"""Draw the sample shop's customers, products, orders and payments, fraud included, from a seeded generator."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np  # noqa: TID253

Row = dict[str, Any]

# The moment at which history ends and live traffic begins. Nothing in the shop reads the wall clock.
EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
SIGN_UP_DAYS = 900
TRADING_DAYS = 180
FRAUD_SHARE = 0.015

COUNTRIES = ("DE", "FR", "NL", "PL", "IT", "ES", "SE", "PT")
COUNTRY_SHARES = (0.3, 0.2, 0.12, 0.1, 0.1, 0.08, 0.05, 0.05)
DEVICES = ("phone", "desktop", "tablet", "terminal")
DEVICE_SHARES = (0.5, 0.35, 0.1, 0.05)
METHODS = ("card", "wallet", "invoice", "transfer")
METHOD_SHARES = (0.55, 0.2, 0.15, 0.1)
FRAUD_METHOD_SHARES = (0.74, 0.16, 0.06, 0.04)
INSTALLMENTS = (1, 3, 6, 12)
INSTALLMENT_SHARES = (0.8, 0.1, 0.06, 0.04)
# Shares of a day's trade in each of its hours, UTC.
HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 12, 14, 16, 18, 17, 13, 8, 4], float)
CATEGORIES = ("kitchen", "garden", "tools", "books", "toys", "lamps")
FIRST = (
    "Anna", "Ben", "Chloé", "Dario", "Elżbieta", "Femke", "Günther", "Hélène", "Ilse", "José", "Katarzyna",
    "Łukasz", "Māra", "Noor", "Óscar", "Petra", "Quirin", "Rūta", "Søren", "Tomás", "Ursula", "Václav",
)  # fmt: skip
LAST = (
    "Almeida", "Bakker", "Côté", "Dvořák", "Eriksson", "Fischer", "García", "Hansen", "Ivanova", "Jansen",
    "Kowalski", "Lefèvre", "Müller", "Nowak", "Östberg", "Pereira", "Rossi", "Schmidt", "Visser", "Weiß",
)  # fmt: skip
WORDS = (
    "sturdy", "light", "oak", "steel", "linen", "hand", "made", "small", "large", "round", "quiet", "bright",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer as the simulation knows them: `spend` is the mean of the logarithm of their amounts."""

    id: int
    name: str
    country: str
    signed_up_at: datetime
    device: str
    spend: float


# Who pays, when, and whether it is fraud.
Visit = tuple[Buyer, datetime, bool]


def customers(
    rng: np.random.Generator, first_id: int, signed_up: Sequence[datetime]
) -> tuple[list[Row], list[Buyer]]:
    """One customer for each moment in `signed_up`, numbered from `first_id`: table rows and their habits."""
    n = len(signed_up)
    first, last = rng.integers(len(FIRST), size=n), rng.integers(len(LAST), size=n)
    country = rng.choice(COUNTRIES, size=n, p=COUNTRY_SHARES)
    device = rng.choice(DEVICES, size=n, p=DEVICE_SHARES)
    spend = rng.normal(3.6, 0.7, size=n)
    newsletter = rng.random(n) < 0.4
    rows, buyers = [], []
    for i, moment in enumerate(signed_up):
        key, name = first_id + i, f"{FIRST[first[i]]} {LAST[last[i]]}"
        rows.append({
            "id": key, "name": name, "email": f"customer{key}@example.org", "country": str(country[i]),
            "newsletter": bool(newsletter[i]), "signed_up_at": moment,
        })  # fmt: skip
        buyers.append(Buyer(key, name, str(country[i]), moment, str(device[i]), float(spend[i])))
    return rows, buyers


def products(rng: np.random.Generator, n: int) -> list[Row]:
    """`n` products, numbered from 1, at prices from 2 to 900; every tenth has a long description."""
    cents = np.round(np.exp(rng.uniform(np.log(200), np.log(90_000), size=n))).astype(int)
    category = rng.integers(len(CATEGORIES), size=n)
    rows: list[Row] = []
    for i in range(n):
        words = rng.integers(len(WORDS), size=900 if i % 10 == 0 else 12)
        rows.append({
            "id": i + 1, "name": f"{WORDS[words[0]]} {WORDS[words[1]]} {CATEGORIES[category[i]]} item {i + 1}",
            "category": CATEGORIES[category[i]], "price": Decimal(int(cents[i])) / 100,
            "description": " ".join(WORDS[word] for word in words),
            "attributes": {"weight_g": int(cents[i]) % 977 + 20, "colours": [WORDS[words[2]]]},
        })  # fmt: skip
    return rows


def visits(rng: np.random.Generator, buyers: Sequence[Buyer], n: int) -> list[Visit]:
    """Who paid when in the shop's history, and whether it was fraud, in order of time.

    Frauds are `FRAUD_SHARE` of all. They come in bursts of one to three within an hour, more often at night
    and on young accounts; honest customers do all of that too, only more rarely.
    """
    frauds = round(n * FRAUD_SHARE)
    activity = rng.gamma(1.2, size=len(buyers))
    chosen = rng.choice(len(buyers), size=n - frauds, p=activity / activity.sum())
    found = [(buyers[i], _moment(rng, buyers[i], HOURS), False) for i in chosen]
    # Honest people come back within the hour as well.
    for i in np.flatnonzero(rng.random(len(found)) < 0.03):
        buyer, moment, _ = found[int(i) - 1]
        found[int(i)] = (buyer, moment + timedelta(seconds=int(rng.integers(120, 3000))), False)
    night = np.where(np.arange(24) < 6, 12.0, HOURS / 2)
    while frauds > 0:
        buyer = buyers[int(rng.integers(len(buyers)))]
        moment = _moment(rng, buyer, night)
        if rng.random() < 0.3:
            moment = min(buyer.signed_up_at + timedelta(seconds=int(rng.exponential(860_000)) + 3600), moment)
            moment = max(moment, EPOCH - timedelta(days=TRADING_DAYS))
        for _ in range(min(int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15))), frauds)):
            found.append((buyer, moment, True))
            moment += timedelta(seconds=int(rng.integers(60, 1200)))
            frauds -= 1
    return sorted(found, key=lambda visit: (visit[1], visit[0].id, visit[2]))


def _moment(rng: np.random.Generator, buyer: Buyer, hours: np.ndarray) -> datetime:
    begin = max(buyer.signed_up_at + timedelta(hours=1), EPOCH - timedelta(days=TRADING_DAYS))
    day = begin + timedelta(seconds=float(rng.random()) * max((EPOCH - begin).total_seconds(), 0))
    hour = int(np.searchsorted(np.cumsum(hours / hours.sum()), rng.random(), side="right"))
    moment = day.replace(
        hour=min(hour, 23), minute=int(rng.integers(60)), second=int(rng.integers(60)), microsecond=0
    )
    return min(max(moment, begin), EPOCH - timedelta(hours=2))


def purchase(rng: np.random.Generator, key: int, visit: Visit, catalogue: Sequence[Row]) -> tuple[Row, Row]:
    """An order and its payment, both numbered `key`; `catalogue` is sorted by price.

    The amount follows the buyer's habit, or exceeds it in a fraud; device, country and method may differ
    from what is usual, in a fraud more often.
    """
    buyer, at, fraud = visit
    wanted = float(np.exp(buyer.spend + rng.normal(0.7, 0.8) if fraud else buyer.spend + rng.normal(0, 0.5)))
    quantity = int(rng.choice((1, 2, 3), p=(0.7, 0.2, 0.1)))
    place = bisect_left(catalogue, Decimal(repr(wanted)) / quantity, key=lambda row: row["price"])
    product = catalogue[min(place, len(catalogue) - 1)]
    total = product["price"] * quantity
    elsewhere = rng.random() < (0.4 if fraud else 0.04)
    other_device = rng.random() < (0.5 if fraud else 0.12)
    order = {
        "id": key, "customer_id": buyer.id, "product_id": product["id"], "quantity": quantity, "total": total,
        "status": "placed", "placed_at": at - timedelta(seconds=int(rng.integers(20, 600))),
    }  # fmt: skip
    payment = {
        "id": key, "order_id": key, "customer_id": buyer.id, "reference": f"PAY-{key:08d}",
        "card_holder": buyer.name, "amount": total,
        "installments": int(rng.choice(INSTALLMENTS, p=INSTALLMENT_SHARES)),
        "method": str(rng.choice(METHODS, p=FRAUD_METHOD_SHARES if fraud else METHOD_SHARES)),
        "device": str(rng.choice(DEVICES)) if other_device else buyer.device,
        "ip_country": str(rng.choice(COUNTRIES)) if elsewhere else buyer.country,
        "status": "captured", "captured_at": at,
    }  # fmt: skip
    return order, payment
