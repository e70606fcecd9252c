"""The table behind a comparison: the rows of two samples by bin, cut from the summaries of a column.

Where the bins end depends on the rows of both samples together and not on which row belongs to which: that is what
makes every parting of the rows as likely as any other if both were drawn alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from include.core.summary import Summary, bounds

# Deciles are what PSI is told of by custom; more bins would spread a shift over more chance.
NUMBER_BINS: Final = 10
WORD_BINS: Final = 30
# Rows that a bin is expected to hold in the smaller sample (Cochran, 1954); one that is to hold fewer is sparse.
EXPECTED: Final = 5
MISSING, ODD, OTHERS = "missing", "NaN or infinite", "all others"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of two samples by bin; the last `sparse` of the bins are expected to hold next to nothing."""

    names: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    sparse: int = 0

    @property
    def pooled(self) -> tuple[int, ...]:
        return tuple(a + b for a, b in zip(self.before, self.after, strict=True))


def tabulate(before: Summary, both: Summary) -> Table:
    """The table of a sample and another one, of which `both` are the rows together."""
    share = min(before.rows, both.rows - before.rows) / max(both.rows, 1)
    bins = _numbers(before, both, share) if both.kind == "number" else _words(before, both, share)
    bins.append((ODD, sum(before.odd.values()), sum(both.odd.values())))
    bins.append((MISSING, before.nulls, both.nulls))
    bins = [found for found in bins if found[2]]
    # Stable: dense bins stay in their order.
    bins.sort(key=lambda found: found[2] * share < EXPECTED)
    names, old, pooled = zip(*bins, strict=True) if bins else ((), (), ())
    sparse = sum(count * share < EXPECTED for count in pooled)
    return Table(names, old, tuple(p - o for p, o in zip(pooled, old, strict=True)), sparse)


def _numbers(before: Summary, both: Summary, share: float) -> list[tuple[str, int, int]]:
    """(name, rows before, rows of both) of at most ten bins of about as many rows, in their order.

    A number that many rows hold is a bin by itself; beside it there may be sparse ones.
    """
    import numpy as np

    if not both.bins:
        return []
    old, places = before.at(both.level), list(both.bins)
    rows = np.array([[old.get(place, 0) for place in places], list(both.bins.values())])
    passed, total = rows[1].cumsum(), rows[1].sum()
    most = min(NUMBER_BINS, int(total * share / EXPECTED))
    # Each bin of the summary goes where its middle lies among all rows.
    part = (most * (passed - rows[1] / 2) / total).astype(int)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    held, all_ = np.add.reduceat(rows, starts, axis=1).tolist()
    edges = [bounds(places[start], both.level)[0] for start in starts.tolist()]
    return [(_between(edges, n), *counts) for n, counts in enumerate(zip(held, all_, strict=True))]


def _between(edges: Sequence[float], place: int) -> str:
    """A bin in words. The first and the last are open: nobody's own number is told."""
    if len(edges) == 1:
        return "all numbers"
    if place == 0:
        return f"below {edges[1]:.5g}"
    if place == len(edges) - 1:
        return f"from {edges[-1]:.5g}"
    return f"{edges[place]:.5g} to {edges[place + 1]:.5g}"


def _words(before: Summary, both: Summary, share: float) -> list[tuple[str, int, int]]:
    """(name, rows before, rows of both) of the most frequent words, and of all others."""
    counts: Mapping[str, int] = both.named
    old: Mapping[str, int] = before.named
    if not both.whole:
        counts = {f"words of hash {place}": rows for place, rows in both.bins.items()}
        old = {f"words of hash {place}": rows for place, rows in before.at(both.level).items()}
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    apart = [word for word in ranked[:WORD_BINS] if counts[word] * share >= EXPECTED]
    found = [(word, old.get(word, 0), counts[word]) for word in apart]
    present = before.rows - before.nulls
    rest = both.rows - both.nulls - sum(rows for _, _, rows in found)
    return [*found, (OTHERS, present - sum(rows for _, rows, _ in found), rest)]
