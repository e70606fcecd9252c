"""Drift: whether rows were drawn as those of the published version were, judged by the summaries of their columns.

`judge` is a pure function. How far the two rows of a column's table differ is the likelihood ratio G; its p-value
is the share of random partings of the same rows that differ as much. The p-values of a run are held against
Šidák's bound, so that a run without drift raises an alarm as often as is stated. PSI, Kolmogorov–Smirnov and the
shift of the mean say how large a drift is, never whether it is one: with many rows every difference is certain,
with few every one is large. docs/drift.md has the formulas and their sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import erfc, log, sqrt
from typing import Any, Final

from include.core.seeds import seed_of
from include.core.summary import Summary
from include.validate.bins import EXPECTED, Table, tabulate
from include.validate.partings import p_value

# A word that fewer rows hold is not told by its name: what is told outlives the rows.
NAMEABLE: Final = 10
MOST_NAMED: Final = 10
# Fewest numbers of which a mean is taken for normally distributed.
NORMAL: Final = 100


@dataclass(frozen=True, slots=True)
class Shift:
    """How a column's rows differ from the published ones; `p` is None where the rows could not tell anything.

    `mean_shift` is in standard deviations of the published numbers, `null_rate` and `table` are before and after,
    `appeared` and `vanished` count the rows of words that only one of the two has.
    """

    column: str
    drifted: bool
    p: float | None
    psi: float
    ks: float | None
    mean_shift: float | None
    null_rate: tuple[float, float]
    appeared: Mapping[str, int]
    vanished: Mapping[str, int]
    table: Table

    def evidence(self) -> dict[str, Any]:
        """As JSON, with four digits of each figure."""
        return {
            "drifted": self.drifted, "p": _digits(self.p), "psi": _digits(self.psi), "ks": _digits(self.ks),
            "mean_shift": _digits(self.mean_shift), "null_rate": [_digits(rate) for rate in self.null_rate],
            "appeared": dict(self.appeared), "vanished": dict(self.vanished),
            "bins": [list(row) for row in zip(self.table.names, self.table.before, self.table.after, strict=True)],
        }  # fmt: skip

    def told(self) -> str:
        """The figures in one line."""
        parts = [f"PSI {self.psi:.3f}"]
        parts += [f"KS {self.ks:.3f}"] if self.ks is not None else []
        parts += [f"mean {self.mean_shift:+.2f} sd"] if self.mean_shift is not None else []
        before, after = self.null_rate
        parts += [f"missing {before:.2%} → {after:.2%}"] if before != after else []
        parts += [f"new: {', '.join(self.appeared)}"] if self.appeared else []
        parts += [f"gone: {', '.join(self.vanished)}"] if self.vanished else []
        return ", ".join(parts) + (f" (p {self.p:.1e})" if self.p is not None else "")


@dataclass(frozen=True, slots=True)
class Pair:
    """A column before and after, and both together."""

    before: Summary
    after: Summary
    both: Summary
    table: Table = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", tabulate(self.before, self.both))


@dataclass(frozen=True, slots=True)
class Told:
    """A p-value a column, and the bound that all of them are held against."""

    p: Mapping[str, float]
    bound: float

    @property
    def drifted(self) -> tuple[str, ...]:
        return tuple(name for name, p in self.p.items() if p <= self.bound)


def judge(
    before: Mapping[str, Summary], after: Mapping[str, Summary], false_alarms: float, *seed: object
) -> tuple[Shift, ...]:
    """Compare the columns that both have; in `false_alarms` of all runs without drift at least one is `drifted`.

    Both are taken for independent draws of rows. The same summaries and `seed` give the same figures.
    Columns that are numbers in one and words in the other are not compared.
    """
    pairs = comparable(before, after)
    told = p_values(pairs, false_alarms, *seed)
    return tuple(_shift(name, pair, told.p.get(name), told.bound) for name, pair in pairs.items())


def comparable(before: Mapping[str, Summary], after: Mapping[str, Summary]) -> dict[str, Pair]:
    """The columns of both, unless they are numbers in one and words in the other."""
    names = [name for name, old in before.items() if name in after and old.kind == after[name].kind]
    return {name: Pair(before[name], after[name], before[name].merged(after[name])) for name in names}


def p_values(pairs: Mapping[str, Pair], false_alarms: float, *seed: object) -> Told:
    """The p-value of each column that can tell anything, and the bound at which one of them is an alarm."""
    means = [name for name, pair in pairs.items() if _in_one_bin(pair)]
    telling = [name for name, pair in pairs.items() if _can_tell(pair.table, false_alarms / len(pairs))]
    bound = sidak(false_alarms, len(means) + len(telling))
    found = {name: p_value(pairs[name].table, bound, seed_of(*seed, name)) for name in telling}
    for name in means:
        found[name] = min(found.get(name, 1.0), _p_of_means(pairs[name]))
    return Told(found, bound)


def sidak(alarms: float, tests: int) -> float:
    """The bound that the least of so many p-values undercuts by chance in `alarms` of all runs (Šidák, 1967)."""
    return float(1 - (1 - alarms) ** (1 / max(tests, 1)))


def _can_tell(table: Table, level: float) -> bool:
    """Whether the table could differ so much that chance is no explanation at a tenth of `level` (Tarone, 1990).

    Else a coin would have to decide, and the column would cost the others some of their power.
    """
    if len(table.names) - table.sparse > 1:
        return True
    pooled, rows = table.pooled, (sum(table.before), sum(table.after))
    if len(pooled) < 2 or not min(rows):
        return False
    return (min(rows) / sum(rows)) ** (sum(pooled) - max(pooled)) < level / 10


def _in_one_bin(pair: Pair) -> bool:
    """Whether the numbers lie so close together that their bins cannot tell them apart, but their means can."""
    moments = (pair.before.moments, pair.after.moments)
    return len(pair.both.bins) == 1 and all(m.count >= NORMAL and m.m2 > 0 for m in moments)


def _p_of_means(pair: Pair) -> float:
    """Welch's test (1947) with its normal limit: both have NORMAL numbers or more."""
    a, b = pair.before.moments, pair.after.moments
    error = sqrt(a.deviation**2 / a.count + b.deviation**2 / b.count)
    return erfc(abs(b.mean - a.mean) / error / sqrt(2))


def _shift(column: str, pair: Pair, p: float | None, bound: float) -> Shift:
    old, new = pair.before, pair.after
    a, b = old.moments, new.moments
    return Shift(
        column=column,
        drifted=p is not None and p <= bound,
        p=p,
        psi=_psi(pair.table),
        ks=_ks(pair) if a.count and b.count else None,
        mean_shift=(b.mean - a.mean) / a.deviation if a.deviation and b.count else None,
        null_rate=(old.nulls / max(old.rows, 1), new.nulls / max(new.rows, 1)),
        appeared=_only_in(new, old, 0),
        vanished=_only_in(old, new, EXPECTED * old.rows / max(new.rows, 1)),
        table=pair.table,
    )


def _psi(table: Table) -> float:
    """Σ (b - a) ln(b / a) over the shares a and b of the bins, each with half a row more so that none is zero."""
    shares = [
        [(rows + 0.5) / (sum(sample) + 0.5 * len(sample)) for rows in sample]
        for sample in (table.before, table.after)
    ]
    return sum((b - a) * log(b / a) for a, b in zip(*shares, strict=True))


def _ks(pair: Pair) -> float:
    """The largest distance of the two distribution functions of the finite numbers, at the ends of the bins."""
    sums = []
    for sample in (pair.before.at(pair.both.level), pair.after.at(pair.both.level)):
        total = sum(sample.values())
        sums.append([rows / total for rows in accumulate(sample.get(place, 0) for place in pair.both.bins)])
    return max(abs(a - b) for a, b in zip(*sums, strict=True))


def _only_in(one: Summary, other: Summary, fewest: float) -> dict[str, int]:
    """The words of at least `fewest` rows that the other does not have, if it names all of its words."""
    if one.kind != "word" or not other.whole or not other.rows:
        return {}
    found = {w: n for w, n in one.named.items() if w not in other.named and n >= max(fewest, NAMEABLE)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMED])


def _digits(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
