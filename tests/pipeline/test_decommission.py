"""A source is left only by who types its name, and never half without saying so."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg2
import pytest

from include.core.errors import FatalError
from include.pipeline.collect import collect_postgres
from include.pipeline.decommission import decommission
from include.specs import PostgresSource
from include.warehouse.connection import transaction

AT = datetime(2026, 5, 1, tzinfo=UTC)


def at_source(url, query):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else None


def kept_for(source, url):
    """What the server keeps for the source: the names of its slot and its publication."""
    slots = at_source(url, "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")
    return [*slots, *at_source(url, "SELECT pubname FROM pg_publication")]


@pytest.fixture
def source(source_url, warehouse_url):
    """A source of one row that has been collected."""
    name = "s" + source_url.rsplit("_", 1)[1]
    at_source(source_url, "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)")
    source = PostgresSource(name=name, connection="x", tables=("items",))
    collect_postgres(source, source_url, warehouse_url, at=AT)
    return source


@pytest.mark.parametrize("confirmation", ["", "yes", "S{}", "{} "])
def test_without_the_source_s_name_nothing_is_dropped(source, source_url, confirmation):
    typed = confirmation.format(source.name[1:] if confirmation.startswith("S") else source.name)
    with pytest.raises(FatalError, match="the confirmation must be its name") as caught:
        decommission(source, source_url, confirmation=typed)
    assert f"decommission_{source.name}" in caught.value.fix
    assert kept_for(source, source_url) == [(source.slot,), (source.publication,)]


def test_slot_and_publication_go_and_what_was_landed_stays(source, source_url, warehouse_url):
    dropped = decommission(source, source_url, confirmation=source.name)
    assert dropped == [f"slot {source.slot}", f"publication {source.publication}"]
    assert kept_for(source, source_url) == []
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM landing.{source.name}_items")
        assert cursor.fetchall() == [(1,)]
    assert decommission(source, source_url, confirmation=source.name) == []


def test_a_publication_of_somebody_else_is_left_to_its_owner_with_the_command_to_run(source, source_url, postgres):
    reader = f"reader_of_{source.name}"
    at_source(source_url, f"CREATE ROLE {reader} LOGIN REPLICATION PASSWORD 'a test''s own'")
    url = postgres.url(source_url.rsplit("/", 1)[1], user=reader, password="a test's own")
    command = f'DROP PUBLICATION "{source.publication}"'
    try:
        with pytest.raises(FatalError, match="only its owner may drop it") as caught:
            decommission(source, url, confirmation=source.name)
        assert caught.value.fix.endswith(f"run: {command};")
        assert kept_for(source, source_url) == [(source.publication,)]
        at_source(source_url, command)
        assert decommission(source, url, confirmation=source.name) == []
    finally:
        at_source(source_url, f"DROP ROLE {reader}")
