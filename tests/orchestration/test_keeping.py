"""What the tasks on versions make of a form: who moved what, and why; nothing else is taken from it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from include.specs import Retention
from include.warehouse.connection import transaction

THREE = (
    "CREATE TABLE staging.made (_id text); SELECT sluice.publish('payment_fraud', 'made', '{n}', '{{}}', now())"
)
SHOWN = {"dataset": "payment_fraud", "version": 2, "was": 3, "pinned": True}


@pytest.fixture
def run(airflow_home, monkeypatch, warehouse_url):
    """A run by Ada over a warehouse with three versions: its form."""
    from airflow.sdk.execution_time.context import OutletEventAccessors, set_current_context

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    for n in range(3):
        with transaction(warehouse_url) as connection:
            connection.cursor().execute(THREE.format(n=n))
    found = {
        "outlet_events": OutletEventAccessors(),
        "params": {},
        "dag_run": SimpleNamespace(
            run_id="manual__1", start_date=datetime(2026, 5, 1, tzinfo=UTC), triggering_user_name="ada"
        ),
    }
    with set_current_context(found):
        yield found


def told(url, query):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_a_roll_back_takes_its_form_tells_the_readers_and_names_who_ran_it(run, warehouse_url):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration import keeping
    from include.orchestration.assets import dataset_asset

    run["params"] = {"version": 2, "pin": True, "why": "drift", "who": "mallory"}
    assert keeping.roll_back.function("payment_fraud") == SHOWN
    assert run["outlet_events"][dataset_asset("payment_fraud")].extra == SHOWN
    moves = told(warehouse_url, "SELECT version, who, why FROM sluice.pointer_moves ORDER BY move DESC LIMIT 1")
    assert moves == [(2, "ada manual__1", "drift")]
    for params in ({"version": 9, "pin": False, "why": "x"}, {"version": "2", "pin": False, "why": "x"},
                   {"version": 1, "pin": "no", "why": "x"}, {"version": 1, "pin": False, "why": ""}):  # fmt: skip
        run["params"] = params
        with pytest.raises(AirflowFailException):
            keeping.roll_back.function("payment_fraud")
    assert told(warehouse_url, "SELECT version, pinned FROM sluice.current_versions") == [(2, True)]


def test_a_tag_is_put_on_and_retention_keeps_it(run, warehouse_url, monkeypatch):
    from include import catalog
    from include.orchestration import keeping

    run["params"] = {"tag": "paper", "version": 1, "why": "cited"}
    assert keeping.tag.function("payment_fraud") == {"1": ["paper"]}
    kept = catalog.dataset("payment_fraud").model_copy(update={"retention": Retention(keep=1)})
    monkeypatch.setattr(catalog, "dataset", lambda name: kept)
    expected = {
        "dataset": "payment_fraud",
        "dropped": [2],
        "kept": {"1": "tagged paper", "3": "one of the newest 1"},
    }
    for dry_run in (True, False):
        run["params"] = {"dry_run": dry_run}
        assert keeping.retain.function("payment_fraud") == expected | {"dry_run": dry_run}
    run["params"] = {"tag": "paper", "version": None, "why": "done"}
    assert keeping.tag.function("payment_fraud") == {}


def test_a_rebuild_takes_the_version_of_its_form_and_fails_with_what_is_missing(run, monkeypatch, tmp_path):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration import keeping

    monkeypatch.setenv("SLUICE_STORAGE", tmp_path.as_uri())
    for version, shown in ((2, 2), (None, 3)):
        run["params"] = {"version": version}
        with pytest.raises(
            AirflowFailException, match=f"manifest of payment_fraud_v{shown} is none of this release"
        ):
            keeping.rebuild.function("payment_fraud")
