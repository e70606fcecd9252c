"""An old batch that is built again: its version is there, and the view stays at the newest state."""

import json
from datetime import UTC, datetime

import pytest

from include.pipeline.audit import audit
from include.pipeline.augment import unchanged
from include.pipeline.build import build
from include.pipeline.publish import publish
from include.pipeline.validate import validate
from include.specs import Dataset
from include.warehouse.connection import transaction

# Batch 1 has payments 1 to 6, batch 2 adds payment 7, batch 3 takes it back.
HISTORY = """
CREATE TABLE landing.shop_payments (id int, amount int, fraud boolean,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_payments
    SELECT n, n * 10, n % 2 = 0, 1, NULL, 1 FROM generate_series(1, 6) AS n UNION ALL SELECT 7, 70, true, 2, 3, 2;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at) VALUES
    ('shop', 'a', 1, 1, '{}', 0, '2026-01-01Z'), ('shop', 'b', 2, 2, '{}', 0, '2026-01-02Z'),
    ('shop', 'c', 3, 3, '{}', 0, '2026-01-03Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'payments', 1, 'shop_payments',
    '[{"name": "id"}, {"name": "amount"}, {"name": "fraud"}]', '{id}');
"""
AT = datetime(2026, 1, 4, tzinfo=UTC)
FRAUD = Dataset(name="fraud", sources=("shop",), key="id", numeric=("amount",), label="fraud")
ENOUGH = {
    "type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}, "severity": "critical",
    "meta": {"rule": "enough"},
}  # fmt: skip


@pytest.fixture
def line(warehouse, tmp_path):
    """Curates the dataset as of a batch: (version, new, current, the payments that the view then shows)."""
    warehouse.execute(HISTORY)
    (tmp_path / "fraud.sql").write_text("SELECT * FROM {{ source('shop', 'payments') }} AS payments")
    for suite in ("fraud", "fraud_audit"):
        (tmp_path / f"{suite}.json").write_text(json.dumps({"name": suite, "expectations": [ENOUGH]}))
    judged = {"suites": tmp_path, "reports": tmp_path / "reports", "at": AT}

    def curate(run, as_of_batch=None):
        candidate = build(warehouse.url, FRAUD, run, as_of_batch=as_of_batch, sql_folder=tmp_path)
        made = unchanged(warehouse.url, FRAUD, validate(warehouse.url, FRAUD, candidate, **judged))
        version = publish(warehouse.url, FRAUD, audit(warehouse.url, FRAUD, made, **judged), at=AT, code="c0ffee")
        ((shown,),) = warehouse.execute("SELECT count(*) FROM datasets.fraud")
        return version.version, version.new, version.current, shown

    curate.url = warehouse.url
    return curate


def test_an_old_batch_that_is_built_again_leaves_the_view_at_the_newest(line, caplog):
    assert line("run_1", 2) == (1, True, True, 7)
    assert line("run_2", 1) == (2, True, False, 7)
    assert "the view datasets.fraud stays: it shows newer batches than {'shop': 1}" in caplog.text
    assert line("run_3", 1) == (2, False, False, 7)


def test_bytes_that_come_back_in_a_newer_batch_move_the_view_and_keep_it(line):
    assert line("run_1", 1) == (1, True, True, 6)
    assert line("run_2", 2) == (2, True, True, 7)
    assert line("run_3") == (1, False, True, 6)
    assert line("run_4", 2) == (2, False, False, 6)


def test_whoever_points_the_view_back_is_followed_from_there(line):
    line("run_1", 1)
    line("run_2", 2)
    with transaction(line.url) as connection:
        connection.cursor().execute("SELECT sluice.point_at('fraud', 1)")
    assert line("run_3", 2) == (2, False, True, 7)
