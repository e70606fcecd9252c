"""Part the rows of a candidate while Great Expectations still counts: neither leaves the other's core idle."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.core.refs import Candidate, Outcome
from include.specs import Dataset
from include.validate.checkpoint import Checked, run_checkpoint
from include.validate.rows import Verdict, judge, pass_on, refuse_disagreement, row_rules, to_judge
from include.validate.suite import Expectation, Suite
from include.warehouse.staging import table_name


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
    warehouse_url: str, connection: Connection, parting: Parting, run_id: str
) -> tuple[Checked, Parted]:
    """The checkpoint's word, and the rows parted by it, into tables of the caller's transaction.

    Great Expectations reads the candidate in a session of its own while the rows are parted by all rules that may
    fail. Where it then lets a rule's bad rows stay (`mostly`), or could not judge it, they are parted once more.
    Raises what `run_checkpoint` and `part` raise.
    """
    with ThreadPoolExecutor(1, "checkpoint") as pool:
        checking = pool.submit(
            run_checkpoint, warehouse_url, "staging", parting.candidate.table, parting.suite, run_id
        )
        early = _ahead(connection, parting)
        checked = checking.result()
    rules = to_judge(parting.suite, checked.outcomes)
    if early is None or early.verdict.reasons.keys() != {rule.rule for rule in rules}:
        return checked, part(connection, parting, checked.outcomes)
    refuse_disagreement(early.verdict, rules, checked.outcomes)
    return checked, early


def part(connection: Connection, parting: Parting, outcomes: Sequence[Outcome]) -> Parted:
    """Part the rows when Great Expectations has spoken.

    Raises FatalError where it counted other bad rows than are found, and where SQL fails.
    """
    rules = to_judge(parting.suite, outcomes)
    found = _part(connection, parting, rules)
    refuse_disagreement(found.verdict, rules, outcomes)
    return found


def _ahead(connection: Connection, parting: Parting) -> Parted | None:
    """The rows parted before it has; None if SQL fails, which Great Expectations is first to say."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT ahead")
        try:
            found = _part(connection, parting, row_rules(parting.suite))
        except FatalError:
            cursor.execute("ROLLBACK TO SAVEPOINT ahead")
            found = None
        cursor.execute("RELEASE SAVEPOINT ahead")
    return found


def _part(connection: Connection, parting: Parting, rules: Sequence[Expectation]) -> Parted:
    dataset, candidate = parting.dataset, parting.candidate.table
    verdict = judge(connection, candidate, dataset.key, parting.bad, rules)
    return Parted(verdict, pass_on(connection, dataset, candidate, parting.bad, parting.passed))
