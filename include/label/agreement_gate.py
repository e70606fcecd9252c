"""The agreement gate's decision: whether a round of labels may reach the data, as a pure function."""

from include.core.refs import GateDecision
from include.label.agreement import Agreement


def judge(agreement: Agreement, min_agreement: float | None) -> GateDecision:
    """`reject` a round whose agreement is below `min_agreement` or undefined, else `publish`.

    Judged is the value, not its interval; that the interval reaches below the bound is told as a warning. With
    `min_agreement` None nothing is asked of a round, and undefined agreement is a warning.
    """
    if agreement.value is None:
        said = f"agreement ({agreement.measure}) is undefined: {agreement.why}"
        if min_agreement is None:
            return GateDecision(decision="publish", warnings=(said,))
        return GateDecision(decision="reject", reasons=(f"{said}; {min_agreement:g} is asked for",))
    words = f", {agreement.words}" if agreement.words else ""
    told = f"agreement ({agreement.measure}) is {agreement.value:.3f}{words}{_interval(agreement)}"
    if min_agreement is None:
        return GateDecision(decision="publish")
    if agreement.value < min_agreement:
        where = f"over {agreement.items} items by {agreement.annotators} annotators"
        return GateDecision(decision="reject", reasons=(f"{told}, {where}; {min_agreement:g} is asked for",))
    unsure = agreement.low is None or agreement.low < min_agreement
    warnings = (f"{told}: {min_agreement:g} may not be reached",) if unsure else ()
    return GateDecision(decision="publish", warnings=warnings)


def _interval(agreement: Agreement) -> str:
    if agreement.low is None or agreement.high is None:
        return " (too few items for an interval)"
    return f" (95 % interval {agreement.low:.3f} to {agreement.high:.3f})"
