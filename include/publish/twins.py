"""What a comparison of a version's splits found: rows that are alike in two of them, and what chance explains."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from include.core.refs import Outcome
from include.specs import Leakage
from include.specs.leakage import Kind

# Pairs of ids that evidence and report name.
EXAMPLES = 10
# Twins that are judged one by one, those with the fewest others like them first.
MOST = 20_000


def pairs_across(sizes: Sequence[int]) -> int:
    """How many pairs have their rows in two splits, which are of these sizes."""
    return (sum(sizes) ** 2 - sum(size**2 for size in sizes)) // 2


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison: `found` twins in two splits, of which `leaks` are more than chance explains.

    `rows` were compared, `pairs` of them in two splits; `by_chance` is how many twins a table without leaks holds
    on average, where that can be said; `noticed` is the share of rows of which one twin alone would be a leak.
    `examples` are pairs of ids, the most surprising first. `note` says what was not compared, and why.
    """

    kind: Kind
    rule: str
    column: str | None = None
    rows: int = 0
    pairs: int = 0
    found: int = 0
    leaks: int = 0
    by_chance: float | None = None
    noticed: float | None = None
    allowed: int = 0
    examples: tuple[tuple[str, str], ...] = ()
    note: str | None = None

    def outcome(self, declared: Leakage) -> Outcome:
        by_chance = f" ({self.by_chance:.3g} by chance)" if self.by_chance is not None else ""
        observed = f"{self.found} in {self.rows} rows{by_chance}"
        if self.leaks:
            named = ", ".join(f"{first!r} and {second!r}" for first, second in self.examples[:3])
            observed = f"{self.leaks} of {observed}, such as {named}"
        return Outcome(
            rule=self.rule,
            type="sluice_leakage",
            column=self.column,
            severity=declared.severity_of(self.kind),
            row_level=False,
            success=not self.leaks,
            observed=self.note or observed,
            dimension="uniqueness",
        )

    def evidence(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rule": self.rule,
            "column": self.column,
            "rows": self.rows,
            "pairs": self.pairs,
            "found": self.found,
            "by_chance": self.by_chance,
            "leaks": self.leaks,
            "noticed": self.noticed,
            "allowed": self.allowed,
            "examples": [list(pair) for pair in self.examples],
            "note": self.note,
        }


@dataclass(slots=True)
class Twins:
    """Pairs of ids in two splits, each with the number of twins as surprising that chance makes on average."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)
    allowed: int = 0

    def add(self, first: str, second: str, expected: float, allow: frozenset[str]) -> None:
        if first in allow or second in allow:
            self.allowed += 1
        else:
            self.pairs.append((first, second))
            self.expected.append(float(expected))

    def judged(self, declared: Leakage) -> tuple[int, tuple[tuple[str, str], ...]]:
        """How many are leaks, and the most surprising of them."""
        from include.publish.chance import unexplained

        leaks = unexplained(self.expected, declared.false_alarms)
        order = sorted(range(len(self.pairs)), key=lambda place: (self.expected[place], self.pairs[place]))
        return leaks, tuple(self.pairs[place] for place in order[: min(leaks, EXAMPLES)])
