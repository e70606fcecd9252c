"""Building a candidate: the declared columns, nothing else, and a clean start for every retry."""

import pytest

from include.core.errors import FatalError
from include.pipeline.build import build
from include.specs import Dataset
from include.warehouse.connection import transaction
from include.warehouse.staging import sweep, table_name

LANDED = """
CREATE TABLE landing.shop_payments (id int, amount numeric, fraud boolean,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_payments VALUES (1, 9.5, false, 1, NULL, 1), (2, 8, true, 1, NULL, 1);
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'a', 1, 1, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'payments', 1, 'shop_payments',
    '[{"name": "id"}, {"name": "amount"}, {"name": "fraud"}]', '{id}');
"""
# Later the table had another column, which is landed under a name of its own.
RESHAPED = """
ALTER TABLE landing.shop_payments ADD fee__2 text;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'b', 2, 2, '{}', 0, '2026-01-02Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'payments', 2, 'shop_payments',
    '[{"name": "id"}, {"name": "amount"}, {"name": "fraud"}, {"name": "fee", "landed": "fee__2"}]', '{id}');
"""
PAYMENTS = Dataset(name="fraud", sources=("shop",), key="id", numeric=("amount",), label="fraud")


@pytest.fixture
def landed(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(LANDED)
    return warehouse_url


def sql_folder(tmp_path, text):
    (tmp_path / "fraud.sql").write_text(text)
    return tmp_path


def test_a_candidate_has_the_declared_columns_in_their_order(landed, tmp_path):
    folder = sql_folder(tmp_path, "SELECT fraud, amount, id FROM {{ source('shop', 'payments') }} p")
    for _retry in range(2):
        candidate = build(landed, PAYMENTS, "manual__2026-01-01T00:00:00+00:00", sql_folder=folder)
    assert (candidate.rows, candidate.batches) == (2, {"shop": 1})
    with transaction(landed) as connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM staging."{candidate.table}" ORDER BY 1')
        assert [c.name for c in cursor.description] == ["id", "amount", "fraud"]
        assert [(i, float(a), f) for i, a, f in cursor.fetchall()] == [(1, 9.5, False), (2, 8.0, True)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "SELECT id, amount FROM {{ source('shop', 'payments') }} p",
            r"lacks the declared columns fraud \(label\)",
        ),
        ("SELECT *, 1 AS extra FROM {{ source('shop', 'payments') }} p", "columns without a role: extra"),
        ("SELECT nothing FROM {{ source('shop', 'payments') }} p", 'column "nothing" does not exist'),
    ],
)
def test_columns_that_do_not_fit_the_roles_are_refused(landed, tmp_path, text, says):
    with pytest.raises(FatalError, match=says):
        build(landed, PAYMENTS, "r", sql_folder=sql_folder(tmp_path, text))


def test_sweeping_drops_the_datasets_tables_and_no_others(landed):
    mine, others = table_name("fraud", "r1", "passed"), table_name("fraudulent", "r1")
    with transaction(landed) as connection:
        connection.cursor().execute(f'CREATE TABLE staging."{mine}" (); CREATE TABLE staging."{others}" ()')
    assert sweep(landed, "fraud") == [mine]


def test_long_names_stay_within_postgres_limit_and_apart():
    run = "scheduled__2026-01-01T00:00:00+00:00"
    names = {table_name("d" * 40, run, part) for part in ("passed", "shard_1", "shard_2", "p" * 80, "p" * 81)}
    assert len(names) == 5
    assert max(map(len, names)) <= 63


def test_a_candidate_tells_the_source_of_each_column(landed, tmp_path):
    with transaction(landed) as connection:
        connection.cursor().execute(RESHAPED)
    folder = sql_folder(
        tmp_path,
        "SELECT id, amount + fee::numeric AS amount, fraud FROM {{ source('shop', 'payments') }} p"
        " WHERE fee <> ''",
    )

    def payments(column, by):
        return {"source": "shop", "table": "payments", "column": column, "by": by}

    assert build(landed, PAYMENTS, "r", sql_folder=folder).lineage == {
        "columns": {
            "id": [payments("id", "identity")],
            "amount": [payments("amount", "transformation"), payments("fee", "transformation")],
            "fraud": [payments("fraud", "identity")],
        },
        "rows": [payments("fee", "filter")],
        "tables": [{"source": "shop", "table": "payments", "landing": "shop_payments"}],
    }
    with transaction(landed) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'staging'::regnamespace"
        )
        assert cursor.fetchall() == []


def test_a_dataset_whose_lineage_cannot_be_told_is_built_all_the_same(landed, tmp_path, caplog, monkeypatch):
    # What a later server's tree may look like.
    monkeypatch.setattr("include.warehouse.column_lineage.parse", lambda text: [])
    folder = sql_folder(tmp_path, "SELECT id, amount, fraud FROM {{ source('shop', 'payments') }} p")
    candidate = build(landed, PAYMENTS, "r", sql_folder=folder)
    assert (candidate.rows, candidate.lineage) == (2, {})
    assert "the column lineage of fraud cannot be told: ValueError" in caplog.text
