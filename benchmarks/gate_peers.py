"""Twenty expectations with every bad row kept, against Great Expectations alone and against pandera on pandas."""

import importlib.util
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._databases import AT, Databases, databases, execute, scaled
from benchmarks._gate import PAYMENTS, RULES, make_candidate, write_suite
from benchmarks.harness import report
from include.core.refs import Candidate
from include.pipeline.validate import validate
from include.validate.quiet import quiet
from include.warehouse.connection import engine
from include.warehouse.staging import sweep

ROWS = 2_000_000
ROUNDS = 3
GOAL = 2.0
GREAT_EXPECTATIONS, PANDERA = "Great Expectations, COMPLETE with keys", "pandera on pandas, load included"
MISSING = "not measured: the module pandera is not installed"


def run() -> dict[str, Any]:
    """Rows a second of each in turn; the ratio is that to the faster peer.

    Sluice also writes the good rows with their split, and its report. Great Expectations' answer holds a part of
    the bad rows, whatever it is asked for; pandera finds them all, and pandas writes them back.
    """
    rows = scaled(ROWS)
    spent: dict[str, list[float]] = {"ours": [], GREAT_EXPECTATIONS: [], PANDERA: []}
    peers = {GREAT_EXPECTATIONS: _great_expectations}
    if importlib.util.find_spec("pandera"):
        peers[PANDERA] = _pandera
    with databases() as places, tempfile.TemporaryDirectory() as home:
        suites = write_suite(Path(home))
        places.make_warehouse()
        for number in range(ROUNDS + 1):
            candidate = make_candidate(places, rows if number else 1000, f"run {number}")
            execute(places.admin, "CHECKPOINT")
            begun = time.perf_counter()
            validate(places.warehouse, PAYMENTS, candidate, suites=suites, reports=suites / "reports", at=AT)
            round_of = {"ours": time.perf_counter() - begun}
            for name, peer in peers.items():
                execute(places.admin, "CHECKPOINT")
                begun = time.perf_counter()
                peer(places, candidate)
                round_of[name] = time.perf_counter() - begun
            sweep(places.warehouse, PAYMENTS.name)
            # The first round, on a few rows, is for the imports.
            for name, seconds in round_of.items() if number else ():
                spent[name].append(rows / seconds)
    medians = {name: statistics.median(values) for name, values in spent.items() if values}
    fastest = max(peers, key=medians.__getitem__)
    return report(
        "gate_peers", f"rows a second through 20 expectations, {rows:,} rows", spent["ours"], spent[fastest],
        goal=GOAL, peer=fastest, unit="rows/s", at_least=True,
        figures={f"{name}, rows/s": medians.get(name, MISSING) for name in (GREAT_EXPECTATIONS, PANDERA)},
    )  # fmt: skip


@quiet()
def _great_expectations(places: Databases, candidate: Candidate) -> None:
    """The checkpoint that its documentation shows, asked for every bad row's key."""
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    url = places.admin.replace("postgresql://", "postgresql+psycopg2://", 1)
    source = context.data_sources.add_postgres("warehouse", connection_string=url)
    asset = source.add_table_asset("rows", table_name=candidate.table, schema_name="staging")
    batch = asset.add_batch_definition_whole_table("whole")
    entries = [ExpectationConfiguration(type=rule.type, kwargs=dict(rule.kwargs)) for rule in RULES.values()]
    suite = context.suites.add(gx.ExpectationSuite(name="payments", expectations=entries))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="rows", data=batch, suite=suite))
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
    checkpoint = gx.Checkpoint(name="rows", validation_definitions=[definition], result_format=wanted)
    context.checkpoints.add(checkpoint).run()
    source.get_engine().dispose()


def _pandera(places: Databases, candidate: Candidate) -> None:
    """The same rules as a schema with all failures collected, and the bad rows written back with their reasons.

    The good rows stay in memory: nothing is asked of pandas for them.
    """
    import pandas as pd
    import pandera.pandas as pa

    from benchmarks._gate import EMAIL, REFERENCE

    connected = engine(places.warehouse)
    frame = pd.read_sql_table(candidate.table, connected, schema="staging")
    check, column = pa.Check, pa.Column
    schema = pa.DataFrameSchema(
        {
            "id": column(nullable=False, unique=True),
            "customer": column(nullable=False),
            "paid_at": column(checks=check.ge(pd.Timestamp("2026-01-01", tz="UTC"))),
            "fraud": column(checks=check.isin([0, 1])),
            "amount": column(nullable=False, checks=check.ge(0)),
            "total": column(nullable=False),
            "items": column(checks=check.in_range(1, 20)),
            "score": column(checks=check.in_range(0, 1), nullable=True),
            "age": column(checks=[check.ge(18), check(lambda ages: 1 <= ages.std() <= 100)]),
            "method": column(checks=check.isin(["card", "cash", "debit", "wire"])),
            "country": column(checks=check.str_length(2, 2)),
            "currency": column(checks=check.isin(["EUR"])),
            "email": column(checks=check.str_matches(EMAIL)),
            "reference": column(checks=check.str_matches(REFERENCE)),
        },
        checks=[
            check(lambda rows: (rows["amount"] == rows["total"]) | rows["total"].isna()),
            check(lambda rows: len(rows) >= 2),
            check(lambda rows: 1 <= rows["amount"].mean() <= 1000),
        ],
    )
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        reasons = found.failure_cases.dropna(subset=["index"]).groupby("index")["check"].agg(",".join)
        bad = frame.loc[reasons.index].assign(reasons=reasons)
        # Under a name that is swept with the run's.
        bad.to_sql("payments__bad", connected, schema="staging", index=False, if_exists="replace")
    connected.dispose()
