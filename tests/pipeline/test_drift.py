"""What passed is compared with the published version: new rows with all of it, known rows with what they were."""

from datetime import UTC, datetime

import pytest

from include.pipeline.drift import compare
from include.specs import Dataset, Drift
from include.warehouse.connection import transaction
from include.warehouse.summaries import keep, kept
from include.warehouse.versions import begin, publish

AT = datetime(2026, 1, 2, tzinfo=UTC)
PAY = Dataset(
    name="pay", sources=("shop",), key="id", numeric=("amount",), categorical=("method",), passthrough=("note",),
    label="fraud", drift=Drift(severity="warning"),
)  # fmt: skip
COLUMNS = "id, amount, method, note, fraud, id::text AS _id, 'train' AS _split"
# Row n of a payment of any day: amounts of 0 to 100, two methods in three, one fraud in ten.
ROW = """SELECT n AS id, (n * 7919 % 1000) / 10.0 AS amount, (ARRAY['card', 'card', 'cash'])[1 + n % 3] AS method,
    'note' AS note, n * 31 % 10 = 0 AS fraud"""


class Line:
    """A warehouse in which runs of `pay` are compared, and published."""

    def __init__(self, connection):
        self.connection = connection

    def passed(self, query):
        with self.connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS staging.passed")
            cursor.execute(f"CREATE TABLE staging.passed AS SELECT {COLUMNS} FROM ({query}) AS r")

    def compare(self, query, dataset=PAY):
        self.passed(query)
        return compare(self.connection, dataset, "passed")

    def publish(self, query, run="run 1", dataset=PAY, **manifest):
        found = self.compare(query, dataset)
        keep(self.connection, "pay", run, found.summaries)
        with self.connection.cursor() as cursor:
            begin(cursor, "made", "passed", dataset.columns)
        facts = {"run": run, "sources": [], **manifest}
        publish(self.connection, "pay", "made", run, facts, AT)


@pytest.fixture
def line(warehouse_url):
    with transaction(warehouse_url) as connection:
        yield Line(connection)


def rows(first, last, **changes):
    """The query of rows `first` to `last`, some of whose columns are changed."""
    made = ", ".join(f"{changes[name]} AS {name}" if name in changes else name for name in PAY.columns)
    return f"SELECT {made} FROM ({ROW} FROM generate_series({first}, {last}) AS n) AS r"


def drifted(compared):
    return [o.rule for o in compared.finding.outcomes if not o.success]


def test_without_a_declaration_nothing_is_compared_and_without_a_version_nothing_can_be(line):
    silent = line.compare(rows(1, 300), PAY.model_copy(update={"drift": None}))
    assert (silent.finding.outcomes, silent.finding.evidence, silent.summaries) == ((), {}, {})
    first = line.compare(rows(1, 300))
    assert (first.finding.outcomes, first.finding.evidence) == ((), {})
    assert {name: (s.kind, s.rows) for name, s in first.summaries.items()} == {
        "amount": ("number", 300), "method": ("word", 300), "fraud": ("word", 300),
    }  # fmt: skip


def test_new_rows_that_are_like_the_published_ones_raise_no_alarm(line):
    line.publish(rows(1, 2_000))
    found = line.compare(rows(1, 3_000))
    assert drifted(found) == []
    assert found.finding.evidence["rows"] == {"published": 2_000, "new": 1_000, "known": 2_000, "gone": 0}
    assert found.finding.evidence["version"] == 1
    assert found.summaries["amount"].rows == 3_000


def test_new_rows_that_differ_are_found_among_many_known_ones(line):
    line.publish(rows(1, 5_000))
    found = line.compare(f"{rows(1, 5_000)} UNION ALL {rows(5_001, 5_200, amount='amount * 1.5')}")
    assert drifted(found) == ["amount as published"]
    (outcome,) = (o for o in found.finding.outcomes if not o.success)
    assert (outcome.type, outcome.severity, outcome.row_level) == ("sluice_drift", "warning", False)
    assert outcome.dimension == "consistency"
    assert outcome.observed.startswith("new rows: PSI ")
    shift = found.finding.evidence["columns"]["amount"]["new"]
    assert (shift["drifted"], 0.6 < shift["mean_shift"] < 1.1) == (True, True)


def test_known_rows_that_were_all_rewritten_are_drift_too(line):
    line.publish(rows(1, 2_000))
    found = line.compare(rows(1, 2_000, method="CASE WHEN id % 2 = 0 THEN 'wallet' ELSE method END"))
    assert drifted(found) == ["method as published"]
    (outcome,) = (o for o in found.finding.outcomes if not o.success)
    assert outcome.observed.startswith("known rows: ") and "new: wallet" in outcome.observed
    assert found.finding.evidence["rows"] == {"published": 2_000, "new": 0, "known": 2_000, "gone": 0}


def test_a_label_that_is_out_of_its_balance_is_drift(line):
    line.publish(rows(1, 3_000))
    found = line.compare(rows(3_001, 4_000, fraud="id * 31 % 5 = 0"))
    assert drifted(found) == ["fraud as published"]
    bins = found.finding.evidence["columns"]["fraud"]["new"]["bins"]
    assert bins == [["false", 2_700, 800], ["true", 300, 200]]


def test_rows_that_are_gone_are_counted(line):
    line.publish(rows(1, 2_000))
    found = line.compare(rows(501, 2_100))
    assert found.finding.evidence["rows"] == {"published": 2_000, "new": 100, "known": 1_500, "gone": 500}


def test_the_summaries_that_were_kept_are_those_of_the_versions_table(line):
    line.publish(rows(1, 2_000))
    by_kept = line.compare(rows(2_001, 2_500)).finding
    line.publish(rows(1, 2_000), run="run 2", dataset=PAY.model_copy(update={"drift": None}))
    assert kept(line.connection, "pay", "run 2") == {}
    by_table = line.compare(rows(2_001, 2_500)).finding
    assert by_table.evidence["columns"].keys() == by_kept.evidence["columns"].keys()
    for name, both in by_table.evidence["columns"].items():
        assert both["new"]["bins"] == by_kept.evidence["columns"][name]["new"]["bins"]


def test_a_version_that_balancing_took_rows_from_is_no_measure_without_its_summaries(line):
    line.publish(rows(1, 500), dataset=PAY.model_copy(update={"drift": None}), removed=100)
    found = line.compare(rows(1, 800)).finding
    assert (found.outcomes, found.evidence["not_compared"]) == ((), ["amount", "method", "fraud"])


def test_a_column_that_the_version_does_not_have_is_not_compared(line):
    older = PAY.model_copy(update={"passthrough": (), "drift": Drift()})
    line.publish(rows(1, 500), dataset=older)
    asked = PAY.model_copy(update={"drift": Drift(columns=("amount", "note"))})
    found = line.compare(rows(1, 800), asked).finding
    assert [o.column for o in found.outcomes] == ["amount"]
    assert found.evidence["not_compared"] == ["note"]


def test_the_same_rows_give_the_same_figures(line):
    line.publish(rows(1, 1_000))
    query = rows(1_001, 1_400, amount="amount + 3")
    assert line.compare(query) == line.compare(f"SELECT * FROM ({query}) AS r ORDER BY md5(id::text)")
