"""What the tasks make of a run's form and of what was landed, in a task's context but without a server."""

import pytest

from include.catalog import dataset
from include.core.refs import BatchRef


def landed(batch, changes, rejected=0):
    return BatchRef(
        source="shop", batch=batch, position=f"1:1:0/{batch}", seq_to=batch, changes=changes, rejected=rejected
    )


@pytest.fixture
def context(airflow_home):
    """A task's context, as Airflow sets it around `execute`: outlets' events and the run's form."""
    from airflow.sdk.execution_time.context import OutletEventAccessors, set_current_context

    found = {"outlet_events": OutletEventAccessors(), "params": {"seed": 7, "as_of_batch": None}}
    with set_current_context(found):
        yield found


def test_news_is_announced_with_the_newest_batch(context):
    from include.orchestration.assets import source_asset
    from include.orchestration.tasks import _announce

    batches = [landed(1, {"payments": 3}), landed(2, {"payments": 0})]
    assert [batch["batch"] for batch in _announce("shop", batches)] == [1, 2]
    assert context["outlet_events"][source_asset("shop")].extra["batch"] == 2


def test_rejected_records_are_news_too(context):
    from include.orchestration.tasks import _announce

    assert _announce("shop", [landed(1, {"pages": 0}, rejected=2)])


@pytest.mark.parametrize("batches", [[], [landed(1, {})], [landed(1, {"payments": 0})]])
def test_no_news_skips_the_task_and_so_the_asset(context, batches):
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.assets import source_asset
    from include.orchestration.tasks import _announce

    with pytest.raises(AirflowSkipException, match="nothing new in shop"):
        _announce("shop", batches)
    assert context["outlet_events"][source_asset("shop")].extra == {}


def test_a_dataset_has_the_seed_of_the_form_and_else_what_was_declared(context):
    from include.orchestration.tasks import _seeded

    context["params"] = {"seed": 4711, "sources": ["other"], "gate": {"max_rejected": 1}}
    declared = dataset("payment_fraud")
    assert _seeded("payment_fraud") == declared.model_copy(update={"seed": 4711})


def test_a_collection_checks_its_form_before_it_connects_anywhere(context, monkeypatch):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration import tasks

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://u:p@127.0.0.1:1/warehouse")
    context["params"] = {"batch_changes": 0, "connection": "warehouse", "tables": ["pg_catalog.pg_authid"]}
    with pytest.raises(AirflowFailException, match="batch_changes = 0"):
        tasks.collect.function("shop")
