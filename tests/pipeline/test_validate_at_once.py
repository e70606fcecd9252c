"""Candidates that are judged at once: no judgement fails, is lost or is made twice."""

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from time import sleep

import pytest

from include.core.errors import GateRejected
from include.core.refs import GateDecision
from include.pipeline.validate import validate
from include.validate.suite import load_suite
from include.warehouse.connection import transaction
from include.warehouse.validations import Validation, record
from tests.pipeline.judging import AT, PAYMENTS, RULES, candidate, judged, query, write_suite


def test_a_task_taken_for_dead_finds_what_the_other_decided(warehouse_url, tmp_path):
    found = candidate(warehouse_url)
    refused = GateDecision(decision="reject", reasons=("it said so",))
    other = Validation(
        run=found.run, dataset="pay", stage="gate", decision=refused,
        rows=13, passed=8, quarantined=5, reasons={}, outcomes=(), batches={"shop": 3}, suite_hash="h",
        report="pay/manual_1/gate.html", at=AT,
    )  # fmt: skip
    with ThreadPoolExecutor() as pool:
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sluice.validate'), hashtext('pay'))")
            record(connection, other)
            late = pool.submit(judged, warehouse_url, tmp_path, found)
            while not query(warehouse_url, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert not late.done()
                sleep(0.02)
        with pytest.raises(GateRejected, match="it said so"):
            late.result(timeout=30)


def judge_in_turn(warehouse_url, tmp_path, worker):
    """Two runs, each on a dataset that other processes judge at the same time."""
    for number in range(2):
        name = f"pay_{(worker + number) % 3}"
        dataset = PAYMENTS.model_copy(update={"name": name})
        found = candidate(warehouse_url, run=f"worker {worker}, {number}").model_copy(update={"dataset": name})
        folder = tmp_path / name
        validate(warehouse_url, dataset, found, suites=folder, reports=tmp_path / "reports", at=AT)


def test_eight_processes_validate_at_once_and_no_judgement_fails_or_is_lost(warehouse_url, tmp_path):
    rules = [rule for rule in RULES if rule[3] in {"enough", "id_unique", "amount_positive"}]
    for number in range(3):
        written = write_suite(tmp_path / f"pay_{number}", rules) / "pay.json"
        written.rename(written.with_name(f"pay_{number}.json"))
    # What this imports (Great Expectations) forked processes need not import again.
    load_suite(tmp_path / "pay_0", "pay_0", PAYMENTS.columns)
    started = [
        get_context("fork").Process(target=judge_in_turn, args=(warehouse_url, tmp_path, worker))
        for worker in range(8)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * 8
    judged = query(warehouse_url, "SELECT run, decision, passed, quarantined, report FROM sluice.validations")
    runs = {f"worker {worker}, {number}" for worker in range(8) for number in range(2)}
    assert {run for run, *_ in judged} == runs
    assert {tuple(figures) for _, *figures, _ in judged} == {("publish", 9, 4)}
    assert all((tmp_path / "reports" / page).is_file() for *_, page in judged)
    kept = " UNION ALL ".join(f"SELECT run FROM quarantine.pay_{number}" for number in range(3))
    assert query(warehouse_url, f"SELECT run, count(*) FROM ({kept}) AS kept GROUP BY run ORDER BY run") == [
        (run, 4) for run in sorted(runs)
    ]
