"""Two versions of a line, compared: what the source, the suite and the SQL have to do with it."""

import pytest

from include.core.errors import FatalError
from include.pipeline.compare import compare
from include.warehouse.connection import transaction
from tests.pipeline.lines import FRAUD, Line


def test_two_versions_differ_in_rows_suite_sql_and_facts_and_one_not_from_itself(warehouse_url, tmp_path):
    line = Line(warehouse_url, tmp_path)
    line.curate(FRAUD)
    line.move_on()
    line.curate(FRAUD, "run_2")
    with transaction(line.url) as connection:
        found, same = compare(connection, "fraud", 1, 2), compare(connection, "fraud", 1, 1)
        with pytest.raises(FatalError, match="fraud_v3 does not exist; there is 2, 1"):
            compare(connection, "fraud", 1, 3)
    reals = [(row.split, row.label, row.added, row.removed, row.changed) for row in found.diff.rows
             if row.origin == "real" and row.split == "test"]  # fmt: skip
    assert reals == [("test", "false", 0, 6, 24), ("test", "true", 0, 0, 2)]
    assert found.diff.cells["score"] == found.diff.count("changed")
    assert found.suites["gate"].removed == ("amount: expect_column_values_to_be_between",)
    assert found.sql[-1].endswith("WHERE true")
    told = {fact.name: (fact.before, fact.after) for fact in found.facts}
    assert told["sources.shop.batch"] == ("1", "2")
    assert told["gate.passed"] == ("197", "175")
    assert (same.diff.count("same"), same.facts, same.suites, same.sql) == (305, (), {}, ())
