"""The six dimensions of data quality: a score of each from what expectations said, and its course over runs.

The dimensions are those of DAMA UK (The Six Primary Dimensions for Data Quality Assessment, 2013); a rule is
measured as ISO/IEC 25024 measures: the data items that conform, as a share of all that should.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from include.core.refs import Outcome

DIMENSIONS: Final = ("completeness", "accuracy", "consistency", "timeliness", "uniqueness", "validity")
# Below this the axis of a course reaches down to the lowest score; above it all courses have the same axis.
AXIS_FROM: Final = 0.98
# So many runs a course goes back.
RUNS: Final = 20
WIDTH, HEIGHT, MARGIN = 120.0, 28.0, 3.0


@dataclass(frozen=True, slots=True)
class Score:
    """A dimension's score, from 0 to 1, over its rules, of which `broken` did not hold; None without a rule."""

    dimension: str
    value: float | None
    rules: int
    broken: int


@dataclass(frozen=True, slots=True)
class Course:
    """A dimension's score now, and those of the runs up to now, oldest first; `points` draw them in an SVG."""

    score: Score
    values: tuple[float, ...]
    points: tuple[tuple[float, float], ...]

    @property
    def told(self) -> str:
        """The course in words, for whoever does not see it."""
        name = self.score.dimension
        if self.score.value is None:
            return f"{name}: no rule measures it"
        now = f"{name}: {percent(self.score.value)}"
        if len(self.values) < 2:
            return now
        span = f"{percent(min(self.values))} to {percent(max(self.values))}"
        return f"{now}; over the last {len(self.values)} runs {span}"


def conformity(outcome: Outcome, rows: int) -> float:
    """How far a rule holds, from 0 to 1: of rows 1 - unexpected / rows, of a table 0 or 1.

    What could not be judged is 0: it is not known to hold.
    """
    if outcome.exception is not None:
        return 0.0
    if not outcome.row_level or outcome.unexpected is None or not rows:
        return float(outcome.success)
    return max(0.0, 1 - outcome.unexpected / rows)


def scores(outcomes: Sequence[Outcome], rows: int) -> tuple[Score, ...]:
    """Each dimension's score on a table of so many rows: the mean of `conformity` over its rules.

    An outcome without a dimension (of a release before there were any) counts nowhere.
    """
    found = []
    for dimension in DIMENSIONS:
        own = [o for o in outcomes if o.dimension == dimension]
        value = math.fsum(conformity(o, rows) for o in own) / len(own) if own else None
        found.append(Score(dimension, value, len(own), sum(not o.success for o in own)))
    return tuple(found)


def courses(judged: Sequence[tuple[Sequence[Outcome], int]]) -> tuple[Course, ...]:
    """Each dimension's course over judgements (outcomes, rows), oldest first; the last one is now.

    Judgements that did not measure a dimension are no part of its course.
    """
    each = [scores(outcomes, rows) for outcomes, rows in judged] or [scores((), 0)]
    found = []
    for past in zip(*each, strict=True):
        values = tuple(score.value for score in past if score.value is not None)
        found.append(Course(past[-1], values, points(values)))
    return tuple(found)


def points(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Where scores lie in a picture of WIDTH x HEIGHT, from left to right; 1 is at the top."""
    if not values:
        return ()
    lowest = min(AXIS_FROM, *values)
    step = (WIDTH - 2 * MARGIN) / max(1, len(values) - 1)
    first = MARGIN if len(values) > 1 else WIDTH - MARGIN
    return tuple(
        (round(first + step * i, 1), round(MARGIN + (1 - v) / (1 - lowest) * (HEIGHT - 2 * MARGIN), 1))
        for i, v in enumerate(values)
    )


def percent(value: float) -> str:
    """A score in percent, cut and not rounded: only what is whole is called 100 %."""
    return f"{math.floor(value * 10_000 + 1e-9) / 100:g} %"
