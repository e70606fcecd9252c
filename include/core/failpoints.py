"""Break a chosen step of a run on purpose, so that tests can prove what follows; unarmed, nothing of it is there.

A step is a function under `@failpoint(name)`. In a process that was not started to be broken the decorator hands
the function back as it is, so a step costs what it would cost without. docs/adr/0012 says why it is in production.
"""

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Self, TypeVar

from include.core.errors import FatalError, RetriableError

log = logging.getLogger(__name__)

# Every step that can be broken, in the order in which a run meets them: of a collection, a curation, a round of
# labelling, an export.
COLLECTING = (
    "source.lock", "source.check", "landing.sweep", "publication.put", "slot.drop", "slot.create", "snapshot.open",
    "snapshot.copy", "stream.start", "stream.relation", "stream.update", "stream.truncate", "stream.batch",
    "pass.settle", "landing.apart", "landing.part", "landing.create", "landing.adapt", "landing.copy",
    "landing.merge", "landing.fill", "landing.takeover", "landing.index", "landing.retake", "landing.record",
    "landing.land", "landing.commit", "acknowledgement",
)  # fmt: skip
CURATING = (
    "build.create", "build.commit", "checkpoint.run", "gate.judge", "gate.pass", "gate.quarantine", "report.draft",
    "report.place", "judgement.record", "gate.commit", "balance.add", "balance.remove", "balance.commit",
    "images.plan", "images.store", "shard.commit", "gather.commit", "audit.hold", "audit.fingerprint",
    "audit.check", "audit.commit", "publish.hold", "publish.prove", "publish.move", "publish.commit", "sweep",
)  # fmt: skip
LABELLING = ("round.record", "round.send", "round.sent", "answers.take", "labels.land", "round.settle")
EXPORTING = ("export.part", "export.deliver", "export.record")
STEPS = (*COLLECTING, *CURATING, *LABELLING, *EXPORTING)

# `reject` raises before the step and `fail` after it was done; `hang` waits for ever before the step, and `kill`
# ends the process after it, as `kill -9` does. So of each step both sides are cut.
ACTIONS = ("reject", "fail", "hang", "kill")

# Two settings, of which neither does anything alone: none is set by an accident.
SWITCH, SWITCHED_ON = "SLUICE_FAULTS", "break this process on purpose"
SETTING = "SLUICE_FAILPOINT"

Step = TypeVar("Step", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens when a step is reached for the `hit`-th time; written as `step=action` or `step=action:hit`."""

    step: str
    action: str
    hit: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        step, _, rest = text.partition("=")
        action, _, hit = rest.partition(":")
        if step not in STEPS or action not in ACTIONS or not (hit or "1").isdigit():
            raise FatalError(
                f"{text!r} is no fault.",
                fix=f"write step=action:hit; steps are {', '.join(STEPS)}, actions {', '.join(ACTIONS)}.",
            )
        return cls(step, action, int(hit or "1"))


# How often each step was reached, in a process that may be broken; threads may reach one at once.
hits: Counter[str] = Counter()
_counting = threading.Lock()
_switched_on = os.environ.get(SWITCH) == SWITCHED_ON
_armed: Fault | None = None


def failpoint(name: str) -> Callable[[Step], Step]:
    """Declare that the decorated function is a step that can be broken."""
    if name not in STEPS:
        raise FatalError(f"There is no step {name!r}.", fix="add it to STEPS in include/core/failpoints.py.")

    def place(step: Step) -> Step:
        return _breakable(name, step) if _switched_on else step

    return place


def arm(fault: Fault) -> None:
    """Let the fault happen once. Raises FatalError unless this process was started to be broken."""
    global _armed  # noqa: PLW0603  # one fault a process
    if not _switched_on:
        raise FatalError(
            f"This process is not to be broken, so {fault} was not armed.",
            fix=f"start it with {SWITCH}={SWITCHED_ON!r}, and never where data matter.",
        )
    log.critical("FAULTS ARE ARMED: %s. This process will break.", fault)
    _armed = fault
    hits.clear()


def _breakable(name: str, step: Step) -> Step:
    @wraps(step)
    def reached(*args: Any, **kwargs: Any) -> Any:
        with _counting:
            hits[name] += 1
            hit = hits[name]
        if _armed is None or _armed.step != name or _armed.hit != hit:
            return step(*args, **kwargs)
        return _break(_armed, step, *args, **kwargs)

    return reached  # type: ignore[return-value]


def _break(fault: Fault, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    log.critical("%s: %s", fault.step, fault.action)
    if fault.action == "hang":
        while True:
            time.sleep(3600)
    if fault.action != "reject":
        step(*args, **kwargs)
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise RetriableError(f"Step {fault.step} was broken on purpose ({fault.action}).", fix="run again.")


if (setting := os.environ.get(SETTING)) is not None:
    if _switched_on:
        arm(Fault.parse(setting))
    else:
        log.error("%s is set and was ignored: without %s no process is broken.", SETTING, SWITCH)
