"""Summaries of arrays, made by numpy: the same as those that the warehouse makes of the same values in a table."""

from collections.abc import Sequence

import numpy as np

from include.core.summary import BITS, HUGE, Moments, Summary, of_numbers, of_words


def summary_of(values: np.ndarray) -> Summary:
    """The summary of doubles; a masked array's masked ones are NULL."""
    nulls = int(np.ma.count_masked(values))
    numbers = np.ma.compressed(values) + 0.0 if nulls else np.asarray(values, float) + 0.0
    keys, rows = np.unique(numbers.view(np.int64) >> 64 - BITS, return_counts=True)
    counts = dict(zip(keys.tolist(), rows.tolist(), strict=True))
    finite = numbers[np.abs(numbers) < HUGE]
    moments = Moments()
    if len(finite):
        mean = float(finite.mean())
        m2 = float(((finite - mean) ** 2).sum())
        moments = Moments(len(finite), mean, m2, float(finite.min()), float(finite.max()))
    return of_numbers(counts | ({None: nulls} if nulls else {}), moments)


def summary_of_words(values: Sequence[str | None]) -> Summary:
    """The summary of at most 512 different texts; None is NULL."""
    words, rows = np.unique([value for value in values if value is not None], return_counts=True)
    named = dict(zip(words.tolist(), rows.tolist(), strict=True))
    return of_words(len(values) - int(rows.sum()), named, {})
