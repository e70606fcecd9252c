"""Dataset SQL over history: what a table was as of a batch, and every way to get it wrong."""

import pytest

from include.core.errors import FatalError
from include.warehouse.asof import pin, render
from include.warehouse.connection import transaction

HISTORY = """
CREATE TABLE landing."shop_Order lines" (id int, "the price" numeric,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing."shop_Order lines" VALUES
    (1, 10, 1, 5, 1), (2, 20, 1, NULL, 1), (3, 30, 2, 4, 1), (1, 11, 5, NULL, 2), (4, 40, 6, NULL, 2);
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'a', 1, 4, '{}', 0, '2026-01-01Z'), ('shop', 'b', 5, 6, '{}', 0, '2026-01-02Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'Order lines', 1, 'shop_Order lines',
    '[{"name": "id"}, {"name": "the price"}]', '{id}');
"""


@pytest.fixture
def history(warehouse_url):
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(HISTORY)
    return warehouse_url


def rows(url, path, as_of_batch=None):
    with transaction(url) as connection, connection.cursor() as cursor:
        query = render(connection, path, pin(connection, ("shop",), as_of_batch))
        cursor.execute(query.text)
        return sorted(cursor.fetchall())


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "lines.sql"
    path.write_text("SELECT * FROM {{ source('shop', 'Order lines') }} AS lines;\n")
    return path


def test_a_table_reads_as_it_stood_at_each_batch_and_as_it_is_now(history, query):
    assert rows(history, query, 1) == [(1, 10), (2, 20)]
    assert rows(history, query) == [(1, 11), (2, 20), (4, 40)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT * FROM {{ source('shop', 'refunds') }}", "'refunds' of source 'shop' is not landed"),
        ("SELECT * FROM {{ source('bank', 'payments') }}", "does not declare"),
        ("SELECT * FROM {{ ref('shop') }}", "not a valid template"),
        ("SELECT {{ ''.__class__.__mro__ }}", "not a valid template"),
        ("SELECT *, now() FROM {{ source('shop', 'Order lines') }} AS lines", r"lines\.sql uses now\(\)"),
    ],
)
def test_a_faulty_template_is_refused_with_the_fix(history, query, text, says):
    query.write_text(text)
    with pytest.raises(FatalError, match=says) as caught:
        rows(history, query)
    assert caught.value.fix


def test_a_source_that_was_never_collected_says_which_dag_to_run(warehouse_url):
    with (
        transaction(warehouse_url) as connection,
        pytest.raises(FatalError, match="Nothing has been collected") as e,
    ):
        pin(connection, ("shop",))
    assert "collect_shop" in e.value.fix
