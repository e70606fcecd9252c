"""Run a suite on a warehouse table with Great Expectations: counts are made in Postgres, no row leaves it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.errors

from include.core.errors import FatalError, RetriableError
from include.core.failpoints import failpoint
from include.core.refs import Outcome
from include.validate.predicates import judged_whole
from include.validate.quiet import quiet
from include.validate.suite import Expectation, Suite
from include.warehouse.connection import session_options
from include.warehouse.scans import PATIENCE, SCANS

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.datasource.fluent import PostgresDatasource

ROLE = "sluice_writer"
# Row detail doubles a checkpoint's cost and is cut at 200 rows: the counts decide, and rows.py finds the rows.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
_DATABASE_ERROR = re.compile(r"\(psycopg2\.(?:errors\.)?(\w+)\)")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a checkpoint said: one outcome an expectation, in the suite's order, and the result as JSON."""

    outcomes: tuple[Outcome, ...]
    raw: dict[str, Any]


@failpoint("checkpoint.run")
@quiet()
def run_checkpoint(
    warehouse_url: str, schema: str, table: str, suite: Suite, run_id: str, *, patience: float = PATIENCE
) -> Checked:
    """Judge `schema.table` by the suite. `run_id` (DAG run and the task's try) names the evidence.

    An expectation that raised, or that Great Expectations returned no or several results for, has an
    outcome with an `exception`. Raises RetriableError if the connection is lost on the way, or if somebody keeps
    readers out of the table for longer than `patience` seconds.
    """
    context = _context()
    with _source(context, warehouse_url, patience) as source:
        raw = _validate(context, source, (schema, table), suite, run_id).to_json_dict()
    outcomes = tuple(_outcome(expectation, raw["results"]) for expectation in suite.expectations)
    lost = [o.exception for o in outcomes if o.exception and _is_passing(o.exception)]
    if lost:
        raise _broke_off(schema, table, lost[0])
    return Checked(outcomes, raw)


@contextmanager
def _source(
    context: "EphemeralDataContext", warehouse_url: str, patience: float
) -> "Iterator[PostgresDatasource]":
    settings = SCANS | {"lock_timeout": f"{round(patience * 1000)}ms"}
    options = " ".join([session_options(ROLE), *(f"-c {name}={value}" for name, value in settings.items())])
    connect = {"options": options, "application_name": "sluice checkpoint", "connect_timeout": 10}
    # Great Expectations substitutes variables in the URL, so a password's `$` must not look like one.
    url = warehouse_url.replace("postgresql://", "postgresql+psycopg2://", 1).replace("$", "%24")
    add = context.data_sources.add_postgres
    source = add("warehouse", connection_string=url, kwargs={"connect_args": connect})  # type: ignore[call-arg]
    try:
        yield source
    finally:
        # Two pools: the one that tests the asset, and the one that judges it.
        source.get_engine().dispose()
        source.get_execution_engine().engine.dispose()


def _validate(
    context: "EphemeralDataContext", source: "PostgresDatasource", name: tuple[str, str], suite: Suite, run_id: str
) -> Any:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.datasource.fluent.interfaces import TestConnectionError

    schema, table = name
    try:
        asset = source.add_table_asset(table, table_name=table, schema_name=schema)
        batch = asset.add_batch_definition_whole_table("whole")
        definition = gx.ValidationDefinition(name=table, data=batch, suite=_as_gx(context, suite))
        checkpoint = gx.Checkpoint(
            name=table,
            validation_definitions=[context.validation_definitions.add(definition)],
            result_format=RESULT_FORMAT,
        )
        done = context.checkpoints.add(checkpoint).run(run_id=RunIdentifier(run_name=run_id))
    except (gx.exceptions.GreatExpectationsError, TestConnectionError) as error:
        if _is_passing(str(error)):
            raise _broke_off(schema, table, _without_values(str(error))) from error
        raise FatalError(
            f"Great Expectations could not judge {schema}.{table}: {error}",
            fix="read the task's log; if the table is gone, clear the run from its build task on.",
        ) from error
    (result,) = done.run_results.values()
    return result


def _as_gx(context: "EphemeralDataContext", suite: Suite) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    return context.suites.add(
        gx.ExpectationSuite(
            name=suite.name,
            expectations=[
                ExpectationConfiguration(
                    type=e.type,
                    kwargs=dict(e.kwargs),
                    meta={**e.meta, "rule": e.rule, "dimension": e.dimension},
                    severity=FailureSeverity(e.severity),
                )
                for e in suite.expectations
            ],
        )
    )


def _outcome(expectation: Expectation, results: list[dict[str, Any]]) -> Outcome:
    mine = [r for r in results if r["expectation_config"]["meta"]["rule"] == expectation.rule]
    result: dict[str, Any] = {}
    exception: str | None = f"Great Expectations returned {len(mine)} results for it, not one"
    if len(mine) == 1:
        exception, result = _exception(mine[0].get("exception_info") or {}), mine[0].get("result") or {}
    observed = result.get("observed_value")
    return Outcome(
        rule=expectation.rule,
        type=expectation.type,
        column=", ".join(expectation.columns) or None,
        severity=expectation.severity,
        row_level=expectation.row_level,
        success=not exception and bool(mine[0]["success"]),
        exception=exception,
        unexpected=result.get("unexpected_count") if expectation.row_level else None,
        observed=None if observed is None else str(observed)[:500],
        whole=judged_whole(expectation),
        dimension=expectation.dimension,
    )


def _exception(info: Mapping[str, Any]) -> str | None:
    """The first message: exception_info is one record, or one a metric."""
    records = [info] if "raised_exception" in info else list(info.values())
    raised = [r for r in records if r.get("raised_exception")]
    if not raised:
        return None
    message = str(raised[0].get("exception_message") or "it raised an exception without a message")
    return _without_values(message)


def _without_values(message: str) -> str:
    """A message on one line, without the statement that SQLAlchemy adds: its parameters may be values of rows."""
    return " ".join(message.partition("[SQL:")[0].split())[:500]


def _broke_off(schema: str, table: str, message: str) -> RetriableError:
    return RetriableError(
        f"The warehouse broke off while {schema}.{table} was checked: {message}",
        fix="see the server's log if it goes on; Airflow tries the task again by itself.",
    )


def _is_passing(message: str) -> bool:
    """Whether a message speaks of the server's state (a lost connection, a full disk), not of the expectation."""
    named = _DATABASE_ERROR.search(message)
    kind = getattr(psycopg2.errors, named[1], None) or getattr(psycopg2, named[1], None) if named else None
    return isinstance(kind, type) and issubclass(kind, psycopg2.OperationalError)


def _context() -> "EphemeralDataContext":
    """A context that lives in memory: file contexts break when two processes write to them."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)
