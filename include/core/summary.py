"""What a column is like, in some kilobytes: counts that can be added to another summary's, in any order.

A number falls into a bin by the first bits of its double: sign, exponent, mantissa. So a bin's width is a fixed
share of its numbers (as in DDSketch, Masson et al., VLDB 2019), and every column of every version has the same
bins. Where more than LIMIT of them are in use, all give up their last bit at once (as in UDDSketch, Epicoco et
al., 2020), as often as it takes: how often depends on which numbers there are and on nothing else, so the order
of merging does not matter. A word falls into a bin by the first bits of its SHA-256, and is counted under its own
name besides.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, Self

Kind = Literal["number", "word"]

# Most bins, and most words counted by name.
LIMIT = 512
# Bits of a double (and of a hash) that the finest bins tell apart: sign, exponent, 10 of the mantissa's 52.
BITS = 22
# Bits that words give up at once if there are more than LIMIT: no more than 4,096 bins leave the database.
WORDS_LEVEL = 10
_MANTISSA = 10
_NAN = (0x7FF << _MANTISSA) + 1
# What is as large counts as infinite: its square would leave the doubles, and no sum of it says anything.
HUGE = 2.0**465
_HUGE = (1023 + 465) << _MANTISSA
# Sums of doubles depend on their order in the last digits; what is kept must not.
DIGITS = 9


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations of finite numbers, with the smallest and the largest."""

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    low: float | None = None
    high: float | None = None

    @property
    def deviation(self) -> float:
        """The standard deviation; 0 of no numbers and of equal ones."""
        return (self.m2 / self.count) ** 0.5 if self.count else 0.0

    def merged(self, other: "Moments") -> "Moments":
        """Those of both together (Chan, Golub and LeVeque, 1979)."""
        if not (self.count and other.count):
            return self if self.count else other
        count, shift = self.count + other.count, other.mean - self.mean
        return Moments(
            count,
            self.mean + shift * other.count / count,
            self.m2 + other.m2 + shift * shift * self.count * other.count / count,
            min(m.low for m in (self, other) if m.low is not None),
            max(m.high for m in (self, other) if m.high is not None),
        )

    def rounded(self) -> "Moments":
        return Moments(self.count, _rounded(self.mean), _rounded(self.m2), self.low, self.high)


@dataclass(frozen=True, slots=True)
class Summary:
    """`bins` counts the finite numbers (or all words) by bin, each of which has given up `level` of its bits.

    `odd` counts NaN, Infinity and -Infinity, and with these what is HUGE. `named` counts words by their name: all
    of them, or if there are more than LIMIT, some that many rows hold (`whole` tells which). `rows` includes
    `nulls`; `moments` are those of the finite numbers.
    """

    kind: Kind
    rows: int = 0
    nulls: int = 0
    bins: Mapping[int, int] = field(default_factory=dict)
    level: int = 0
    odd: Mapping[str, int] = field(default_factory=dict)
    moments: Moments = Moments()
    named: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every word is counted under its own name."""
        return sum(self.named.values()) == self.rows - self.nulls

    def at(self, level: int) -> Mapping[int, int]:
        """The bins after they have given up `level` bits, no fewer than they have."""
        return self.bins if level == self.level else _shifted(self.bins, level - self.level)

    def merged(self, other: Self) -> "Summary":
        """The summary of the rows of both."""
        if self.kind != other.kind:
            raise ValueError(f"a summary of {self.kind}s cannot be merged with one of {other.kind}s")
        words = _added(self.named, other.named)
        level = max(self.level, other.level)
        if self.kind == "word" and not (self.whole and other.whole and len(words) <= LIMIT):
            level = max(level, WORDS_LEVEL)
        bins, level = _collapsed(_added(self.at(level), other.at(level)), level)
        return Summary(
            self.kind,
            self.rows + other.rows,
            self.nulls + other.nulls,
            bins,
            level,
            _added(self.odd, other.odd),
            self.moments.merged(other.moments).rounded(),
            _most(words),
        )

    def as_json(self) -> dict[str, Any]:
        m = self.moments
        return {
            "kind": self.kind, "rows": self.rows, "nulls": self.nulls, "level": self.level,
            "bins": [list(self.bins), list(self.bins.values())], "odd": dict(self.odd),
            "moments": [m.count, m.mean, m.m2, m.low, m.high], "named": dict(self.named),
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        bins = dict(zip(*found["bins"], strict=True))
        own = {name: found[name] for name in ("kind", "rows", "nulls", "level", "odd", "named")}
        return cls(bins=bins, moments=Moments(*found["moments"]), **own)


def of_numbers(counts: Mapping[int | None, int], moments: Moments) -> Summary:
    """The summary of numbers that were counted by the first 22 bits of their doubles, as a signed integer.

    None counts NULL. `moments` are those of the numbers within -HUGE and HUGE.
    """
    bins, odd = dict[int, int](), dict[str, int]()
    for bits, rows in counts.items():
        if bits is None:
            continue
        size = bits & ((1 << BITS - 1) - 1)
        if size >= _HUGE:
            name = "NaN" if size >= _NAN else "Infinity" if bits >= 0 else "-Infinity"
            odd[name] = odd.get(name, 0) + rows
        else:
            place = size if bits >= 0 else -size
            bins[place] = bins.get(place, 0) + rows
    kept, level = _collapsed(bins, 0)
    nulls = counts.get(None, 0)
    return Summary("number", sum(counts.values()), nulls, kept, level, _sorted(odd), moments.rounded())


def of_words(nulls: int, named: Mapping[str, int], others: Mapping[int, int]) -> Summary:
    """The summary of words: `named` are at most LIMIT, `others` counts the rest by 12 bits of their hash."""
    level = WORDS_LEVEL if others else 0
    bins = dict(others)
    for word, rows in named.items():
        place = word_bin(word) >> level
        bins[place] = bins.get(place, 0) + rows
    kept, level = _collapsed(_sorted(bins), level)
    return Summary("word", nulls + sum(bins.values()), nulls, kept, level, named=_most(named))


def word_bin(word: str) -> int:
    """The first 22 bits of the word's SHA-256."""
    return int.from_bytes(sha256(word.encode()).digest()[:3], "big") >> 24 - BITS


def bounds(place: int, level: int) -> tuple[float, float]:
    """Between which two doubles the numbers of a bin lie; the one nearer to zero belongs to it."""
    near, far = (_double((abs(place) + more) << level) for more in (0, 1))
    return (near, far) if place > 0 else (-far, -near) if place < 0 else (-far, far)


def _double(bits: int) -> float:
    return float(struct.unpack("!d", (min(bits, 0x7FF << _MANTISSA) << 64 - BITS).to_bytes(8, "big"))[0])


def _collapsed(bins: dict[int, int], level: int) -> tuple[dict[int, int], int]:
    """Let all bins give up one bit more until there are no more than LIMIT; in their order."""
    while len(bins) > LIMIT:
        bins, level = _shifted(bins, 1), level + 1
    return _sorted(bins), level


def _shifted(bins: Mapping[int, int], bits: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for place, rows in bins.items():
        coarse = place >> bits if place >= 0 else -(-place >> bits)
        found[coarse] = found.get(coarse, 0) + rows
    return found


def _added(one: Mapping[Any, int], other: Mapping[Any, int]) -> dict[Any, int]:
    found = dict(one)
    for key, rows in other.items():
        found[key] = found.get(key, 0) + rows
    return found


def _most(words: Mapping[str, int]) -> dict[str, int]:
    """The words of most rows, LIMIT at most, in the order of the words."""
    kept = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:LIMIT]
    return dict(sorted(kept))


def _sorted(bins: Mapping[Any, int]) -> dict[Any, int]:
    return dict(sorted(bins.items()))


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
