"""Part the rows of a candidate while Great Expectations still counts: neither leaves the other's core idle."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.refs import Candidate, Outcome
from include.specs import Dataset
from include.validate.checkpoint import Checked, run_checkpoint
from include.validate.rows import Verdict, judge, pass_on, refuse_disagreement, row_rules, to_judge
from include.validate.suite import Expectation, Suite
from include.warehouse.staging import table_name

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Parting:
    """What is parted by which suite: the run's candidate into the tables `bad` and `passed`, in staging."""

    dataset: Dataset
    candidate: Candidate
    suite: Suite

    @property
    def bad(self) -> str:
        return table_name(self.dataset.name, self.candidate.run, "bad")

    @property
    def passed(self) -> str:
        return table_name(self.dataset.name, self.candidate.run, "passed")


@dataclass(frozen=True, slots=True)
class Parted:
    """The verdict on the rows, and how many passed."""

    verdict: Verdict
    passed: int


def check_and_part(
    warehouse_url: str,
    connection: Connection,
    parting: Parting,
    run_id: str,
    meanwhile: Callable[[Parted], Found],
) -> tuple[Checked, Parted, Found]:
    """The checkpoint's word, the rows parted by it, into tables of the caller's transaction, and what `meanwhile`
    finds of them.

    Bad rows are sought by all rules that may fail, on all cores; then Great Expectations reads the candidate in a
    session of its own while the others are copied, which takes one core, and `meanwhile` is called, in the same
    transaction. Where it lets a rule's bad rows stay (`mostly`), or could not judge it, all of that is undone, the
    rows are parted once more and `meanwhile` is called again. Raises what `run_checkpoint` and `part` raise.
    """
    with connection.cursor() as cursor, ThreadPoolExecutor(1, "checkpoint") as pool:
        cursor.execute("SAVEPOINT ahead")
        verdict = _sought(cursor, connection, parting)
        table, suite = parting.candidate.table, parting.suite
        checking = pool.submit(run_checkpoint, warehouse_url, "staging", table, suite, run_id)
        early = None
        if verdict:
            parted = Parted(verdict, _pass(connection, parting))
            early = parted, meanwhile(parted)
        checked = checking.result()
        rules = to_judge(suite, checked.outcomes)
        if early is None or early[0].verdict.reasons.keys() != {rule.rule for rule in rules}:
            cursor.execute("ROLLBACK TO SAVEPOINT ahead")
            parted = part(connection, parting, checked.outcomes)
            return checked, parted, meanwhile(parted)
        cursor.execute("RELEASE SAVEPOINT ahead")
    refuse_disagreement(early[0].verdict, rules, checked.outcomes)
    return checked, *early


def part(connection: Connection, parting: Parting, outcomes: Sequence[Outcome]) -> Parted:
    """Part the rows when Great Expectations has spoken.

    Raises FatalError where it counted other bad rows than are found, and where SQL fails.
    """
    rules = to_judge(parting.suite, outcomes)
    verdict = _judge(connection, parting, rules)
    refuse_disagreement(verdict, rules, outcomes)
    return Parted(verdict, _pass(connection, parting))


def _sought(cursor: Cursor, connection: Connection, parting: Parting) -> Verdict | None:
    """The bad rows by all rules that may fail; None if SQL fails, which Great Expectations is first to say."""
    try:
        return _judge(connection, parting, row_rules(parting.suite))
    except FatalError:
        cursor.execute("ROLLBACK TO SAVEPOINT ahead")
        return None


def _judge(connection: Connection, parting: Parting, rules: Sequence[Expectation]) -> Verdict:
    return judge(connection, parting.candidate.table, parting.dataset.key, parting.bad, rules)


def _pass(connection: Connection, parting: Parting) -> int:
    return pass_on(connection, parting.dataset, parting.candidate.table, parting.bad, parting.passed)
