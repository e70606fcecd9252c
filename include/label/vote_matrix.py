"""What labeling functions voted for each row, and what that tells of the functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError

ABSTAIN = -1


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """Shares are of all rows. `overlaps`: another function votes too; `conflicts`: one of them says otherwise.

    `polarity` are the classes that it ever votes for. Of the rows whose class is known and that it votes on it
    gets `correct` and `incorrect`; `accuracy` is the share of correct ones, NaN without such rows.
    """

    name: str
    polarity: tuple[str, ...]
    coverage: float
    overlaps: float
    conflicts: float
    correct: int
    incorrect: int

    @property
    def accuracy(self) -> float:
        known = self.correct + self.incorrect
        return self.correct / known if known else float("nan")


@dataclass(frozen=True, slots=True)
class VoteMatrix:
    """`votes` (n, m) int8: the place in `classes` that each of m functions gives each of n rows, or ABSTAIN."""

    functions: tuple[str, ...]
    classes: tuple[str, ...]
    votes: np.ndarray

    def __post_init__(self) -> None:
        if self.votes.ndim != 2 or self.votes.shape[1] != len(self.functions):
            raise FatalError(
                f"Votes of {len(self.functions)} functions have the shape {self.votes.shape}.",
                fix="give one row an item and one column a labeling function.",
            )
        if self.votes.size and not ABSTAIN <= self.votes.min() <= self.votes.max() < len(self.classes):
            raise FatalError(
                f"Votes run from {self.votes.min()} to {self.votes.max()}; there are {len(self.classes)} classes.",
                fix=f"give the place of a class, from 0, or {ABSTAIN} to abstain.",
            )

    @property
    def covered(self) -> float:
        """The share of rows that some function votes on."""
        return float((self.votes != ABSTAIN).any(axis=1).mean()) if len(self.votes) else 0.0

    def report(self, truth: np.ndarray | None = None) -> tuple[FunctionReport, ...]:
        """One report a function; `truth` (n,) has the place of each row's class, ABSTAIN where it is not known."""
        rows = max(1, len(self.votes))
        voted = self.votes != ABSTAIN
        voters = voted.sum(axis=1, dtype=np.int32)
        # Votes of a row conflict if its least and its largest class differ; abstentions are in nobody's way.
        largest = self.votes.max(axis=1, initial=ABSTAIN)
        least = np.where(voted, self.votes, np.int8(127)).min(axis=1, initial=127)
        split = least < largest
        found = []
        for place, name in enumerate(self.functions):
            votes, here = self.votes[:, place], voted[:, place]
            known = here & (truth != ABSTAIN) if truth is not None else np.zeros(len(votes), dtype=bool)
            correct = int(np.count_nonzero(known & (votes == truth))) if truth is not None else 0
            polarity = np.unique(votes[here])
            found.append(
                FunctionReport(
                    name,
                    tuple(self.classes[c] for c in polarity),
                    coverage=np.count_nonzero(here) / rows,
                    overlaps=np.count_nonzero(here & (voters > 1)) / rows,
                    conflicts=np.count_nonzero(here & split) / rows,
                    correct=correct,
                    incorrect=int(np.count_nonzero(known)) - correct,
                )
            )
        return tuple(found)


def as_table(reports: Sequence[FunctionReport]) -> str:
    """The reports as lines of text, for a log."""
    width = max([len("function"), *(len(r.name) for r in reports)])
    head = f"{'function':<{width}}  coverage  overlaps  conflicts  accuracy  votes for"
    lines = [
        f"{r.name:<{width}}  {r.coverage:8.1%}  {r.overlaps:8.1%}  {r.conflicts:9.1%}"
        f"  {'' if np.isnan(r.accuracy) else format(r.accuracy, '.1%'):>8}  {', '.join(r.polarity) or 'nothing'}"
        for r in reports
    ]
    return "\n".join([head, *lines])
