"""What a server keeps for a slot is measured, and told before its disk or the slot is at risk."""

from contextlib import closing

import pytest

from include.collect.postgres.lag import GIB, Lag, measure, warning
from include.specs import PostgresSource
from include.warehouse.connection import connect


def test_lag_is_the_log_written_since_the_slot_s_position_and_is_told_as_the_run_begins(shop):
    shop.collect()
    shop.execute("INSERT INTO items SELECT g, repeat('x', 500) FROM generate_series(1, 2000) g")
    told = {}
    with closing(connect(shop.url)) as connection, connection.cursor() as cursor:
        before = measure(cursor, shop.source.slot)
        assert before.retained >= before.behind > 1_000_000
        shop.collect(gauge=told.__setitem__)
        assert told.keys() == {"retained_bytes", "lag_bytes"}
        assert told["lag_bytes"] >= before.behind
        assert measure(cursor, "nobody's") is None


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        (Lag(GIB, GIB, None), None),
        (
            Lag(5 * GIB, GIB, None),
            "the server keeps 5.00 GiB of log for the slot, more than 4.00 GiB: run the collection",
        ),
        (Lag(2 * GIB, GIB, GIB), None),
        (
            Lag(2 * GIB, GIB, GIB // 2),
            "the server gives the slot up after 0.50 GiB more of log, and it was 1.00 GiB",
        ),
    ],
)
def test_a_warning_comes_before_the_disk_or_the_slot_is_at_risk(lag, said):
    found = warning(lag, 4 * GIB)
    assert found is None if said is None else found.startswith(said)


def test_the_warning_is_logged_with_the_sources_own_limit(shop, caplog):
    shop.collect()
    shop.execute("INSERT INTO items VALUES (1, 'a')")
    shop.collect(retained_warning=1)
    assert "the server keeps 0.00 GiB of log for the slot" in caplog.text
    assert PostgresSource(name="s", connection="x", tables=("t",)).retained_warning == 4 * GIB
