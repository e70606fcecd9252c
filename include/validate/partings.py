"""The p-value of a table of two samples: how many random partings of its rows differ as much as the samples do.

If both samples were drawn alike, each parting of all their rows into two of the same sizes is as likely as the one
that is seen (Fisher, 1935): the smaller one's rows by bin follow the multivariate hypergeometric distribution. The
measure of difference is the likelihood ratio G (Wilks, 1938), whose chi-squared limit spares the draws
wherever it cannot be mistaken. Ties are broken by a seeded draw (Dwass, 1957), so that the p-value is uniform even
where a table has but few possible ones.
"""

from math import ceil
from typing import TYPE_CHECKING, Final

from include.validate.bins import Table

if TYPE_CHECKING:
    import numpy as np

# From so many expected rows a bin on the limit is as good as the draws.
AMPLE: Final = 1_000
# How many partings may differ more at the bound, and how many are drawn at once.
TAIL: Final = 20
CHUNK: Final = 20_000
# The limit is off by less than this factor where it errs towards large p-values.
NEAR: Final = 5
# numpy draws from no more rows; any bin that counts is ample there.
MOST_ROWS: Final = 10**9
# Sums of logarithms that differ less are equal.
EQUAL: Final = 1e-6


def p_value(table: Table, bound: float, seed: int) -> float:
    """The p-value, exact around `bound` (up to the draws): below it with probability `bound` if nothing drifted.

    More than NEAR times above the bound and a thousand times below it the limit's is returned.
    """
    import numpy as np

    before, after = np.array(table.before), np.array(table.after)
    smaller = before if before.sum() < after.sum() else after
    pooled = before + after
    likely = _limit(pooled, smaller, len(pooled) - table.sparse)
    expected = pooled.min() * smaller.sum() / pooled.sum()
    if likely > NEAR * bound or expected >= AMPLE or pooled.sum() >= MOST_ROWS:
        return likely
    if (certain := _upper(pooled, smaller, table.sparse)) < bound / 1000:
        return certain
    return _drawn(pooled, smaller, bound, np.random.default_rng(seed))


def _g(pooled: "np.ndarray", rows: "np.ndarray") -> "np.ndarray":
    """G / 2, but for what is the same for every parting; of one parting or of many."""
    from scipy.special import xlogy

    other = pooled - rows
    found: np.ndarray = (xlogy(rows, rows) + xlogy(other, other)).sum(axis=-1)
    return found


def _limit(pooled: "np.ndarray", rows: "np.ndarray", dense: int) -> float:
    """The chi-squared tail of G. Sparse bins have no degree of freedom here: that errs towards small p-values."""
    from scipy.special import gammaincc, xlogy

    total, sampled = pooled.sum(), rows.sum()
    expected = xlogy(rows, pooled * (sampled / total)) + xlogy(pooled - rows, pooled * (1 - sampled / total))
    g = 2 * float(_g(pooled, rows) - expected.sum())
    return float(gammaincc(max(dense - 1, 1) / 2, max(g, 0.0) / 2))


def _upper(pooled: "np.ndarray", rows: "np.ndarray", sparse: int) -> float:
    """More than the p-value, for certain: Bonferroni's over the dense bins, and over each sparse one by itself."""
    from scipy.stats import hypergeom

    dense = len(pooled) - sparse
    found = []
    if dense > 1:
        # The rows of sparse bins are nobody's: both samples go without them.
        found.append(_limit(pooled[:dense], rows[:dense], dense))
    for held, all_ in zip(rows[dense:], pooled[dense:], strict=True):
        of = (pooled.sum(), all_, rows.sum())
        found.append(2 * float(min(hypergeom.sf(held - 1, *of), hypergeom.cdf(held, *of))))
    return min(1.0, len(found) * min(found, default=1.0))


def _drawn(pooled: "np.ndarray", rows: "np.ndarray", bound: float, draw: "np.random.Generator") -> float:
    """Draw partings until TAIL of them are expected beyond the bound, or until it is plain that p is above it."""
    seen = _g(pooled, rows)
    wanted = ceil(TAIL / bound) - 1
    done = more = same = 0
    chunk = 1_000
    while done < wanted and more <= 2 * TAIL:
        size = min(chunk, wanted - done)
        partings = draw.multivariate_hypergeometric(pooled, int(rows.sum()), size=size, method="marginals")
        g = _g(pooled, partings)
        more += int((g > seen + EQUAL).sum())
        same += int((abs(g - seen) <= EQUAL).sum())
        done, chunk = done + size, min(2 * chunk, CHUNK)
    return (more + float(draw.random()) * (same + 1)) / (done + 1)
