"""What the tasks make of a run's form and of what was landed, in a task's context but without a server."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

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


def test_a_reconciliation_proves_the_landing_equal_or_names_what_is_not(
    context, monkeypatch, source_url, warehouse_url
):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration import tasks
    from include.sample.shop import REVIEWS, SCHEMA, shop_transaction
    from include.warehouse.connection import transaction

    key = {"conn_type": "generic", "login": "k1", "password": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
    monkeypatch.setenv("AIRFLOW_CONN_SLUICE_KEY_PEOPLE", json.dumps(key))
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", source_url)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    with shop_transaction(source_url) as connection:
        connection.cursor().execute(SCHEMA.read_text() + REVIEWS.read_text())
        connection.cursor().execute("INSERT INTO products VALUES (1, 'hat', 'hats', 9, 'warm', '{}')")
    context["dag_run"] = SimpleNamespace(run_id="manual__1", start_date=datetime(2026, 5, 1, tzinfo=UTC))
    context["params"] = {"batch_changes": 10}
    proof = tasks.reconcile.function("shop")
    assert (proof["source"], proof["tables"][1]["table"], proof["tables"][1]["landed_rows"]) == (
        "shop",
        "products",
        1,
    )
    with transaction(warehouse_url) as connection:
        connection.cursor().execute("UPDATE landing.shop_products SET price = 1")
    with pytest.raises(AirflowFailException, match="products: 0 rows are missing, 0 are too many, 1 differ"):
        tasks.reconcile.function("shop")


HISTORY = """
CREATE TABLE landing.shop_customers (id bigint, _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_customers VALUES (42, 1, 2, 1), (7, 1, NULL, 1);
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'a', 1, 2, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key)
    VALUES ('shop', 'customers', 1, 'shop_customers', '[{"name": "id"}]', '{id}');
CREATE TABLE staging.made (customer_id bigint, _id text, _origin text, _parents text[]);
INSERT INTO staging.made VALUES (42, '1', 'real', '{}');
SELECT sluice.publish('payment_fraud', 'made', 'f', '{}', '2026-01-01Z');
"""


def test_an_erasure_s_tasks_take_the_form_and_hand_on_no_key(context, monkeypatch, warehouse_url, tmp_path, capfd):
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration import tasks
    from include.warehouse.connection import transaction

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    monkeypatch.setenv("SLUICE_REPORTS", str(tmp_path))
    monkeypatch.setenv("SLUICE_STORAGE", tmp_path.as_uri())
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(HISTORY)
    receipt = "7c0ffee7" * 4
    context["dag_run"] = SimpleNamespace(run_id="manual__1", start_date=datetime(2026, 5, 1, tzinfo=UTC))
    context["params"] = {"secret_key": "42", "secret_confirmation": "42", "secret_receipt": receipt}
    assert tasks.survey.function("shop") == ["curate_payment_fraud"]
    with pytest.raises(AirflowFailException, match="run curate_payment_fraud, then erase again"):
        tasks.erase.function("shop")
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(
            "CREATE TABLE staging.made AS SELECT customer_id, _id, _origin, _parents FROM datasets.payment_fraud"
            " WHERE false; SELECT sluice.publish('payment_fraud', 'made', 'g', '{}', '2026-01-02Z')"
        )
    assert tasks.erase.function("shop") == {
        "request": "shop/manual__1",
        "source": "shop",
        "removed": {
            "datasets.payment_fraud_v1": 1, "label_results.reviews": 0, "label_rounds.reviews": 0,
            "label_sent.reviews": 0, "landing.shop_customers": 1, "reports": 0, "sheets.reviews": 0,
            "staging.payment_fraud": 0, "staging.reviews": 0,
        },
        "retired": {"payment_fraud": [1]},
    }  # fmt: skip
    assert tasks.verify.function("shop") == {
        "request": "shop/manual__1", "about_this_key": True, "held": {}, "unseen": {}, "untold": {},
    }  # fmt: skip
    assert receipt not in "".join(capfd.readouterr())
    context["params"]["secret_key"] = context["params"]["secret_confirmation"] = "7"
    with pytest.raises(AirflowFailException, match="about another key"):
        tasks.verify.function("shop")
