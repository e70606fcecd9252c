"""Write the sample shop's reviews: a true sentiment decides most words, the shop has read few of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np  # noqa: TID253

from include.core.seeds import seed_of
from include.sample.dirt import Planted
from include.sample.draw import EPOCH, TRADING_DAYS, Row

NEGATIVE, POSITIVE = "negative", "positive"
POSITIVE_SHARE = 0.55
# What the shop's own staff has labelled; customers who gave stars.
LABELLED_SHARE, STARS_SHARE = 0.1, 0.6
# Of a review's sentences so many say nothing either way; of the others so many contradict the rest.
NEUTRAL_SHARE, CONTRARY_SHARE = 0.3, 0.15

PARTS = (
    "handle", "surface", "lid", "colour", "finish", "packaging", "instruction sheet", "base", "material", "edge",
    "size", "weight", "hinge", "delivery", "price", "shade",
)  # fmt: skip
WHO = ("my sister", "my mother", "the office", "our kitchen", "a neighbour", "my nephew", "the garden", "my desk")
WHEN = ("in spring", "last month", "for a birthday", "on a Sunday", "after a long search", "on a friend's word")
WORDS = {
    POSITIVE: (
        "excellent", "lovely", "solid", "perfect", "delightful", "neat", "sturdy", "superb", "pleasant",
        "flawless", "charming", "reliable",
    ),
    NEGATIVE: (
        "poor", "flimsy", "crooked", "disappointing", "cheap", "scratched", "dreadful", "wobbly", "faded",
        "useless", "brittle", "careless",
    ),
}  # fmt: skip
TONED = {
    POSITIVE: (
        "The {part} is {word}.", "What a {word} {part}!", "The {part} feels {word}, I would buy it again.",
        "Even after weeks the {part} is {word}.", "Its {part} is {word}, just as promised.",
    ),
    NEGATIVE: (
        "The {part} is {word}.", "What a {word} {part}!", "The {part} looks {word}, so it goes back.",
        "After two days the {part} was {word}.", "Its {part} is {word}, nothing like the picture.",
    ),
}  # fmt: skip
NEUTRAL = (
    "I ordered it {when}.", "It is for {who}.", "It stands beside the {part} of the old one.",
    "{who} asked for it {when}.", "I cannot say much about the {part} yet.",
    "It came {when}, as a gift for {who}.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Review:
    """A row of the shop's table, and what its author meant."""

    row: Row
    meant: str


@dataclass(frozen=True, slots=True)
class Dirt:
    """One way to spoil a review, which breaks one rule of the suite."""

    rule: str
    kind: str
    spoil: Callable[[Row], Row]


DIRT = (
    Dirt("body_present", "missing", lambda row: row | {"body": None}),
    Dirt("body_not_empty", "missing", lambda row: row | {"body": ""}),
    # UTF-8 that was read as Latin-1.
    Dirt("body_readable", "badly_encoded", lambda row: row | {"body": row["body"] + " TrÃ¨s bien"}),
    Dirt("stars_in_range", "out_of_range", lambda row: row | {"stars": 11}),
    Dirt("sentiment_known", "out_of_range", lambda row: row | {"sentiment": "meh"}),
)


def write(seed: int, key: int, customers: int, products: int, at: datetime) -> Review:
    """The review of that number, written at `at`, by one of so many customers about one of so many products.

    All else follows from the seed and the number alone.
    """
    rng = np.random.default_rng(seed_of("sample reviews", seed, key))
    meant = POSITIVE if rng.random() < POSITIVE_SHARE else NEGATIVE
    stars = int(rng.integers(3, 6) if meant == POSITIVE else rng.integers(1, 4))
    row = {
        "id": key,
        "product_id": int(rng.integers(1, products + 1)),
        "customer_id": int(rng.integers(1, customers + 1)),
        "body": " ".join(_sentence(rng, meant) for _ in range(int(rng.integers(3, 7)))),
        "stars": stars if rng.random() < STARS_SHARE else None,
        "sentiment": meant if rng.random() < LABELLED_SHARE else None,
        "written_at": at,
    }
    return Review(row, meant)


def _sentence(rng: np.random.Generator, meant: str) -> str:
    slots = {"part": _pick(rng, PARTS), "who": _pick(rng, WHO), "when": _pick(rng, WHEN)}
    chance = rng.random()
    if chance < NEUTRAL_SHARE:
        said = _pick(rng, NEUTRAL).format(**slots)
        return said[0].upper() + said[1:]
    contrary = chance < NEUTRAL_SHARE + (1 - NEUTRAL_SHARE) * CONTRARY_SHARE
    tone = (NEGATIVE if meant == POSITIVE else POSITIVE) if contrary else meant
    return _pick(rng, TONED[tone]).format(word=_pick(rng, WORDS[tone]), **slots)


def _pick(rng: np.random.Generator, among: Sequence[str]) -> str:
    return among[int(rng.integers(len(among)))]


def history(seed: int, n: int, customers: int, products: int) -> tuple[list[Review], list[Planted]]:
    """The `n` reviews written before live traffic, in order of time, and what is wrong with some of them."""
    step = timedelta(days=TRADING_DAYS) / n
    reviews = [
        write(seed, key, customers, products, (EPOCH - (n + 1 - key) * step).replace(microsecond=0))
        for key in range(1, n + 1)
    ]
    rng = np.random.default_rng(seed_of("sample reviews", seed, "dirt"))
    planted = []
    for turn, place in enumerate(rng.permutation(n)[: max(n // 300, 1) * len(DIRT)].tolist()):
        reviews[place], entry = spoilt(reviews[place], turn)
        planted.append(entry)
    return reviews, planted


def spoilt(review: Review, turn: int) -> tuple[Review, Planted]:
    """The review with a piece of dirt, and its ledger entry; every kind has its turn."""
    dirt = DIRT[turn % len(DIRT)]
    entry = Planted("reviews", str(review.row["id"]), dirt.kind, dirt.rule)
    return Review(dirt.spoil(review.row), review.meant), entry
