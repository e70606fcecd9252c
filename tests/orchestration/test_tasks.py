"""What the tasks make of a run's form and of what was landed, in a task's context but without a server."""

import pytest

from include.catalog import dataset
from include.core.refs import BatchRef


def landed(batch, changes, rejected=0):
    return BatchRef(
        source="shop", batch=batch, position=f"1:1:0/{batch}", seq_to=batch, changes=changes, rejected=rejected
    )


class Told(list):
    """The asset's last events; it stands for Airflow's accessor, which asks the API server."""

    def ascending(self, ascending):
        assert ascending is False
        return self

    def limit(self, limit):
        return self[:limit]


class Event:
    def __init__(self, batch):
        self.extra = {"batch": batch}


@pytest.fixture
def context(airflow_home):
    """A task's context, as Airflow sets it around `execute`: the assets' events and the run's form."""
    from airflow.sdk.execution_time.context import OutletEventAccessors, set_current_context

    from include.orchestration.assets import source_asset

    found = {
        "outlet_events": OutletEventAccessors(),
        "inlet_events": {source_asset("shop"): Told()},
        "params": {"seed": 7, "as_of_batch": None},
    }
    with set_current_context(found):
        yield found


@pytest.mark.parametrize("told", [[], [Event(1)]])
def test_a_batch_that_was_never_announced_is_announced(context, told):
    from include.orchestration.assets import source_asset
    from include.orchestration.tasks import _announce

    context["inlet_events"][source_asset("shop")].extend(told)
    _announce("shop", landed(2, {"payments": 3}))
    assert context["outlet_events"][source_asset("shop")].extra["batch"] == 2


@pytest.mark.parametrize(("newest", "told"), [(None, []), (landed(2, {"payments": 3}), [Event(2)])])
def test_no_news_skips_the_task_and_so_the_asset(context, newest, told):
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.assets import source_asset
    from include.orchestration.tasks import _announce

    context["inlet_events"][source_asset("shop")].extend(told)
    with pytest.raises(AirflowSkipException, match="nothing new in shop"):
        _announce("shop", newest)
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
