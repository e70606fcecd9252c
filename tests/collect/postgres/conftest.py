"""A source under test: SQL goes in on one side, landed rows come out on the other."""

import time
from datetime import UTC, datetime

import psycopg2
import pytest

from include.collect.postgres import PostgresReader
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource
from include.warehouse.connection import connect, transaction
from include.warehouse.landing import land, position

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Line:
    """A source database, its declaration and the warehouse it lands in."""

    def __init__(self, source_url, warehouse_url, *tables, key=None, **options):
        self.url, self.warehouse, self.key = source_url, warehouse_url, key
        name = "s" + source_url.rsplit("_", 1)[1]
        self.source = PostgresSource(name=name, connection="x", tables=tables, **options)

    def execute(self, *statements):
        """Each argument is one transaction; a tuple is one of several statements."""
        connection = psycopg2.connect(self.url)
        for statement in statements:
            with connection, connection.cursor() as cursor:
                for part in [statement] if isinstance(statement, str) else statement:
                    cursor.execute(part)
        connection.close()

    def query(self, statement):
        connection = connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall()
        connection.close()
        return rows

    def collect(self, **changes):
        source = self.source.model_copy(update=changes)
        return collect_postgres(source, self.url, self.warehouse, at=AT, key=self.key)

    def reader(self):
        return PostgresReader(self.source, self.url, self.key)

    def land(self, batch):
        with transaction(self.warehouse) as connection:
            return land(connection, batch, AT)

    def position(self):
        with transaction(self.warehouse) as connection:
            return position(connection, self.source.name)

    def landed(self, table, columns="*", where="true"):
        """Rows of a landing table in the order of their intervals."""
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute(
                f'SELECT {columns} FROM landing."{self.source.name}_{table}" WHERE {where} ORDER BY _seq_from, 1'
            )
            return [tuple(row) for row in cursor.fetchall()]

    def tally(self, table, *by):
        """How many rows a landing table has for each combination of the expressions `by`."""
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            groups = ", ".join(by)
            cursor.execute(
                f'SELECT {groups}, count(*) FROM landing."{self.source.name}_{table}"'
                f" GROUP BY {groups} ORDER BY {groups}"
            )
            return [tuple(row) for row in cursor.fetchall()]

    def current(self, table, columns="*"):
        return sorted(self.landed(table, columns, "_seq_to IS NULL"), key=repr)

    def slot(self, column="confirmed_flush_lsn::text"):
        rows = self.query(f"SELECT {column} FROM pg_replication_slots WHERE slot_name = '{self.source.slot}'")
        return rows[0][0] if rows else None

    @staticmethod
    def wait_until(condition):
        """The server hears of some things a moment later; fail after 20 s."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def line(source_url, warehouse_url):
    """Makes a Line for the given tables."""

    def make(*tables, **options):
        return Line(source_url, warehouse_url, *tables, **options)

    return make


@pytest.fixture
def shop(line):
    """A source with an empty table of items, which no run has read."""
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY, name text)")
    return shop
