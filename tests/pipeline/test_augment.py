"""From a gated table to a version's rows, in a real database: balanced, or as they are."""

import numpy as np
import pytest

from include.augment import train
from include.augment.tabular import Made, Train
from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.pipeline.augment import balance, unchanged
from include.specs import Balance, Dataset
from include.warehouse.connection import transaction

FRAUD = Dataset(
    name="fraud", sources=("shop",), key="id", group="customer", time="paid_at", numeric=("amount", "hour"),
    passthrough=("reference",), label="is_fraud", balance=Balance(method="smote", neighbours=2), seed=7,
)  # fmt: skip
PAYMENTS = """
CREATE TABLE staging.fraud_gated AS
SELECT n AS id, 'c' || n % 9 AS customer, '2026-01-01Z'::timestamptz + n * interval '1 hour' AS paid_at,
    round((n * 37 % 101)::numeric / 7, 2)::numeric(10, 2) AS amount, n * 5 % 24 AS hour, 'ref ' || n AS reference,
    n % 8 = 0 AS is_fraud, n::text AS _id, CASE n % 10 WHEN 3 THEN 'test' ELSE 'train' END AS _split
FROM generate_series(1, 120) n
"""


@pytest.fixture
def payments(warehouse):
    warehouse.execute(PAYMENTS)
    return warehouse


def declared(method, **changes):
    return FRAUD.model_copy(update={"balance": Balance(**({"method": method, "neighbours": 2} | changes))})


def test_made_rows_join_the_real_ones_with_all_that_is_known_of_them(payments, gated):
    made = balance(payments.url, FRAUD, gated(FRAUD, 120))
    assert (made.method, made.made, made.removed) == ("smote", 78, 0)
    counted = f'SELECT is_fraud, _split, _origin, count(*) FROM staging."{made.table}" GROUP BY 1, 2, 3'
    assert payments.execute(f"{counted} ORDER BY 1, 2, 3") == [
        (False, "test", "real", 12), (False, "train", "real", 93),
        (True, "train", "real", 15), (True, "train", "smote", 78),
    ]  # fmt: skip
    row = payments.execute(
        "SELECT id, customer, paid_at, reference, is_fraud, _split, _method, _params - 'weight', _seed, _parents,"
        f" _id, pg_typeof(amount)::text FROM staging.\"{made.table}\" WHERE _id LIKE 'smote:1:%%'",
    )[0]
    assert row[:9] == (
        None, None, None, None, True, "train", "smote", {"ratio": 1.0, "neighbours": 2, "impute": None},
        seed_of("fraud", 7, "smote"),
    )  # fmt: skip
    assert row[10] == f"smote:1:{row[9][0]}:{row[9][1]}"


def test_stored_values_are_those_between_the_parents_rounded_to_the_columns_type(payments, gated):
    made = balance(payments.url, FRAUD, gated(FRAUD, 120))
    wrong = payments.execute(
        f"""SELECT m._id FROM staging."{made.table}" m JOIN staging.fraud_gated a ON a._id = m._parents[1]
        JOIN staging.fraud_gated b ON b._id = m._parents[2],
            LATERAL (SELECT (m._params ->> 'weight')::float8 AS w) p
        WHERE abs(m.amount - (a.amount + w * (b.amount - a.amount))) > 0.0051
            OR abs(m.hour - (a.hour + w * (b.hour - a.hour))) > 0.5001""",
    )
    assert wrong == []


def test_real_rows_are_carried_over_as_they_are(payments, gated):
    made = unchanged(payments.url, FRAUD, gated(FRAUD, 120))
    columns = "id, customer, paid_at, amount, hour, reference, is_fraud, _id, _split"
    assert payments.execute(f'SELECT {columns} FROM staging."{made.table}" EXCEPT SELECT {columns}'
                            " FROM staging.fraud_gated") == []  # fmt: skip
    assert payments.execute(f'SELECT DISTINCT _origin, _parents, _method, _seed FROM staging."{made.table}"') == [
        ("real", [], None, None)
    ]
    assert (made.method, made.made, made.removed) == ("none", 0, 0)


def test_a_retry_and_another_order_of_rows_make_the_same_rows(payments, gated):
    first = payments.content(balance(payments.url, FRAUD, gated(FRAUD, 120)).table)
    payments.execute("CREATE TABLE staging.shuffled AS SELECT * FROM staging.fraud_gated ORDER BY id * 7919 % 121")
    again = balance(payments.url, FRAUD, gated(FRAUD, 120, table="shuffled"))
    assert payments.content(again.table) == first


def test_another_seed_makes_other_rows(payments, gated):
    first = payments.content(balance(payments.url, FRAUD, gated(FRAUD, 120)).table)
    again = balance(payments.url, FRAUD.model_copy(update={"seed": 8}), gated(FRAUD, 120))
    assert payments.content(again.table) != first


def test_random_over_sampling_copies_features_and_group_but_not_the_key(payments, gated):
    made = balance(payments.url, declared("random_over"), gated(FRAUD, 120))
    assert made.made == 78
    assert payments.execute(
        f"""SELECT count(*), count(m.id), count(m.reference), count(*) FILTER (WHERE cardinality(m._parents) = 1)
        FROM staging."{made.table}" m JOIN staging.fraud_gated p ON p._id = m._parents[1]
        WHERE (m.customer, m.amount, m.hour, m.is_fraud) = (p.customer, p.amount, p.hour, p.is_fraud)""",
    ) == [(78, 0, 0, 78)]


def test_random_under_sampling_leaves_out_train_rows_alone(payments, gated):
    made = balance(payments.url, declared("random_under", ratio=0.5), gated(FRAUD, 120))
    assert (made.made, made.removed) == (0, 63)
    counted = f'SELECT is_fraud, _split, count(*) FROM staging."{made.table}" GROUP BY 1, 2 ORDER BY 1, 2'
    assert payments.execute(counted) == [(False, "test", 12), (False, "train", 30), (True, "train", 15)]


def test_categories_go_through_smotenc_as_text(payments, gated):
    payments.execute(
        "ALTER TABLE staging.fraud_gated ADD abroad boolean; UPDATE staging.fraud_gated SET abroad = id % 3 = 0"
    )
    mixed = declared("smotenc").model_copy(update={"categorical": ("abroad",)})
    made = balance(payments.url, mixed, gated(FRAUD, 120))
    assert payments.execute(
        f"SELECT count(*), count(abroad) FROM staging.\"{made.table}\" WHERE _origin = 'smote'"
    ) == [(78, 78)]


@pytest.mark.parametrize("label", ["is_fraud", "is_fraud::integer", "'ä' || is_fraud"])
@pytest.mark.parametrize("method", ["smote", "smotenc"])
def test_what_is_sent_as_it_is_stored_is_what_postgres_would_cast(payments, gated, monkeypatch, method, label):
    payments.execute(
        f"""CREATE TABLE staging.typed AS SELECT id, amount::float8, hour, hour::smallint AS small,
        id * 10::bigint AS big, (amount / 3)::real AS single, id % 3 = 0 AS abroad, 'ä ' || id % 4 AS shop,
        {label} AS label, _id, _split
        FROM staging.fraud_gated"""
    )
    typed = Dataset(
        name="typed", sources=("shop",), key="id", numeric=("amount", "hour", "small", "big", "single"),
        categorical=("abroad", "shop") if method == "smotenc" else (), label="label",
        balance=Balance(method=method, neighbours=2),
    )  # fmt: skip
    sent = payments.content(balance(payments.url, typed, gated(typed, 120, table="typed")).table)
    monkeypatch.setattr(train, "SENT", {})
    cast = balance(payments.url, typed, gated(typed, 120, table="typed"))
    assert (payments.content(cast.table), cast.made) == (sent, 78)


def test_a_weight_of_any_size_is_written_as_postgres_writes_the_number(payments, gated):
    weight = np.array([0.0, 1.0, 0.5, 0.1, 1 / 3, 1e-4, 1e-5, 1.5e-7, 1e-16, 0.1 + 0.2, 1 - 2**-53])
    every = {
        "labels": np.array(["true"] * 11),
        "numeric": np.ones((11, 2)),
        "categorical": np.empty((11, 0), object),
    }
    rows = Train(ids=np.array(["1"] * 11, object), numeric_names=FRAUD.numeric, categorical_names=(), **every)
    pairs = {"first": np.zeros(11, np.int64), "second": np.zeros(11, np.int64)}
    made = Made(weight=weight, removed=np.empty(0, np.int64), **pairs, **every)
    target = unchanged(payments.url, FRAUD, gated(FRAUD, 120)).table
    with transaction(payments.url) as connection:
        train.add(
            connection, FRAUD, FRAUD.balance, gated="fraud_gated", target=target, train=rows, made=made, seed=7
        )
    written = payments.execute(
        "SELECT (_params -> 'weight')::text, to_jsonb((_params ->> 'weight')::float8)::text,"
        f" (_params ->> 'weight')::float8 FROM staging.\"{target}\" WHERE _origin = 'smote'"
    )
    assert [row[0] for row in written] == [row[1] for row in written]
    assert sorted(row[2] for row in written) == sorted(weight)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("ALTER TABLE staging.fraud_gated DROP is_fraud", r"lacks is_fraud \(label\); it has id, .*Fix: select"),
        ("DROP TABLE staging.fraud_gated", "staging.fraud_gated does not exist.*Fix: trigger a new run"),
        ("UPDATE staging.fraud_gated SET is_fraud = NULL WHERE id < 3", "label is_fraud is missing in 2 of 108"),
        ("UPDATE staging.fraud_gated SET amount = NULL WHERE id < 4", "amount is missing in 2 of 108.*impute"),
        (
            "UPDATE staging.fraud_gated SET is_fraud = true",
            r"two classes or more in train; found 'true' \(108 rows\)",
        ),
        (
            "ALTER TABLE staging.fraud_gated ALTER hour TYPE text",
            "hour of dataset fraud has the type text.*Fix: declare it categorical",
        ),
    ],
)
def test_bad_input_is_refused_with_what_is_wrong_and_the_fix(payments, gated, change, says):
    payments.execute(change)
    with pytest.raises(FatalError, match=says):
        balance(payments.url, FRAUD, gated(FRAUD, 120))
