"""Ask a person about a held run, and keep the answer: on record, about what was shown, and in time."""

import logging
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError, GateRejected
from include.core.refs import Augmented
from include.specs import Dataset
from include.validate.doubts import doubts
from include.validate.question import Question, question
from include.validate.suite import load_suite, stored
from include.warehouse.approvals import Word, approval, as_fact, say, shown, standing, words
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation, recorded
from include.warehouse.versions import PROVENANCE, column_types

log = logging.getLogger(__name__)

STAGES = ("gate", "audit")
NEW_RUN = "mend the data or the suite, and trigger a new run."


def ask(
    warehouse_url: str,
    dataset: Dataset,
    augmented: Augmented,
    *,
    suites: Path,
    at: datetime,
    report_url: str = "",
) -> Question | None:
    """The question about an audited run, on record as asked at `at`; None if neither gate nor audit holds it.

    Asking again takes an approval back. A question that is still open keeps its time, and a rejection stays:
    GateRejected, as where that time is over.
    """
    run = augmented.gated.candidate.run
    with transaction(warehouse_url) as connection:
        gate, audit = _judged(connection, dataset, run)
        if not held(gate, audit):
            return None
        digest = shown(connection, run, dataset.name)
        if (word := standing(words(connection, run, dataset.name))) and word.decision == "reject":
            raise _rejected(dataset, run, word)
        still_open = word.until if word and word.decision == "ask" else None
        until = still_open or at + timedelta(hours=dataset.gate.approve_within)
        if at <= until:
            with connection.cursor() as cursor:
                # Nobody is asked about rows that a sweep has taken away.
                column_types(cursor, augmented.table)
            found = (
                *doubts(
                    connection, gate, augmented.gated.table, stored(suites, dataset.name),
                    partial(load_suite, suites, dataset.name, dataset.columns),
                ),
                *doubts(
                    connection, audit, augmented.table, stored(suites, f"{dataset.name}_audit"),
                    partial(load_suite, suites, f"{dataset.name}_audit", (*dataset.columns, *PROVENANCE)),
                ),
            )  # fmt: skip
            say(connection, run, dataset.name, Word("ask", None, "", digest, at, until))
            return question(gate, audit, found, until=until, report_url=report_url)
    raise _lapsed(warehouse_url, dataset, run, at)


def answer(
    warehouse_url: str, dataset: Dataset, run: str, *, approve: bool, by: str, reason: str, at: datetime
) -> datetime | None:
    """Record what `by` answered at `at`, and return None.

    An approval without a reason is no answer: returns until when a better one is waited for. Raises GateRejected
    for a rejection, and for an answer that came too late, which is recorded as none.
    """
    with transaction(warehouse_url) as connection:
        asked = _asked(connection, dataset, run)
        if asked.until is not None and at > asked.until:
            word = Word("reject", None, f"{by} answered after {asked.until:%Y-%m-%d %H:%M} UTC", asked.shown, at)
        elif approve and not reason.strip():
            return asked.until
        else:
            word = Word("approve" if approve else "reject", by, reason.strip(), asked.shown, at)
        say(connection, run, dataset.name, word)
    if word.decision == "reject":
        raise _rejected(dataset, run, word)
    log.info("run %s of %s was approved by %s: %s", run, dataset.name, word.by, word.reason)
    return None


def lapse(warehouse_url: str, dataset: Dataset, run: str, *, at: datetime) -> None:
    """Record that nobody answered in time, and raise GateRejected."""
    raise _lapsed(warehouse_url, dataset, run, at)


def approved(connection: Connection, dataset: Dataset, run: str) -> dict[str, Any] | None:
    """The approval of a held run as it stands now, for its manifest; None for a run that nothing held.

    Raises GateRejected where somebody rejected it, FatalError where nobody approved it.
    """
    if not held(*(recorded(connection, run, dataset.name, stage) for stage in STAGES)):
        return None
    said = words(connection, run, dataset.name)
    if (word := standing(said)) and word.decision == "reject":
        raise _rejected(dataset, run, word)
    if found := approval(said, shown(connection, run, dataset.name)):
        return as_fact(found, said)
    raise FatalError(
        f"Run {run} of {dataset.name} was held, and nobody has approved it as it stands.",
        fix="answer the form of its task approve, or clear that task to be asked again.",
    )


def held(*judged: Validation | None) -> bool:
    """Whether gate or audit hold the run."""
    return any(found is not None and found.decision.decision == "hold" for found in judged)


def _judged(connection: Connection, dataset: Dataset, run: str) -> tuple[Validation, Validation]:
    gate, audit = (recorded(connection, run, dataset.name, stage) for stage in STAGES)
    if gate is None or audit is None:
        raise FatalError(
            f"Run {run} of {dataset.name} has not been judged by gate and audit: nobody can be asked about it.",
            fix="clear the run from its validate task on.",
        )
    return gate, audit


def _lapsed(warehouse_url: str, dataset: Dataset, run: str, at: datetime) -> GateRejected:
    with transaction(warehouse_url) as connection:
        asked = _asked(connection, dataset, run)
        word = Word("reject", None, f"nobody answered by {asked.until:%Y-%m-%d %H:%M} UTC", asked.shown, at)
        say(connection, run, dataset.name, word)
    return _rejected(dataset, run, word)


def _asked(connection: Connection, dataset: Dataset, run: str) -> Word:
    word = standing(words(connection, run, dataset.name))
    if word is None or word.decision == "approve":
        raise FatalError(
            f"Nobody was asked about run {run} of {dataset.name}: there is nothing to answer.",
            fix="clear the run's task approve to be asked.",
        )
    if word.decision == "reject":
        raise _rejected(dataset, run, word)
    return word


def _rejected(dataset: Dataset, run: str, word: Word) -> GateRejected:
    who = f"{word.by} rejected it" + (f": {word.reason}" if word.reason else "") if word.by else word.reason
    return GateRejected(
        f"Run {run} of {dataset.name} was held for its warnings, and {who}. The published version stands.",
        fix=NEW_RUN,
    )
