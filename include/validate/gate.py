"""The gate's decision, as a pure function of what the expectations said and how many rows were rejected."""

from collections.abc import Sequence

from include.core.refs import GateDecision, Outcome
from include.specs import GatePolicy


def decide(outcomes: Sequence[Outcome], rows: int, rejected: int, policy: GatePolicy) -> GateDecision:
    """Publish, hold or reject a candidate of `rows` rows, `rejected` of which broke a critical row-level rule.

    Rejected is: an empty candidate or one with no row left, any expectation that could not be judged
    (whatever its severity), a failed critical table-level expectation, a share of rejected rows above
    `policy.max_rejected`, and a failed critical row-level expectation whose rows were not found.
    Failed expectations of severity warning are told, and hold what is not rejected if
    `policy.on_warning` is `approve`; those of severity info are in the outcomes alone.
    """
    failed = [o for o in outcomes if not o.success and o.exception is None]
    critical = [o for o in failed if o.severity == "critical"]
    reasons = [] if outcomes else ["no expectation was judged"]
    if rows == 0:
        reasons.append("the candidate is empty")
    reasons += [f"{o.rule} could not be judged: {o.exception}" for o in outcomes if o.exception is not None]
    reasons += [_told(o) for o in critical if not o.row_level]
    if rows and rejected / rows > policy.max_rejected:
        reasons.append(
            f"{rejected} of {rows} rows are bad ({rejected / rows:.2%}, {policy.max_rejected:.2%} are allowed): "
            + ", ".join(f"{o.rule} {o.unexpected}" for o in critical if o.row_level)
        )
    elif rows and rejected == rows:
        reasons.append(f"none of {rows} rows passed")
    if not rejected:
        reasons += [f"{_told(o)}, but no bad row was found" for o in critical if o.row_level]
    warnings = [_told(o) for o in failed if o.severity == "warning"]
    decision = "reject" if reasons else policy.on_passing(warnings)
    return GateDecision(decision=decision, reasons=tuple(reasons), warnings=tuple(warnings))


def _told(outcome: Outcome) -> str:
    if outcome.row_level:
        return f"{outcome.rule} failed in {outcome.unexpected} row{'' if outcome.unexpected == 1 else 's'}"
    return f"{outcome.rule} failed" + (f": observed {outcome.observed}" if outcome.observed is not None else "")
