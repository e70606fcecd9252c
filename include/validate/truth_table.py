"""The gate's policy as a truth table: `decide` is asked about every case, and its answers are printed."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from include.core.refs import GateDecision, Outcome
from include.specs import GatePolicy
from include.validate.gate import decide


@dataclass(frozen=True, slots=True)
class Case:
    """A line of the truth table: a candidate of `rows` rows, `rejected` of them bad, and what was found on it."""

    severity: str
    found: str
    outcomes: tuple[Outcome, ...]
    rows: int = 100
    rejected: int = 0


# The policy of the table: 10 of the 100 rows may be bad.
ALLOWED = 0.1


def cases() -> Iterator[Case]:
    """Every severity and level with everything that can be found, then what is not an expectation's to say."""
    fine = _outcome("info", row_level=False, success=True)
    for severity in ("critical", "warning", "info"):
        for row_level in (True, False):
            name = f"{severity}, of {'rows' if row_level else 'the table'}"
            yield Case(name, "holds", (_outcome(severity, row_level, success=True),))
            failed = (_outcome(severity, row_level),)
            if severity == "critical" and row_level:
                yield Case(name, "fails in `max_rejected` of the rows or fewer", failed, rejected=10)
                yield Case(name, "fails in more rows", failed, rejected=11)
                yield Case(name, "fails, and its rows are not found", failed)
            else:
                yield Case(name, "fails", failed)
            yield Case(name, "raises, or has no result", (_outcome(severity, row_level, exception="raised"),))
    yield Case("any", "the candidate is empty", (fine,), rows=0)
    yield Case("any", "nothing was judged", ())
    yield Case("critical and warning", "the critical one is rejected, the warning fails",
               (_outcome("critical", False), _outcome("warning", True)))  # fmt: skip
    yield Case("critical and warning", "the critical one fails in few rows, the warning fails",
               (_outcome("critical", True), _outcome("warning", True)), rejected=10)  # fmt: skip


def truth_table() -> str:
    """What `decide` answers to every case, under both policies, as a table in Markdown."""
    lines = [
        '| severity | what is found | `on_warning="publish"` | `on_warning="approve"` |',
        "| --- | --- | --- | --- |",
    ]
    for case in cases():
        policies = (GatePolicy(max_rejected=ALLOWED, on_warning=word) for word in ("publish", "approve"))
        answers = (_answer(case, decide(case.outcomes, case.rows, case.rejected, policy)) for policy in policies)
        lines.append(f"| {case.severity} | {case.found} | {' | '.join(answers)} |")
    return "\n".join(lines)


def _answer(case: Case, decided: GateDecision) -> str:
    parts = [f"**{decided.decision}**"]
    if case.rejected:
        parts.append("quarantine the bad rows")
    if decided.warnings:
        parts.append("tell the warning")
    if any(o.severity == "info" and not o.success and o.exception is None for o in case.outcomes):
        parts.append("record it")
    return ", ".join(parts)


def _outcome(severity: str, row_level: bool, *, success: bool = False, exception: str | None = None) -> Outcome:
    return Outcome(
        rule="rule", type="type", column=None, severity=severity, row_level=row_level, success=success,
        exception=exception, unexpected=10 if row_level and not success else None,
    )  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(f"{truth_table()}\n")
