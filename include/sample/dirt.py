"""Spoil payments of the sample shop on purpose, and name every rule that each piece of dirt breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dirt:
    """One way to spoil a payment. `breaks` maps each rule of the suite that then fails to the kind of dirt."""

    name: str
    breaks: Mapping[str, str]
    spoil: Callable[[Row, datetime], None]


@dataclass(frozen=True, slots=True)
class Planted:
    """A ledger entry: row `row_key` of `table_name` breaks `rule`."""

    table_name: str
    row_key: str
    kind: str
    rule: str


def _forget(column: str) -> Callable[[Row, datetime], None]:
    def spoil(payment: Row, customer_since: datetime) -> None:
        payment[column] = None

    return spoil


def _negative(payment: Row, customer_since: datetime) -> None:
    payment["amount"] = -payment["amount"]


def _too_early(payment: Row, customer_since: datetime) -> None:
    payment["captured_at"] = customer_since - timedelta(days=3)


def _stale(payment: Row, customer_since: datetime) -> None:
    payment["captured_at"] = payment["captured_at"].replace(year=1999, day=1)


def _other_amount(payment: Row, customer_since: datetime) -> None:
    payment["amount"] += payment["id"] % 90 + 1


def _too_many(payment: Row, customer_since: datetime) -> None:
    payment["installments"] = 0 if payment["id"] % 2 else 480


def _garble(payment: Row, customer_since: datetime) -> None:
    """Either UTF-8 read as Latin-1, or bytes that no decoder understood."""
    name = payment["card_holder"] + "é"
    lost = payment["id"] % 2
    payment["card_holder"] = name.encode("latin-1", "replace").decode("utf-8", "replace") if lost else (
        name.encode().decode("latin-1")
    )  # fmt: skip


DIRT = (
    Dirt("order_missing", {"order_known": "missing"}, _forget("order_id")),
    Dirt("amount_missing", {"amount_present": "missing"}, _forget("amount")),
    Dirt("method_missing", {"method_present": "missing"}, _forget("method")),
    Dirt("negative_amount", {"amount_positive": "impossible", "amount_equals_total": "contradictory"}, _negative),
    Dirt("paid_too_early", {"paid_after_signup": "impossible"}, _too_early),
    Dirt("stale_time", {"paid_at_recent": "stale", "paid_after_signup": "impossible"}, _stale),
    Dirt("other_amount", {"amount_equals_total": "contradictory"}, _other_amount),
    Dirt("installments_absurd", {"installments_in_range": "out_of_range"}, _too_many),
    Dirt("name_garbled", {"card_holder_readable": "badly_encoded"}, _garble),
)


def plant(dirt: Dirt, payment: Row, customer_since: datetime) -> list[Planted]:
    """Spoil `payment` in place and return what is now wrong with it."""
    dirt.spoil(payment, customer_since)
    return [Planted("payments", str(payment["id"]), kind, rule) for rule, kind in dirt.breaks.items()]


def duplicate(payment: Row, key: int) -> tuple[Row, list[Planted]]:
    """The same payment booked a second time under `key`; both rows now share their reference."""
    copy = payment | {"id": key, "captured_at": payment["captured_at"] + timedelta(seconds=2)}
    return copy, [Planted("payments", str(row["id"]), "duplicate", "reference_unique") for row in (payment, copy)]
